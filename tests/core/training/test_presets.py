"""Presets: every shipped one builds a model, merging has an order and remembers where from."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tvae_core.model.config import TVAEConfig
from tvae_core.training.presets import (
    CORE_PRESETS,
    MODEL_FIELDS,
    TRAIN_FIELDS,
    TrainSettings,
    find_presets,
    load_preset,
    merge,
)

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = sorted([*CORE_PRESETS.glob("*.toml"), *ROOT.glob("domains/*/presets/*.toml")])


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: f"{p.parent.parent.name}-{p.stem}")
def test_every_shipped_preset_builds(path: Path) -> None:
    merged = merge([path.stem], [CORE_PRESETS, path.parent], {})
    config = TVAEConfig(**merged.model)
    settings = TrainSettings(**merged.train)
    content = tomllib.loads(path.read_text())
    assert content["description"].strip()
    for key, value in content.get("model", {}).items():
        found = getattr(config, key)
        assert (list(found) if isinstance(value, list) else found) == value
        assert merged.origin[key] == f"preset {path.stem}"
    for key, value in content.get("train", {}).items():
        assert getattr(settings, key) == value


def test_there_are_shipped_presets_with_distinct_names() -> None:
    assert len(SHIPPED) >= 4
    assert {"smiles_base", "smiles_small"} <= {path.stem for path in SHIPPED}


def test_settings_are_settings_of_the_config_with_the_types_of_their_defaults() -> None:
    plain = TVAEConfig()
    for name, kind in MODEL_FIELDS.items():
        assert type(getattr(plain, name)) is kind, name
    assert not set(MODEL_FIELDS) & set(TRAIN_FIELDS)


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    texts = {
        "one/small": '[model]\nd_model = 32\nnoise = "none"\n[train]\nmax_steps = 5',
        "one/long": "[model]\nd_model = 48\n[train]\nmax_steps = 50\nseed = 3",
        "two/small": "[model]\nd_model = 64",
        "two/blocks": "[model]\nencoder_blocks = [2, 1]",
        "two/wrong_key": "[model]\nd_modle = 3",
        "two/wrong_train_key": "[train]\nmaxsteps = 3",
        "two/wrong_table": "[models]\nd_model = 3",
        "two/not_toml": "[model\nd_model 3",
    }
    for name, text in texts.items():
        file = tmp_path / f"{name}.toml"
        file.parent.mkdir(exist_ok=True)
        file.write_text('description = "x"\n' + text if "not" not in name else text)
    return [tmp_path / "one", tmp_path / "two"]


def test_later_presets_and_flags_win_and_are_named(folders: list[Path]) -> None:
    merged = merge(["small", "long"], folders[:1], {"seed": 9}, {"n_latent": 7, "d_model": 8})
    assert merged.model == {"n_latent": 7, "d_model": 48, "noise": "none"}
    assert (merged.train["max_steps"], merged.train["seed"]) == (50, 9)
    assert merged.origin == {
        "n_latent": "domain default",
        "d_model": "preset long",
        "noise": "preset small",
        "max_steps": "preset long",
        "seed": "flag --seed",
    }
    assert merged.presets == ("small", "long")
    swapped = merge(["long", "small"], folders[:1], {})
    assert (swapped.model["d_model"], swapped.train["max_steps"]) == (32, 5)
    assert swapped.train["seed"] == 3
    assert swapped.train["batch_size"] == TrainSettings().batch_size


def test_later_folders_win(folders: list[Path]) -> None:
    assert find_presets(folders)["small"] == folders[1] / "small.toml"
    assert load_preset("small", folders)["model"] == {"d_model": 64}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("smal", "unknown preset 'smal'; did you mean small"),
        ("zzz", "unknown preset 'zzz'; there are long, small, blocks"),
        ("wrong_key", r"wrong_key\.toml: \[model\] has no setting 'd_modle'; did you mean d_model"),
        ("wrong_train_key", r"\[train\] has no setting 'maxsteps'; did you mean max_steps"),
        ("wrong_table", r"wrong_table\.toml: unknown table or key 'models'"),
        ("not_toml", r"not_toml\.toml is not TOML: .*line 1"),
    ],
)
def test_mistakes_name_the_file_and_the_nearest(
    name: str, message: str, folders: list[Path]
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        merge([name], folders, {})
    assert "\n" not in str(caught.value)


def test_an_unknown_flag_is_refused() -> None:
    with pytest.raises(ValueError, match="no setting 'speed'"):
        merge([], [], {"speed": 3})


@pytest.mark.parametrize(
    "flags",
    [
        {"encoder_blocks": (2, 1), "sigma_min": 1e-05, "resume": False},
        {"data": 'a "quoted" name', "output": "C:\\runs\\new"},
        {"learning_rate": 1e22},
    ],
)
def test_the_table_is_toml_that_says_the_same(flags: dict[str, Any], folders: list[Path]) -> None:
    merged = merge(["small"], folders[:1], flags)
    tables = tomllib.loads(merged.table())
    model = {key: tuple(v) if isinstance(v, list) else v for key, v in tables["model"].items()}
    assert model == merged.model
    assert tables["train"] == merged.train
    assert "# flag --" in merged.table()
    assert "# preset small" in merged.table()
    assert "# default" in merged.table()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_steps", 0),
        ("batch_size", 0),
        ("eval_batch_size", 0),
        ("log_steps", 0),
        ("save_steps", -1),
        ("prior_codes", 0),
        ("prior_width", 0),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("max_grad_norm", -1.0),
        ("limit", -1),
        ("eval_steps", -1),
        ("warmup_steps", -1),
        ("mmd_warmup_steps", -1),
        ("prior_steps", -1),
        ("threads", -1),
        ("precision", "fp8"),
        ("track", "mlflow"),
        ("track", "wandb,mlflow"),
    ],
)
def test_impossible_settings_are_named(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        TrainSettings(**{name: value})


@pytest.mark.parametrize(
    ("track", "names"),
    [
        ("none", []),
        ("", []),
        ("wandb", ["wandb"]),
        ("wandb, tensorboard", ["wandb", "tensorboard"]),
    ],
)
def test_trackers(track: str, names: list[str]) -> None:
    assert TrainSettings(track=track).trackers() == names
