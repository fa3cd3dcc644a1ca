"""Presets: every shipped one builds a model, merging has an order and remembers where from."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch

from tvae_core.bench.baseline import OriginalVAE
from tvae_core.model.config import TVAEConfig
from tvae_core.model.vae import TransformerVAE
from tvae_core.training.presets import CORE_PRESETS, TrainSettings, find_presets, load_preset, merge

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = sorted([*CORE_PRESETS.glob("*.toml"), *ROOT.glob("domains/*/presets/*.toml")])


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: f"{p.parent.parent.name}-{p.stem}")
def test_every_shipped_preset_builds_alone_and_on_top_of_base(path: Path) -> None:
    content = tomllib.loads(path.read_text())
    assert content["description"].strip()
    for names in ([path.stem], ["base", path.stem]):
        merged = merge(names, [CORE_PRESETS, path.parent], {})
        config, settings = TVAEConfig(**merged.model), TrainSettings(**merged.train)
        for table, made in (("model", config), ("train", settings)):
            for key, value in content.get(table, {}).items():
                found = getattr(made, key)
                assert (list(found) if isinstance(value, list) else found) == value
                assert merged.origin[key] == f"preset {path.stem}"


def test_the_names_of_the_original_are_there() -> None:
    assert set(find_presets([CORE_PRESETS])) == {
        *("base", "large_model", "funnel_tiny", "funnel_small", "funnel_medium"),
        *("window60", "window120", "window200"),
        *("grad_check_pnt", "grad_check_pnt_enc", "adafactor", "muon"),
        *("full_1_tkn", "full_5_tkn", "full_30_tkn", "half_5_tkn", "qrtr_5_tkn"),
        *("eigth_5_tkn", "tenth_5_tkn", "16th_5_tkn", "cmp_5_tkn"),
        *("full_15_tkn", "32_latent", "grad_check_pnt_decoder"),
        *("batch_small", "batch_medium", "batch_large", "5Seq", "30Seq", "60Seq"),
        *("grad_accumulation_small", "grad_accumulation_medium"),
        *("eval", "no_reg", "cycle_loss", "interpolate_batch", "finetune", "coarse"),
    }


@pytest.mark.parametrize(
    ("names", "millions"),
    [
        (["base"], 276.3),
        (["large_model"], 764.1),
        (["base", "funnel_tiny"], 161.1),
        (["base", "funnel_medium"], 207.2),
    ],
    ids=lambda x: x if isinstance(x, float) else x[-1],
)
def test_about_as_many_weights_as_the_original(names: list[str], millions: float) -> None:
    config = TVAEConfig(vocab_size=32_128, **merge(names, [CORE_PRESETS], {}).model)
    with torch.device("meta"):
        original, ours = (
            sum(weight.numel() for weight in kind(config).parameters())
            for kind in (OriginalVAE, TransformerVAE)
        )
    assert original / 1e6 == pytest.approx(millions, abs=0.1)
    assert ours == pytest.approx(original, rel=0.03)


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    texts = {
        "one/small": '[model]\nd_model = 32\nnoise = "none"\n[train]\nmax_steps = 5',
        "one/long": "[model]\nd_model = 48\n[train]\nmax_steps = 50\nseed = 3",
        "two/small": "[model]\nd_model = 64",
        "two/blocks": "[model]\nencoder_blocks = [2, 1]",
    }
    for name, text in texts.items():
        file = tmp_path / f"{name}.toml"
        file.parent.mkdir(exist_ok=True)
        file.write_text('description = "x"\n' + text)
    return [tmp_path / "one", tmp_path / "two"]


def test_later_presets_folders_and_flags_win_and_are_named(folders: list[Path]) -> None:
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
    assert (swapped.train["seed"], swapped.train["batch_size"]) == (3, TrainSettings().batch_size)
    assert load_preset("small", folders)["model"] == {"d_model": 64}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[model]\nd_modle = 3",
            r"odd\.toml: \[model\] has no setting 'd_modle'; did you mean d",
        ),
        ("[train]\nmaxsteps = 3", r"\[train\] has no setting 'maxsteps'; did you mean max_steps"),
        ("[models]\nd_model = 3", r"odd\.toml: unknown table or key 'models'"),
        ("[model\nd_model 3", r"odd\.toml is not TOML: .*line 1"),
        ("model = 3", r"odd\.toml: \[model\] is no table"),
        ("[model]\nd_model = 'wide'", r"odd\.toml: d_model must be a whole number, not 'wide'"),
        ("[train]\nbatch_size = 1000000000000", r"odd\.toml: batch_size must be at most"),
        ("x = " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ("\udcff", "is not TOML"),
    ],
)
def test_mistakes_in_a_file_name_it_and_the_nearest(
    text: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "odd.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=message) as caught:
        merge(["odd"], [tmp_path], {})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "flags", "message"),
    [
        (["smal"], {}, "unknown preset 'smal'; did you mean small"),
        (["zzz"], {}, "unknown preset 'zzz'; there are long, small, blocks"),
        ([], {"speed": 3}, "there is no setting 'speed'"),
        ([], {"max_length": 10**10}, "max_length must be at most"),
        (["small"], {"n_latent": 300, "latent_size": 300}, "n_latent .* must be at most 65,536"),
    ],
)
def test_mistakes_on_the_command_line(
    names: list[str], flags: dict[str, Any], message: str, folders: list[Path]
) -> None:
    with pytest.raises(ValueError, match=message):
        merge(names, folders, flags)


@pytest.mark.parametrize(
    "flags",
    [
        {"encoder_blocks": (2, 1), "sigma_min": 1e-05, "resume": False},
        {"data": 'a "quoted" name', "output": "C:\\runs\\new", "learning_rate": 1e22},
    ],
)
def test_the_table_is_toml_that_says_the_same(flags: dict[str, Any], folders: list[Path]) -> None:
    merged = merge(["small"], folders[:1], flags)
    tables = tomllib.loads(merged.table())
    model = {key: tuple(v) if isinstance(v, list) else v for key, v in tables["model"].items()}
    assert (model, tables["train"]) == (merged.model, merged.train)
    for origin in ("# flag --", "# preset small", "# default"):
        assert origin in merged.table()
