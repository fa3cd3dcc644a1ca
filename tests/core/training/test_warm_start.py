"""A run that begins with a bundle: its weights, its architecture, its tokens; and resuming it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tvae_core.bundle import load_bundle, save_bundle
from tvae_core.data.batches import collate
from tvae_core.data.prepared import PreparedSet
from tvae_core.model.prior import PriorSet
from tvae_core.model.vae import TransformerVAE
from tvae_core.space import LatentSpace
from tvae_core.support.errors import BundleError
from tvae_core.support.files import sha256_file
from tvae_core.training.presets import merge
from tvae_core.training.run import Run
from tvae_core.training.warm_start import (
    DATA_FILE,
    START_FILE,
    WARM_UPS,
    begin,
    configured,
    first_model,
)

SHAPE = ("d_model", "n_heads", "d_ff", "encoder_blocks", "decoder_layers", "n_latent")
ON = dict.fromkeys((*SHAPE, "latent_size", "sigma_max", "mmd_memory", "mmd_warmup_steps"))
"""Settings of the model that the bundle is left to give."""
SHORT = {
    "max_steps": 2,
    "log_steps": 1,
    "save_steps": 2,
    "eval_steps": 0,
    "learning_rate": 1e-4,
    "warmup_steps": 1,
    "final": "quick",
}
"""A run at a low learning rate: what it shows is where it began."""


@pytest.fixture
def parent(trained: Any, trained_space: LatentSpace, toy_tokenizer: Any, tmp_path: Path) -> Path:
    """The bundle of a model that has learned the forty strings of `go`."""
    manifest = {"domain": "toy"}
    return save_bundle(
        tmp_path / "parent", trained.model, toy_tokenizer, trained_space.priors, manifest, "card"
    )


def first_line(run: Run) -> dict[str, Any]:
    lines = [json.loads(line) for line in (run.folder / "log.jsonl").read_text().splitlines()]
    return next(line for line in lines if "reconstruction" in line)


def test_a_run_begins_where_the_bundle_stands(parent: Path, go: Callable[..., Run]) -> None:
    bundle = load_bundle(parent)
    on = go("on", start=str(parent), **(ON | SHORT))
    fresh = go("fresh", **SHORT)
    data = PreparedSet(parent.parent / "data", "toy").rows("train")
    rows = collate([data[i] for i in range(len(data))])
    bundle.model.train()
    with torch.no_grad():
        stands = sum(float(bundle.model(**rows).reconstruction) for _ in range(20)) / 20
    first = first_line(on)
    assert first["reconstruction"] == pytest.approx(stands, abs=0.4)
    assert first["reconstruction"] < first_line(fresh)["reconstruction"] / 3
    assert first["mmd_weight"] == bundle.model.config.mmd_weight > 0

    child = load_bundle(on.bundle)
    assert child.manifest["start"] == bundle.hash
    assert "start" not in child.manifest["settings"]
    assert str(parent) not in json.dumps(child.manifest)
    assert f"the bundle `{bundle.hash}`" in (on.bundle / "README.md").read_text()
    assert "start" not in load_bundle(fresh.bundle).manifest
    assert "began with" not in (fresh.bundle / "README.md").read_text()
    for name in (*SHAPE, "latent_size", "mmd_weight", "sigma_max", "max_length", "norm_eps"):
        assert getattr(child.model.config, name) == getattr(bundle.model.config, name), name
    settings = tomllib.loads((on.folder / "settings.toml").read_text())
    assert [settings["train"][name] for name in WARM_UPS] == [0, 0, 0]


def test_a_checkpoint_wins_over_the_bundle(parent: Path, go: Callable[..., Run]) -> None:
    """A finished run is not begun again, and none goes on under another beginning."""
    on = go("run", start=str(parent), **(ON | SHORT))
    weights = sha256_file(on.bundle / "model.safetensors")
    assert weights != sha256_file(parent / "model.safetensors")
    go("run", start=str(parent), **(ON | SHORT))
    assert sha256_file(on.bundle / "model.safetensors") == weights
    own = load_bundle(parent).hash
    with pytest.raises(ValueError, match=f"began with the bundle {own}, not with .*--output"):
        go("run", start=str(on.bundle), **(ON | SHORT))
    (on.folder / START_FILE).rename(parent.parent / "aside")
    with pytest.raises(ValueError, match="began with random weights, not with the bundle"):
        go("run", start=str(parent), **(ON | SHORT))
    (parent.parent / "aside").rename(on.folder / START_FILE)
    config = load_bundle(parent).model.config
    alike = {name: getattr(config, name) for name in (*SHAPE, "latent_size")}
    with pytest.raises(ValueError, match=f"began with the bundle {own}: name it with --start"):
        go("run", **(SHORT | alike))
    data = on.folder / DATA_FILE
    kept = json.loads(data.read_text())
    assert set(kept) >= {"counts", "seed"}
    data.write_text(json.dumps(kept | {"counts": {"train": 1}}))
    with pytest.raises(ValueError, match=r"trained on other data \(counts .*--output"):
        go("run", start=str(parent), **(ON | SHORT))
    data.unlink()  # of a version that did not write it down
    go("run", start=str(parent), **(ON | SHORT))
    over = go("run", resume=False, **SHORT)
    assert not (over.folder / START_FILE).exists()
    assert "start" not in load_bundle(over.bundle).manifest


@pytest.fixture
def bundle(tmp_path: Path, tiny_model: Callable[..., TransformerVAE], toy_tokenizer: Any) -> Path:
    """An untrained bundle with a normalised code whose statistics are not those of a new one."""
    model = tiny_model(latent_norm="running", max_length=40)
    assert model.readout.running is not None
    model.readout.running.mean.fill_(0.25)
    priors = PriorSet(model.config.code_size, width=8, depth=1)
    return save_bundle(tmp_path / "b", model, toy_tokenizer, priors, {"domain": "toy"}, "card")


def test_weights_and_running_statistics_are_the_bundles(bundle: Path) -> None:
    merged, start = begin(merge([], [], {"start": str(bundle), "dropout": 0.5}), "toy")
    assert start is not None
    config = configured(merged.model, 14, 10, start)
    assert (config.dropout, config.max_length, config.initializer_range) == (0.5, 40, 0.2)
    assert configured(merged.model, 14, 100, start).max_length == 150
    model = first_model(config, start)
    wanted = load_bundle(bundle).model.state_dict()
    assert all(torch.equal(value, wanted[name]) for name, value in model.state_dict().items())
    assert model.state_dict()["readout.running.mean"].eq(0.25).all()
    assert not start.weights


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            {"d_model": 64},
            "flag --d-model asks for d_model 64, but .* has d_model 32: leave it out",
        ),
        (
            {"encoder_blocks": (2, 2)},
            r"encoder_blocks \[2, 2\], but .* has encoder_blocks \[1, 1\]",
        ),
        ({"latent_norm": "none"}, "latent_norm none, but .* has latent_norm running"),
        ({"rope_theta": 500.0}, r"rope_theta 500.0, but .* has rope_theta 10000.0"),
    ],
)
def test_another_architecture_is_refused(flags: dict[str, Any], said: str, bundle: Path) -> None:
    with pytest.raises(ValueError, match=said):
        begin(merge([], [], {"start": str(bundle)} | flags), "toy")


def test_a_preset_is_named_and_what_agrees_is_taken(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "wide.toml").write_text('description = "x"\n[model]\nd_model = 64')
    (tmp_path / "same.toml").write_text(
        'description = "x"\n[model]\nd_model = 32\nencoder_blocks = [1, 1]\nsigma_max = 2.5\n'
        "[train]\nmoment_start = 300\nmmd_warmup_steps = 70"
    )
    flags = {"start": str(bundle), "mmd_warmup_steps": 7}
    with pytest.raises(ValueError, match="preset wide asks for d_model 64"):
        begin(merge(["wide"], [tmp_path], flags), "toy")
    merged, _ = begin(merge(["same"], [tmp_path], flags), "toy")
    assert (merged.model["sigma_max"], merged.model["latent_size"]) == (2.5, 4)
    assert merged.origin["latent_size"] == f"bundle {bundle}"
    assert (merged.train["moment_start"], merged.train["mmd_warmup_steps"]) == (0, 7)


def test_without_a_start_nothing_changes() -> None:
    merged = merge([], [], {})
    assert begin(merged, "toy") == (merged, None)


def test_a_bundle_that_cannot_be_used(bundle: Path) -> None:
    with pytest.raises(BundleError, match="is a 'toy' bundle, not 'smiles'"):
        begin(merge([], [], {"start": str(bundle)}), "smiles")
    (bundle / "config.json").write_text("{}")
    with pytest.raises(BundleError, match="damaged"):
        begin(merge([], [], {"start": str(bundle)}), "toy")


def test_another_tokenizer_is_refused_before_any_step(
    bundle: Path, prepared: Callable[..., Path], words: Callable[..., list[str]], go: Any
) -> None:
    data = prepared({"train": words(40), "test": words(8, seed=1)}, name="other")
    file = data / "tokenizer.json"
    start = begin(merge([], [], {"start": str(bundle)}), "toy")[1]
    assert start is not None
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"truncation": None}))
    start.check_tokenizer(data, "toy")
    vocab = content["model"]["vocab"]
    vocab["1"], vocab["2"] = vocab["2"], vocab["1"]
    file.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"another tokenizer .*data_prep.toy --bundle"):
        go("run", data, start=str(bundle), **(ON | SHORT))
    assert not (data.parent / "run").exists()
