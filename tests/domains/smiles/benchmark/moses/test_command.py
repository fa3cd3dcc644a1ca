"""`evaluate --moses`: what it prints and writes, and what it refuses."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from domains.smiles import evaluate
from domains.smiles.benchmark.moses.protocol import NAMES
from domains.smiles.benchmark.moses.reference import Reference
from domains.smiles.benchmark.moses.samples import read_samples
from tvae_core.cli.parser import run_command


@pytest.fixture
def data(tmp_path: Path, reference: Reference) -> Path:
    """A prepared set with reference statistics."""
    folder = tmp_path / "data"
    (folder / "moses").mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    reference.save(folder / "moses", {})
    return folder


@pytest.fixture
def samples(tmp_path: Path, molecules: dict[str, list[str]]) -> Path:
    """A file of 60 molecules and one that is none."""
    path = tmp_path / "mine.smi"
    path.write_text("\n".join([*molecules["train"][:60], "C1CC"]) + "\n")
    return path


def run(*arguments: object) -> int:
    return run_command("evaluate", lambda: evaluate.main([str(a) for a in arguments]))


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert captured.out == ""
    line = captured.err.strip()
    assert "\n" not in line, line
    return line


def test_a_file_is_scored(
    data: Path, samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "result.json"
    arguments = ["--samples_from", samples, "--data", data, "--jobs", 1, "--json", out]
    assert run("--moses", *arguments) == 0
    captured = capsys.readouterr()
    assert "CharRNN" in captured.out
    assert "arXiv" in captured.out or "Front. Pharmacol." in captured.out
    assert "not comparable" in captured.err
    record = json.loads(out.read_text())
    assert set(NAMES) <= set(record)
    assert record["n"] == 61
    assert record["valid"] == pytest.approx(60 / 61)
    assert record["novelty"] == 0
    assert record["bundle"] is None
    assert record["seed"] == 0
    assert record["file"] == "mine.smi"


@pytest.mark.slow
def test_a_bundle_is_sampled_and_scored(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "result.json"
    flags = ["--samples", 40, "--temperature", 0.5, "--fidelity", 0.1, "--seed", 3]
    assert run("--moses", "--data", data, "--jobs", 1, "--json", out, *flags) == 0
    assert "40 raw samples" in capsys.readouterr().out
    record = json.loads(out.read_text())
    assert (record["n"], record["seed"]) == (40, 3)
    assert (record["temperature"], record["fidelity"]) == (0.5, 0.1)
    assert len(record["bundle"]) >= 8
    assert record["valid"] > 0.5


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--samples-from", "x.smi"], 2, "--samples-from goes with --moses"),
        (["--moses", "--samples-from", "none.smi"], 2, "none.smi: cannot be read"),
        (["--moses", "--samples", "0"], 2, "at least 1"),
        (["--moses", "--fidelity", "auto"], 2, "takes a number"),
        (["--moses", "--temperature", "-1"], 2, "temperature must be"),
        (["--moses", "--top-p", "0"], 2, "top_p must be"),
        (["--moses", "--samples-from", "x.smi", "--beams", "2"], 2, "--beams has no meaning"),
        (["--moses", "--samples-from", "x.smi", "--temperature", "1"], 2, "--temperature has no"),
        (["--moses", "--samples-from", "x.smi", "--top-p", "0.9"], 2, "--top-p has no meaning"),
        (["--moses", "--paths", "3"], 2, "unknown argument --paths"),
        (["--moses", "--json", "."], 1, "it is a folder"),
        (["--moses", "no/such/bundle"], 1, "no/such/bundle"),
    ],
)
def test_mistakes_are_told_in_one_line(
    arguments: list[str], code: int, told: str, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments, "--data", data) == code
    assert told in refusal(capsys)


def test_missing_statistics_name_the_command(
    tmp_path: Path, samples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--moses", "--samples-from", samples, "--data", tmp_path) == 1
    assert "run: python -m data_prep.smiles --out" in refusal(capsys)


def test_more_samples_than_the_file_holds(
    data: Path, samples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--samples-from", samples, "--data", data, "--samples", 100]
    assert run("--moses", *flags) == 2
    assert "holds 61 samples, not 100" in refusal(capsys)


def test_help_names_the_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        evaluate.main(["--help"])
    assert "--moses" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        evaluate.main(["--moses", "--help"])
    assert "--samples-from" in capsys.readouterr().out


def test_samples_are_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "a.smi"
    path.write_text("SMILES\nCCO ethanol\n\n#C\nC1CC,7\n\n\n")
    assert read_samples(path) == ["CCO", "", "#C", "C1CC"]
    packed = tmp_path / "a.SMI.GZ"
    packed.write_bytes(gzip.compress(b"CCO\r\nCC\r\n"))
    assert read_samples(packed) == ["CCO", "CC"]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.smi.gz", b"CCO", "not a whole gzip file"),
        ("a.smi", b"\xff\xfe\x00C", "not a text file"),
        ("a.smi", b"", "holds no samples"),
        ("a.smi", b"smiles\n", "holds no samples"),
    ],
)
def test_files_that_hold_no_samples(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=told):
        read_samples(path)
