"""A whole run on the toy language: settings in, bundle out, killed and repeated."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tvae_core.bundle import load_bundle
from tvae_core.space import LatentSpace
from tvae_core.support.files import sha256_file
from tvae_core.training.presets import Merged, merge
from tvae_core.training.run import Run
from tvae_core.training.set_up import wants_bf16


def strict(text: str) -> Any:
    """JSON as other programs read it, which know no NaN."""

    def refuse(name: str) -> NoReturn:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


def weights(run: Run) -> str:
    return sha256_file(run.bundle / "model.safetensors")


def lines(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def test_a_run_leaves_a_bundle_and_its_records(
    go: Callable[..., Run], toy: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    run = go("run", report=True)
    captured = capsys.readouterr()
    assert "12/12" in captured.err
    assert "step/s" in captured.err
    assert "40 items of" in captured.err
    names = {p.name for p in run.folder.iterdir()}
    assert names >= {"settings.toml", "log.jsonl", "bundle", "evaluation.json", "checkpoint-12"}
    assert f"report: {run.folder / 'report.html'}" in captured.err
    assert (run.folder / "report.html").stat().st_size > 0
    settings = tomllib.loads((run.folder / "settings.toml").read_text())
    assert settings["train"]["max_steps"] == 12
    assert settings["model"]["d_model"] == 16
    space = LatentSpace.load(run.bundle, toy)
    assert len(space.sample(5).texts) == 5
    manifest = space.bundle.manifest
    assert manifest["steps"] == 12
    assert manifest["items_seen"] == 120
    assert manifest["data"]["source"] == "toy"
    assert manifest["defaults"].keys() == {"sample_fidelity", "path_noise", "beams", "cycles"}
    assert manifest["parameters"] == sum(p.numel() for p in space.model.parameters())
    assert space.model.config.max_length >= 6
    card = (run.bundle / "README.md").read_text()
    assert "| `reconstruction_exact` |" in card
    assert "2 x 4 numbers a code" in card
    found = [line for line in lines(run.folder) if "loss" in line]
    assert {"reconstruction", "mmd", "mmd_weight", "token_accuracy", "code_cov_max"} <= set(
        found[0]
    )
    (probe,) = [line for line in lines(run.folder) if "eval_reconstruction_exact" in line]
    assert probe["step"] == 6
    assert {"eval_prior_valid", "eval_interpolation_distinct", "eval_cycle_r2"} <= set(probe)


def test_stdout_is_left_to_the_command(
    go: Callable[..., Run], capsys: pytest.CaptureFixture[str]
) -> None:
    go("run", max_steps=3)
    assert "{" not in capsys.readouterr().out


def test_an_evaluation_takes_no_line_from_the_log(go: Callable[..., Run]) -> None:
    run = go("run")
    steps = [line["step"] for line in lines(run.folder) if "reconstruction" in line]
    assert steps == [3, 6, 9, 12]


def test_records_are_json_for_everyone(go: Callable[..., Run]) -> None:
    """A young model has no valid sample, so some of its numbers are none."""
    run = go("run", learning_rate=1e-6)
    flat = strict((run.folder / "evaluation.json").read_text())
    assert flat["reconstruction_exact"] == run.evaluation.metrics["reconstruction_exact"]
    for line in (run.folder / "log.jsonl").read_text().splitlines():
        strict(line)
    strict((run.bundle / "manifest.json").read_text())


def test_a_card_knows_its_code_without_being_told(go: Callable[..., Run]) -> None:
    run = go("run", n_latent=None, latent_size=None, max_steps=1)
    assert "4 x 32 numbers a code" in (run.bundle / "README.md").read_text()


def test_a_seed_gives_the_same_bundle_however_it_is_watched(go: Callable[..., Run]) -> None:
    first = go("first")
    again = go("again", eval_steps=0, log_steps=1)
    other = go("other", seed=1)
    assert weights(first) == weights(again)
    assert weights(first) != weights(other)
    priors = [sha256_file(run.bundle / "prior.safetensors") for run in (first, again)]
    assert priors[0] == priors[1]


def test_a_finished_run_is_not_trained_again(
    go: Callable[..., Run], capsys: pytest.CaptureFixture[str]
) -> None:
    first = weights(go("run"))
    capsys.readouterr()
    assert weights(go("run")) == first
    assert "resuming from checkpoint-12" in capsys.readouterr().err
    longer = go("run", max_steps=15)
    assert weights(longer) != first
    assert load_bundle(longer.bundle).manifest["steps"] == 15
    assert go("run", resume=False, max_steps=3).folder == longer.folder
    assert load_bundle(longer.bundle).manifest["steps"] == 3


def test_a_run_of_another_shape_is_not_resumed_blindly(go: Callable[..., Run]) -> None:
    go("run", max_steps=6)
    with pytest.raises(ValueError, match=r"checkpoint|resume") as caught:
        go("run", d_model=24)
    assert "\n" not in str(caught.value)


def test_a_limit_is_kept(go: Callable[..., Run], capsys: pytest.CaptureFixture[str]) -> None:
    go("run", limit=13, max_steps=2)
    assert "13 items of" in capsys.readouterr().err


def untouched(data: Path, folder: str) -> bool:
    """No step was trained before the mistake was told."""
    return not list((data.parent / folder).glob("checkpoint-*"))


def test_held_out_items_may_be_longer_than_any_of_training(
    go: Callable[..., Run], prepared: Callable[..., Path], words: Callable[..., list[str]]
) -> None:
    texts, long = words(44), words(4, shortest=30, longest=40)
    data = prepared({"train": texts[:40], "test": [*texts[40:], *long]}, name="long")
    assert go("run", data, max_steps=2).bundle.is_dir()


def test_a_model_for_shorter_items_is_refused_before_any_step(
    go: Callable[..., Run], prepared: Callable[..., Path], words: Callable[..., list[str]]
) -> None:
    data = prepared({"train": words(40), "test": words(8, seed=1)}, name="data2")
    with pytest.raises(ValueError, match=r"max.length"):
        go("run", data, max_length=3, max_steps=2)
    assert untouched(data, "run")


def test_too_little_held_out_data_is_told_before_any_step(
    go: Callable[..., Run], prepared: Callable[..., Path], words: Callable[..., list[str]]
) -> None:
    data = prepared({"train": words(20), "test": words(3, seed=1)}, name="few")
    with pytest.raises(ValueError, match=r"held-out|test"):
        go("run", data, max_steps=2)
    assert untouched(data, "run")


@pytest.mark.parametrize("flags", [{"prior_steps": 0}, {"prior_codes": 1}, {"limit": 1}])
def test_the_smallest_settings_work_or_are_refused_before_any_step(
    flags: dict[str, int], go: Callable[..., Run], tmp_path: Path
) -> None:
    refusal = ""
    try:
        assert go("run", max_steps=2, **flags).bundle.is_dir()
    except ValueError as error:
        refusal = str(error)
    assert "\n" not in refusal
    assert not refusal or untouched(tmp_path / "data", "run")


def test_a_loss_that_is_not_finite_leaves_no_bundle(go: Callable[..., Run], tmp_path: Path) -> None:
    with pytest.raises(FloatingPointError, match="not finite"):
        go("run", learning_rate=1e38, max_grad_norm=1e38, warmup_steps=0)
    assert not (tmp_path / "run" / "bundle").exists()


@pytest.mark.parametrize("name", ["wandb", "tensorboard"])
def test_a_tracker_that_is_not_installed_is_named(
    name: str, go: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ValueError, match=f"pip install {name}"):
        go("run", track=name)


def test_precision() -> None:
    assert wants_bf16("bf16")
    assert not wants_bf16("fp32")
    assert isinstance(wants_bf16("auto"), bool)


def test_bf16_trains(go: Callable[..., Run], capsys: pytest.CaptureFixture[str]) -> None:
    run = go("run", precision="bf16", max_steps=3)
    assert "bf16" in capsys.readouterr().err
    assert run.evaluation.metrics["token_accuracy"] >= 0


def test_every_way_to_save_memory_trains_and_is_recorded(go: Callable[..., Run], toy: Any) -> None:
    run = go(
        "run",
        decoder_layers=2,
        window_size=3,
        window_overlap=1,
        gradient_checkpoint_encoder=True,
        decoder_grad_chk_pnt_rate=1,
        gradient_accumulation_steps=2,
        optimizer="adafactor",
    )
    space = LatentSpace.load(run.bundle, toy)
    assert space.model.config.window_size == 3
    assert space.bundle.manifest["items_seen"] == 240
    assert space.bundle.manifest["settings"]["optimizer"] == "adafactor"
    (probe,) = [line for line in lines(run.folder) if "eval_interpolation_distinct" in line]
    assert 0 <= probe["eval_interpolation_valid"] <= 1
    assert len(space.interpolate("123", "456", steps=5)) == 5


@pytest.mark.parametrize(
    "flag", [{"gradient_checkpoint_encoder": True}, {"decoder_grad_chk_pnt_rate": 1}], ids=str
)
def test_checkpointing_leaves_the_run_as_it_is(
    flag: dict[str, Any], go: Callable[..., Run]
) -> None:
    plain, checked = go("plain", decoder_layers=2), go("checked", decoder_layers=2, **flag)
    for a, b in zip(lines(plain.folder), lines(checked.folder), strict=True):
        if "reconstruction" in a:
            assert b["reconstruction"] == pytest.approx(a["reconstruction"], abs=1e-5)


def test_merged_settings_are_plain(run_flags: dict[str, Any]) -> None:
    merged = merge([], [], run_flags)
    assert isinstance(merged, Merged)
    json.dumps(merged.train | merged.model)
