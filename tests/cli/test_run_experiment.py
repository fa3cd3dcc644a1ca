"""`python run_experiment.py NAME...`: the original's lines, at a size that a test can bear."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from data_prep import python_code as prep
from domains import run_experiment as module
from domains.run_experiment import GONE, domain_of, read_names, run_experiment
from run_experiment import prepare
from tests.data_prep.test_python_code import SOURCE
from tvae_core.cli.parser import run_command
from tvae_core.support.errors import CommandError

_FLAGS = """
    --d_model 32 --n_heads 2 --d_ff 48 --encoder_blocks 1_1 --decoder_layers 1 --latent_size 8
    --learning_rate 5e-3 --max_steps 20 --eval_steps 10 --eval_items 6 --log_steps 1
    --prior_steps 20 --prior_width 16 --prior_depth 1 --precision fp32 --threads 1
"""
SMALL = _FLAGS.split()
LINES = {
    "syntax": "syntax tenth_5_tkn batch_large 30Seq eval",
    "semantics": "semantics tenth_5_tkn batch_large 30Seq eval",
    "mnist_small": "mnist_small tenth_5_tkn batch_small eval",
    "mnist_base": "mnist_base tenth_5_tkn grad_check_pnt batch_small eval window200 funnel_small",
}
"""The lines of the original's README."""


def run(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()

    def never(domain: str, given: Sequence[str]) -> int:
        raise AssertionError(f"asked to prepare {domain} {given}")

    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run_command("run_experiment", lambda: run_experiment(list(arguments), never))
    return code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared set of a few hundred statements."""
    folder = tmp_path_factory.mktemp("lines")
    code = folder / "code"
    code.mkdir()
    for i in range(120):
        extra = f"total_{i % 40} = value_{i} + {i}\nprint('step {i}', total_{i % 7})\n"
        (code / f"m{i}.py").write_text(SOURCE.replace("{name!r}", str(i)) + extra)
    quiet = io.StringIO()
    given = ["--input", str(code), "--out", str(folder / "set"), "--jobs", "1"]
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        assert prep.main([*given, "--vocab-size", "250"]) == 0, quiet.getvalue()
    return folder / "set"


def test_the_python_line_trains_evaluates_and_logs(lines: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    given = ["--data", str(lines), "--output_dir", str(folder)]
    code, out, err = run(*LINES["syntax"].split(), *given, *SMALL)
    assert code == 0, err
    assert f"bundle: {folder / 'bundle'}" in out
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in log if "loss" in line]
    assert len(losses) == 20
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])
    seen = [line for line in log if "eval_reconstruction_exact" in line]
    assert [line["step"] for line in seen] == [10]
    for name in ("step-000010.json", "step-000020.json"):
        shown = json.loads((folder / "showcase" / name).read_text())
        assert {k: bool(v) for k, v in shown["tables"].items()} == {
            "reconstructions": True,
            "samples": True,
            "interpolations": True,
        }
        assert len(shown["tables"]["interpolations"]) % 11 == 0


def test_windows_checkpointing_and_cycles_go_together(lines: Path, tmp_path: Path) -> None:
    names = "syntax cmp_5_tkn batch_small window60 grad_check_pnt cycle_loss interpolate_batch"
    given = ["--data", str(lines), "--output", str(tmp_path / "run"), "--window_size", "4"]
    short = ["--max_steps", "6", "--n_latent_tokens", "2"]
    code, _, err = run(*names.split(), "grad_accumulation_small", *given, *SMALL, *short)
    assert code == 0, err
    log = [json.loads(x) for x in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert all("cycle" in line for line in log if "loss" in line)
    assert sum("cycle_between" in line for line in log) > 0
    config = json.loads((tmp_path / "run" / "bundle" / "config.json").read_text())
    assert (config["window_size"], config["n_latent"]) == (4, 2)


@pytest.mark.parametrize("name", sorted(LINES))
def test_every_line_of_the_original_resolves(name: str) -> None:
    code, out, err = run(*LINES[name].split(), "--max_steps", "20", "--dry-run")
    assert code == 0, err
    assert "max_steps = 20" in out
    assert "# flag --max-steps" in out
    assert "n_latent = 5" in out
    assert "latent_size = 77" in out
    assert "d_model = 768" in out
    assert "eval_steps = 500" in out
    if name == "mnist_base":
        assert "window_size = 200" in out
        assert "encoder_blocks = [2, 2, 2]" in out
        assert "decoder_grad_chk_pnt_rate = 3" in out
        assert "batch_size = 10" in out


def test_the_readme_has_the_lines() -> None:
    readme = (Path(module.__file__).parents[1] / "README.md").read_text()
    for line in LINES.values():
        assert f"python run_experiment.py {line}\n" in readme


def test_the_originals_flags_are_taken() -> None:
    names, flags = read_names(
        ["syntax", "--per_device_train_batch_size=7", "--set_seq_size", "12", "--max_steps", "3"]
    )
    assert names == ["syntax"]
    assert flags == ["--batch-size=7", "--max-length", "12", "--max-steps", "3"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("sintax eval", "unknown experiment name 'sintax'; did you mean syntax"),
        ("tenth_5_tkn eval", "no data set among the names; give one of"),
        ("syntax semantics", "names of several domains: syntax (python_code)"),
        ("syntax critic", "critic is not taken over"),
        ("syntax smooth_logits", "smoothness comes from the noise"),
        ("syntax --max_stps 3", "did you mean --max-steps"),
    ],
)
def test_bad_lines(line: str, message: str, tmp_path: Path) -> None:
    data = ["--data", str(tmp_path)] if "--" in line else []
    code, out, err = run(*line.split(), *data)
    assert code == 2
    assert out == ""
    assert message in err
    assert err.count("\n") == 1


def test_every_name_that_is_gone_says_why() -> None:
    for name in GONE:
        with pytest.raises(CommandError, match=f"{name} is not taken over: .{{20}}"):
            read_names([name])


def test_help_lists_every_name() -> None:
    code, out, _ = run("--help")
    assert code == 0
    for name in ("mnist_tiny", "AGNews", "full_30_tkn", "grad_accumulation_medium", "16th_5_tkn"):
        assert any(line.split()[:1] == [name] for line in out.splitlines()), name


def test_a_missing_set_is_prepared_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    asked: list[tuple[str, list[str]]] = []

    def fail(domain: str, given: Sequence[str]) -> int:
        asked.append((domain, list(given)))
        return 1

    assert run_experiment(LINES["mnist_small"].split(), fail) == 1
    assert run_experiment(LINES["syntax"].split(), fail) == 1
    assert asked == [
        ("mnist", ["--size", "small", "--out", "data/mnist_small"]),
        ("python_code", ["--out", "data/python_code"]),
    ]
    assert not list(tmp_path.iterdir())


def test_the_shim_prepares_with_the_domains_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prepare("python_code", ["--input", str(tmp_path / "none"), "--out", "x"]) == 2
    assert "does not exist" in capsys.readouterr().err


def test_domain_of_needs_one_domain() -> None:
    assert domain_of(["base", "mnist_tiny"]) == "mnist"
    assert module.describe("no_reg", [module.CORE_PRESETS]).startswith("No regularisation")
