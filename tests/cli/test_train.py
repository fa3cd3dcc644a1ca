"""`python -m domains.smiles.train`, on molecules of one's own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from domains.smiles.domain import BUNDLE
from tvae_core.bundle import load_bundle
from tvae_core.support.files import sha256_file

ROOT = Path(__file__).resolve().parents[2]

# Kills itself as the kernel would, once the given step is done.
KILLED = """
import os, signal, sys
from domains.smiles.commands import COMMANDS
from tvae_core.training import tracking
from tvae_core.cli.train import train_command

done = tracking.ProgressLog.on_step_end

def on_step_end(self, args, state, control, **kwargs):
    done(self, args, state, control, **kwargs)
    if state.global_step == 53:
        os.kill(os.getpid(), signal.SIGKILL)

tracking.ProgressLog.on_step_end = on_step_end
train_command(COMMANDS, sys.argv[1:])
"""


def log(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def test_a_training_shows_its_rate_and_ends_in_a_bundle(trained: Any, data: Path) -> None:
    run, result = trained
    assert "32 items of" in result.err
    assert "120/120" in result.err
    assert "step/s" in result.err
    assert "items/s=" in result.err
    assert "Traceback" not in result.err
    assert "reconstruction_exact" in result.out
    assert result.out.splitlines()[-1] == f"bundle: {run / 'bundle'}"
    bundle = load_bundle(run / "bundle", "smiles")
    assert bundle.manifest["presets"] == ["smiles_small"]
    assert bundle.manifest["data"]["source"] == "own.smi"
    assert bundle.manifest["data"]["counts"]["train"] > 250
    assert (run / "bundle" / "known.bin").is_file()
    assert not [p for p in data.parent.iterdir() if p.name.startswith(".")]


def test_results_alone_are_on_stdout(trained: Any) -> None:
    _, result = trained
    assert "{" not in result.out
    assert "grad_norm" not in result.out


def test_the_bundle_has_learned_something(trained: Any) -> None:
    metrics = json.loads((trained[0] / "evaluation.json").read_text())
    assert metrics["prior_valid"] > 0.4
    steps = [line for line in log(trained[0]) if "loss" in line]
    assert steps[-1]["reconstruction"] < 0.5 * steps[0]["reconstruction"]
    assert any("eval_prior_valid" in line for line in log(trained[0]))


def test_the_merged_settings_are_kept(trained: Any) -> None:
    text = (trained[0] / "settings.toml").read_text()
    found = tomllib.loads(text)
    assert found["model"]["d_model"] == 128
    assert found["train"]["max_steps"] == 120
    assert "# flag --max-steps" in text


@pytest.mark.parametrize("spelling", ["--max-steps", "--max_steps"])
def test_a_dry_run_prints_settings_with_their_origin(
    spelling: str, command: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    flags = (spelling, "7", "--encoder_blocks", "2_1", "--data", "nowhere")
    result = command("train", "smiles_small", "fixed_noise", *flags, "--dry-run")
    assert (result.code, result.err) == (0, "")
    found = tomllib.loads(result.out)
    assert found["train"]["max_steps"] == 7
    assert found["model"]["encoder_blocks"] == [2, 1]
    assert found["model"]["noise"] == "fixed"
    lines = [line for line in result.out.splitlines() if " = " in line]
    origins = {line.split(" = ")[0]: line.partition("# ")[2] for line in lines}
    assert origins["max_steps"] == "flag --max-steps"
    assert origins["noise"] == "preset fixed_noise"
    assert origins["d_model"] == "preset smiles_small"
    assert origins["weight_decay"] == "default"
    assert list(tmp_path.iterdir()) == []


def test_a_start_brings_a_recipe_and_its_architecture(command: Callable[..., Any]) -> None:
    result = command("train", "--start", BUNDLE, "--moment-warmup", "4", "--dry-run")
    assert (result.code, result.err) == (0, "")
    lines = [line for line in result.out.splitlines() if " = " in line]
    found = {line.split(" = ")[0]: line.split(" = ")[1] for line in lines}
    assert "# preset finetune" in found["learning_rate"]
    assert found["d_model"].split() == ["256", "#", "bundle", str(BUNDLE)]
    assert found["moment_start"].split() == ["0", "#", "bundle", str(BUNDLE)]
    assert found["moment_warmup"].split() == ["4", "#", "flag", "--moment-warmup"]


def test_a_killed_training_goes_on_to_the_same_weights(
    trained: Any, data: Path, flags: list[str], command: Callable[..., Any], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    arguments = ["smiles_small", *flags, "--data", str(data), "--output", str(run)]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments], cwd=ROOT, env=os.environ, capture_output=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert not (run / "bundle").exists()
    assert max(line["step"] for line in log(run)) == 50
    result = command("train", *arguments)
    assert result.code == 0, result.err
    assert "resuming from checkpoint-40" in result.err
    steps = [line["step"] for line in log(run)]
    assert steps == [line["step"] for line in log(trained[0])]
    weights = [sha256_file(folder / "bundle" / "model.safetensors") for folder in (run, trained[0])]
    assert weights[0] == weights[1]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["smiles_smal"], 2, "unknown preset 'smiles_smal'; did you mean smiles_small"),
        (["--max-step", "5"], 2, "unknown argument --max-step; did you mean --max-steps?"),
        (["--max-steps", "0"], 2, "max_steps must be at least 1, not 0"),
        (["--max-steps", "few"], 2, "--max-steps: invalid int value: 'few'"),
        (["--encoder-blocks", "2,x"], 2, "must be numbers such as 2,2,2, not '2,x'"),
        (["--resume", "maybe"], 2, "must be true or false, not 'maybe'"),
        (["--n-heads", "3"], 2, "TVAEConfig.d_model must be a multiple of 2 * n_heads"),
        (["--sigma-min", "9"], 2, "TVAEConfig.sigma_min must be positive and at most sigma_max"),
        (["--learning-rate", "-1"], 2, "learning_rate must be above 0"),
        (["--precision", "fp8"], 2, "precision is auto, bf16 or fp32"),
        (["--track", "mlflow"], 2, "track is none, wandb or tensorboard"),
        (["--threads", "-1"], 2, "threads"),
        (["--seed", "-1"], 2, "seed"),
        (["--data", "nowhere"], 1, "nowhere is not a prepared set: it has no manifest.json"),
        (["--start", "nowhere"], 1, "there is no bundle folder nowhere"),
        (["smiles_small", "--start", BUNDLE], 2, "preset smiles_small asks for"),
        (["--start", BUNDLE, "--n-latent", "9"], 2, "flag --n-latent asks for n_latent 9, but"),
        (["--start", BUNDLE], 2, "prepare the data with python -m data_prep.smiles --bundle"),
    ],
)
def test_mistakes_are_told_in_a_line(
    arguments: list[str],
    code: int,
    message: str,
    command: Callable[..., Any],
    data: Path,
    tmp_path: Path,
) -> None:
    given = ["--data", data, "--output", tmp_path / "run", *arguments]
    result = command("train", *given)
    assert message in result.refusal()
    assert result.code == code
    assert not (tmp_path / "run").exists()


def test_an_output_that_cannot_be_written(
    command: Callable[..., Any], data: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    for output in (tmp_path / "file", tmp_path / "file" / "run"):
        result = command("train", "--data", data, "--output", output)
        assert str(output) in result.refusal()
        assert result.code == 1
    assert (tmp_path / "file").read_text() == "mine"


def test_a_prepared_set_of_another_domain(
    command: Callable[..., Any], data: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for name in ("tokenizer.json", "dataset_dict.json"):
        (other / name).write_bytes((data / name).read_bytes())
    (other / "manifest.json").write_text('{"domain": "midi"}')
    result = command("train", "--data", other, "--output", tmp_path / "run")
    assert "was prepared for 'midi', not 'smiles'" in result.refusal()


def test_a_module_runs_from_anywhere(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "domains.smiles.sample", "--no-such-flag"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr == "sample: unknown argument --no-such-flag; see --help\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("tracker", ["tensorboard", "wandb"])
def test_trackers_write_to_disk_without_a_network(
    tracker: str,
    command: Callable[..., Any],
    data: Path,
    flags: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "tensorboard"))
    monkeypatch.delenv("WANDB_MODE", raising=False)
    few = [
        "--max-steps",
        "2",
        "--log-steps",
        "1",
        "--eval-steps",
        "0",
        "--eval-items",
        "4",
        "--prior-steps",
        "1",
    ]
    given = ["--data", data, "--output", tmp_path / "run", "--track", tracker]
    result = command("train", "smiles_small", *flags, *few, *given)
    assert result.code == 0, result.err
    found = [p.name for p in tmp_path.rglob("*") if p.is_file()]
    ending = {"tensorboard": "tfevents", "wandb": ".wandb"}[tracker]
    assert any(ending in name for name in found), found


@pytest.mark.parametrize("verb", ["train", "evaluate", "sample", "interpolate", "neighbours"])
def test_help(verb: str, command: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command(verb, "--help")
    assert caught.value.code == 0
