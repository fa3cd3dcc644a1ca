"""`--bundle`: a set that goes on from a trained bundle, with its tokenizer and a fair split."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_prep import python_code, smiles
from data_prep.common import PrepError, sha256_file
from data_prep.earlier import hold_out
from data_prep.fetch import WheelSource
from data_prep.headlines import command as headlines
from data_prep.prepared import split_rows
from domains.headlines.domain import HeadlinesDomain
from domains.python_code.domain import PythonDomain
from domains.smiles.chem.novelty import KnownSet
from domains.smiles.chem.tokenizer import build_tokenizer
from tests.data_prep.bundles import bundle_of
from tvae_core.data import known
from tvae_core.data.byte_pair import build_byte_pair
from tvae_core.data.prepared import PreparedSet

CHAINS = ["C" * n + "O" for n in range(1, 61)]
SEEN = CHAINS[:50]


def splits_of(folder: Path) -> dict[str, list[str]]:
    prepared = PreparedSet(folder)
    return {name: list(prepared.rows(name).split["text"]) for name in prepared.splits}


def manifest_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return found


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    tokenizer = build_tokenizer([*SEEN, *SEEN], 150)
    seen = KnownSet.build(SEEN)
    return bundle_of(tmp_path / "trained" / "bundle", "smiles", tokenizer, seen)


@pytest.fixture
def run(tmp_path: Path, bundle: Path) -> Callable[..., int]:
    """Prepares the given molecules for the bundle into `tmp_path / "out"`."""

    def command(texts: list[str], *arguments: str) -> int:
        file = tmp_path / "mine.smi"
        file.write_text("\n".join(texts))
        given = ["--input", str(file), "--out", str(tmp_path / "out"), "--jobs", "1"]
        return smiles.main([*given, "--bundle", str(bundle), *arguments])

    return command


def test_only_new_molecules_are_held_out(
    run: Callable[..., int], bundle: Path, tmp_path: Path
) -> None:
    assert run(CHAINS) == 0
    out = tmp_path / "out"
    splits = splits_of(out)
    assert sorted(text for rows in splits.values() for text in rows) == sorted(CHAINS)
    assert len(splits["validation"]) == len(splits["test"]) == 4
    assert not set(SEEN) & {*splits["validation"], *splits["test"]}
    assert (out / "tokenizer.json").read_bytes() == (bundle / "tokenizer.json").read_bytes()
    prepared = PreparedSet(out, "smiles")
    row = prepared.rows("train").split[0]
    assert prepared.tokenizer().decode(row["input_ids"]) == row["text"]
    manifest = manifest_of(out)
    assert manifest["bundle"] == sha256_file(bundle / "model.safetensors")[:12]
    assert manifest["new_to_bundle"] == 10
    assert manifest["tokenizer_sha256"] == sha256_file(bundle / "tokenizer.json")
    assert run(CHAINS, "--seed", "1") == 0
    assert splits_of(out)["test"] != splits["test"]
    assert not set(SEEN) & set(splits_of(out)["test"])


def test_molecules_are_known_whatever_their_stereochemistry(
    run: Callable[..., int], tmp_path: Path
) -> None:
    sugar = "C[C@H](N)C(=O)O"
    known_sugar = KnownSet.build([*SEEN[:8], "CC(N)C(=O)O"])
    known_sugar.save(tmp_path / "trained" / "known.bin")
    bundle = tmp_path / "trained" / "bundle"
    shutil.copyfile(tmp_path / "trained" / "known.bin", bundle / "known.bin")
    manifest = manifest_of(bundle)
    manifest["sha256"]["known.bin"] = sha256_file(bundle / "known.bin")
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    assert run([*SEEN[:8], sugar, "NCC", "NCCC"]) == 0
    splits = splits_of(tmp_path / "out")
    assert {*splits["validation"], *splits["test"]} == {"CCN", "CCCN"}
    assert sugar in splits["train"]


def test_what_little_is_new_is_shared(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*SEEN, "CCN", "CCCN", "CCCCN"]) == 0
    assert (
        "1 items of validation and of test are too few to train with: 4" in capsys.readouterr().err
    )
    splits = splits_of(tmp_path / "out")
    assert len(splits["validation"]) == len(splits["test"]) == 1
    assert {*splits["validation"], *splits["test"]} < {"CCN", "CCCN", "CCCCN"}


@pytest.mark.parametrize("more", [{"start": "0123456789ab"}, {"settings": {"stream": "*.csv"}}])
def test_a_bundle_that_knows_only_its_last_data(
    more: dict[str, Any],
    run: Callable[..., int],
    bundle: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    manifest = manifest_of(bundle) | more
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    assert run(CHAINS) == 0
    assert "trained on more than its set of known items tells" in capsys.readouterr().err


@pytest.mark.parametrize("new", [[], ["CCN"]])
def test_too_little_new_is_told(
    new: list[str], run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*SEEN, *new]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert f"of {50 + len(new)} items {len(new)} is new to it" in last
    assert not (tmp_path / "out").exists()


def test_a_bundle_that_cannot_tell(
    run: Callable[..., int], bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(bundle)
    bundle_of(bundle, "smiles", build_tokenizer(SEEN, 150), None)
    assert run(SEEN) == 0
    assert "does not tell what it was trained on" in capsys.readouterr().err
    assert manifest_of(tmp_path / "out")["new_to_bundle"] is None
    assert len(splits_of(tmp_path / "out")["test"]) == 4


def test_of_a_published_split_the_tokenizer_alone_is_new(
    source: WheelSource, wheel: Path, texts: dict[str, list[str]], tmp_path: Path
) -> None:
    everything = KnownSet.build([text for rows in texts.values() for text in rows])
    tokenizer = build_tokenizer(SEEN, 150)
    bundle = bundle_of(tmp_path / "all" / "bundle", "smiles", tokenizer, everything)
    out = tmp_path / "out"
    given = ["--wheel", str(wheel), "--out", str(out), "--jobs", "1", "--bundle", str(bundle)]
    assert smiles.main(given, source) == 0
    assert splits_of(out)["test"] == texts["test"]
    assert len(splits_of(out)["validation"]) == 20
    assert (out / "tokenizer.json").read_bytes() == (bundle / "tokenizer.json").read_bytes()
    assert manifest_of(out)["bundle"] == sha256_file(bundle / "model.safetensors")[:12]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--vocab-size", "200"], 2, "--bundle brings its tokenizer: leave out --vocab-size"),
        (["--bundle", "nowhere"], 1, "there is no bundle folder nowhere"),
    ],
)
def test_bad_usage(
    arguments: list[str],
    code: int,
    said: str,
    run: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(CHAINS, *arguments) == code
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told
    assert not (tmp_path / "out").exists()


def test_a_bundle_of_another_domain(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--library-only", "--out", str(tmp_path / "out"), "--bundle", str(bundle)]
    assert python_code.main(given) == 1
    assert "is a 'smiles' bundle, not 'python_code'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_python_lines(tmp_path: Path) -> None:
    lines = [f"name_{i} = {i}" for i in range(40)]
    tokenizer = build_byte_pair(lines, 150)
    # the set keeps canonical forms, whatever the spelling that is asked for
    assert PythonDomain().check([lines[0]])[0].canonical == lines[0]
    seen = known.KnownSet.build(lines[:30])
    bundle = bundle_of(tmp_path / "trained" / "bundle", "python_code", tokenizer, seen)
    (tmp_path / "code.py").write_text("\n".join(lines) + "\n")
    given = ["--input", str(tmp_path / "code.py"), "--out", str(tmp_path / "out"), "--jobs", "1"]
    assert python_code.main([*given, "--bundle", str(bundle)]) == 0
    splits = splits_of(tmp_path / "out")
    assert {*splits["validation"], *splits["test"]} < set(lines[30:])
    assert len(splits["test"]) == 4
    assert manifest_of(tmp_path / "out")["new_to_bundle"] == 10
    copied = (tmp_path / "out" / "tokenizer.json").read_bytes()
    assert copied == (bundle / "tokenizer.json").read_bytes()


def test_headlines(tmp_path: Path) -> None:
    texts = [f"Council {verb} plan {n}" for verb in ("backs", "drops") for n in range(30)]
    seen = texts[:45]
    assert all(verdict.ok for verdict in HeadlinesDomain().check(texts))
    tokenizer = build_byte_pair(texts, 150)
    bundle = bundle_of(
        tmp_path / "trained" / "bundle", "headlines", tokenizer, known.KnownSet.build(seen)
    )
    with (tmp_path / "mine.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["headline"], *([text] for text in texts)])
    given = ["--input", str(tmp_path / "mine.csv"), "--out", str(tmp_path / "out"), "--jobs", "1"]
    assert headlines.main([*given, "--bundle", str(bundle)]) == 0
    splits = splits_of(tmp_path / "out")
    assert {*splits["validation"], *splits["test"]} < set(texts[45:])
    assert manifest_of(tmp_path / "out")["new_to_bundle"] == 15
    copied = (tmp_path / "out" / "tokenizer.json").read_bytes()
    assert copied == (bundle / "tokenizer.json").read_bytes()
    assert headlines.main([*given, "--bundle", str(bundle), "--vocab-size", "200"]) == 2


def test_the_rows_of_a_split() -> None:
    """Without a bundle as before; with one, whatever it knows is trained on."""
    order = np.random.default_rng(3).permutation(100)
    plain = split_rows(100, 3)
    assert plain["validation"].tolist() == sorted(order[:5].tolist())
    assert plain["test"].tolist() == sorted(order[5:10].tolist())
    unknown = np.arange(100) % 10 == 0
    fair = split_rows(100, 3, unknown=unknown)
    assert np.sort(np.concatenate(list(fair.values()))).tolist() == list(range(100))
    assert len(fair["validation"]) == len(fair["test"]) == 5
    assert unknown[np.concatenate([fair["validation"], fair["test"]])].all()
    with pytest.raises(PrepError, match="of 4 items 1 is new"):
        hold_out(np.arange(4), 1, np.array([False, True, False, False]))
