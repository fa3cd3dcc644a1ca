"""Whatever is typed wrong: one clear line, an exit code, no traceback, nothing half-written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_prep import smiles as prep

Command = Callable[..., Any]

NUMBERS = [
    (["-n", "0"], 2, "-n/--n: must be a whole number of at least 1, not '0'"),
    (["-n", "-5"], 2, "at least 1, not '-5'"),
    (["-n", "many"], 2, "not 'many'"),
    (["--temperature", "-0.1"], 2, "temperature must be 0 (greedy) or more, not -0.1"),
    (["--temperature", "nan"], 2, "temperature must be 0"),
    (["--temperature", "hot"], 2, "--temperature: invalid float value: 'hot'"),
    (["--top-p", "0"], 2, "top_p must be above 0 and at most 1"),
    (["--beams", "100"], 2, "beams must be in 1..64"),
    (["--beams", "4", "--temperature", "1"], 2, "add --temperature 0"),
    (["--fidelity", "2"], 2, "--fidelity: must be a number in 0..1, or auto, not '2'"),
    (["--batch-size", "0"], 2, "--batch-size: must be a whole number"),
    (["--stability", "-1"], 2, "--stability must be 0 or more"),
    (["--threads", "-2"], 2, "--threads must be 0 or more, not -2"),
    (["--device", "abacus"], 2, "--device abacus cannot be used here"),
    (["--prior", "vamp"], 2, "--prior: invalid choice: 'vamp'"),
    (["--alerts", "pain"], 2, "pains"),
    (["--min", "qad=0.5"], 2, "qed"),
    (["--min", "qed"], 2, "score=number"),
    (["--min", "qed=high"], 2, "the limit of qed is not a number: 'high'"),
    (["--min", "qed=0.9", "--max", "qed=0.1"], 2, "nothing has qed"),
    (["--sort", "beauty"], 2, "beauty"),
    (["--top", "0"], 2, "--top"),
    (["--reference", "C1CC"], 2, "ring 1 opened here is never closed (at character 2)"),
    (["--sort", "similarity"], 2, "reference"),
    (["--batch_sise", "3"], 2, "did you mean --batch-size?"),
    (["--format", "xls"], 2, "--format: invalid choice: 'xls'"),
    (["-o", "{folder}/x.xyz"], 2, "x.xyz: unknown file ending"),
    (["-o", "{folder}"], 2, "{folder}"),
    (["-o", "{file}/x.csv"], 2, "{file}"),
    (["-o", "{folder}/none/x.csv"], 2, "none does not exist"),
    (["--raw", "-o", "{file}/x.smi"], 1, "cannot write {file}/x.smi"),
    (["--raw", "-o", "{folder}/x.parquet"], 2, "lines of text, not .parquet: {folder}/x.parquet"),
    (["--raw", "-o", "{folder}/x.smi.gz"], 2, "--raw writes lines of text, not .gz"),
    (["--raw", "-o", "{folder}"], 1, "cannot write {folder}: it is a folder"),
    (["--rejected", "{file}/x.csv"], 2, "{file}"),
    (["--rejected", "{folder}/x.xyz"], 2, "x.xyz: unknown file ending"),
    (["--rejected", "{folder}/x.xyz", "--format", "csv"], 2, "x.xyz: unknown file ending"),
]


@pytest.mark.parametrize(("arguments", "code", "message"), NUMBERS)
def test_sample(
    arguments: list[str], code: int, message: str, command: Command, bundle: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    places = {"file": str(tmp_path / "file"), "folder": str(tmp_path)}
    result = command("sample", bundle, "-n", "2", *[a.format(**places) for a in arguments])
    assert message.format(**places) in result.refusal()
    assert result.code == code
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("file", "mine")]


def test_one_file_for_two_things(command: Command, bundle: Path, tmp_path: Path) -> None:
    same = tmp_path / "x.csv"
    result = command("sample", bundle, "-n", 2, "-o", same, "--rejected", same)
    assert result.code == 2
    assert not same.exists()


BAD_SMILES = [
    ("C1CC", "ring 1 opened here is never closed (at character 2)"),
    ("CC(C", "(at character 3)"),
    ("CXC", "unknown element 'X' (at character 2)"),
    ("c1ccc1c", "c1ccc1c"),
    ("F(C)(C)C", "F"),
    ("", "empty"),
]


@pytest.mark.parametrize(("text", "message"), BAD_SMILES[:3] + BAD_SMILES[5:])
def test_a_molecule_that_does_not_parse(
    text: str, message: str, command: Command, bundle: Path, tmp_path: Path
) -> None:
    out = tmp_path / "x.csv"
    for given in (
        ("neighbours", bundle, text, "-o", out),
        ("interpolate", bundle, text, "CCO", "-o", out),
        ("interpolate", bundle, "CCO", text, "-o", out),
    ):
        result = command(*given)
        assert message in result.refusal()
        assert result.code == 2
    assert not out.exists()


@pytest.mark.parametrize("text", ["c1ccc1c", "F(C)(C)C", "[13", "C" * 3000])
def test_a_molecule_that_cannot_be(text: str, command: Command, bundle: Path) -> None:
    result = command("neighbours", bundle, text)
    assert result.code == 2
    assert len(result.refusal()) < 300


@pytest.mark.parametrize(
    ("verb", "arguments", "message"),
    [
        (
            "interpolate",
            ["{bundle}", "CCO", "CC", "-o", "walk.doc"],
            "walk.doc: unknown file ending",
        ),
        ("interpolate", ["{bundle}", "CCO", "CC", "--format", "xls"], "--format: invalid choice"),
        ("neighbours", ["{bundle}", "CCO", "--radius", "1e300"], "radius"),
        ("neighbours", ["{bundle}", "CCO", "--alerts", "pain"], "pains"),
    ],
)
def test_walks(
    verb: str, arguments: list[str], message: str, command: Command, bundle: Path
) -> None:
    result = command(verb, *[a.format(bundle=bundle) for a in arguments])
    assert message in result.refusal()
    assert result.code == 2


@pytest.mark.parametrize(
    "name",
    ["config.json", "model.safetensors", "tokenizer.json", "prior.safetensors", "manifest.json"],
)
@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_a_bundle_with_a_bad_file(
    name: str, damage: str, command: Command, copied: Path, tmp_path: Path
) -> None:
    file = copied / name
    data = file.read_bytes()
    file.unlink()
    if damage == "truncated":
        file.write_bytes(data[: len(data) // 3])
    result = command("sample", copied, "-n", 2, "-o", tmp_path / "x.csv")
    assert name in result.refusal()
    assert result.code == 1
    assert not (tmp_path / "x.csv").exists()


@pytest.mark.parametrize("verb", ["sample", "interpolate", "neighbours", "evaluate"])
def test_a_bundle_of_another_domain_and_none_at_all(
    verb: str, command: Command, copied: Path, data: Path, tmp_path: Path
) -> None:
    file = copied / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"domain": "midi"}))
    items = {"interpolate": ["CCO", "CCC"], "neighbours": ["CCO"]}.get(verb, [])
    extra = ["--data", data] if verb == "evaluate" else []
    result = command(verb, copied, *items, *extra)
    assert "is a 'midi' bundle, not 'smiles'" in result.refusal()
    assert result.code == 1
    result = command(verb, tmp_path / "nowhere", *items, *extra)
    assert f"there is no bundle folder {tmp_path / 'nowhere'}" in result.refusal()
    assert result.code == 1
    result = command(verb, "some/name", *items, *extra)
    assert "there is no folder some/name, and the hub gave no bundle" in result.refusal()
    assert result.code == 1


def test_novelty_needs_the_known_set(command: Command, copied: Path) -> None:
    (copied / "known.bin").unlink()
    file = copied / "manifest.json"
    manifest = json.loads(file.read_text())
    del manifest["sha256"]["known.bin"]
    file.write_text(json.dumps(manifest))
    assert "training items" in command("sample", copied, "-n", 2, "--novel").refusal()
    assert command("sample", copied, "-n", 2).code == 0


@pytest.mark.parametrize(
    ("name", "content", "extra", "message"),
    [
        ("empty.smi", "", [], "holds no molecules"),
        ("empty.csv", "", [], "is empty"),
        ("head.csv", "smiles,id\n", [], "holds no molecules"),
        ("x.csv", "name,structure\na,CCO\n", [], "has no column 'smiles'; it has: name, structure"),
        ("x.csv", "smiles\nCCO\n", ["--column", "mol"], "has no column 'mol'"),
        ("bad.smi", "C1CC\nXX\n", [], "0 distinct readable molecules"),
    ],
)
def test_data_prep(
    name: str,
    content: str,
    extra: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in ("TOKENIZERS_PARALLELISM", "RAYON_NUM_THREADS"):
        monkeypatch.setenv(variable, "1")
    file = tmp_path / name
    file.write_text(content)
    out = tmp_path / "out"
    given = ["--input", str(file), "--out", str(out), "--vocab-size", "150", "--jobs", "1"]
    assert prep.main([*given, *extra]) == 2
    assert message in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_failed_write_leaves_the_old_file(
    command: Command, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "x.csv"
    out.write_text("the old one")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    result = command("sample", bundle, "-n", 4, "-o", out)
    assert result.code in (1, 2)
    assert "No space left on device" in result.err.splitlines()[-1]
    monkeypatch.undo()
    assert out.read_text() == "the old one"
    assert [p.name for p in tmp_path.iterdir()] == ["x.csv"]
    shutil.rmtree(tmp_path)
