"""`python -m domains.smiles.sample`: what it prints and writes, and what its settings change."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rdkit import Chem

from domains.smiles import SmilesDomain
from tvae_core.space import LatentSpace

ROOT = Path(__file__).resolve().parents[2]
Command = Callable[..., Any]


def raw(command: Command, bundle: Path, *arguments: object) -> list[str]:
    result = command("sample", bundle, "--raw", *arguments)
    assert result.code == 0, result.err
    assert result.out.endswith("\n")
    return result.out.split("\n")[:-1]


@pytest.fixture(scope="module")
def texts(command: Command, bundle: Path) -> list[str]:
    return raw(command, bundle, "-n", 50, "--seed", 3)


def test_raw_is_every_string_as_it_came(
    texts: list[str], command: Command, bundle: Path, tmp_path: Path
) -> None:
    space = LatentSpace.load(bundle, SmilesDomain())
    assert texts == space.sample(50, seed=3).texts
    assert not all(verdict.ok for verdict in SmilesDomain().check(texts))
    result = command(
        "sample", bundle, "--raw", "-n", 50, "--seed", 3, "-o", tmp_path / "raw.smi", "--novel"
    )
    assert (result.code, result.out) == (0, "")
    assert (tmp_path / "raw.smi").read_text() == "".join(f"{text}\n" for text in texts)
    assert "50/50" in result.err
    assert "molecule/s" in result.err
    assert [p.name for p in tmp_path.iterdir()] == ["raw.smi"]


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("--temperature", 1),
        ("--temperature", 0.7, "--top-p", 0.9, "--prior", "normal"),
        ("--fidelity", "auto"),
        ("--fidelity", "auto", "--temperature", 1),
        ("--prior", "gaussian", "--fidelity", 0.2),
    ],
    ids=lambda s: " ".join(map(str, s)) or "plain",
)
def test_the_batch_size_changes_nothing(
    settings: tuple[object, ...], command: Command, bundle: Path
) -> None:
    one = raw(command, bundle, "-n", 30, *settings)
    assert len(one) == 30
    for size in (7, 16):
        assert raw(command, bundle, "-n", 30, *settings, "--batch-size", size) == one


def test_the_seed_changes_everything(texts: list[str], command: Command, bundle: Path) -> None:
    assert raw(command, bundle, "-n", 50, "--seed", 3) == texts
    assert raw(command, bundle, "-n", 20, "--seed", 3) == texts[:20]
    assert raw(command, bundle, "-n", 50, "--seed", 4) != texts


def read(path: Path) -> list[dict[str, Any]]:
    """The molecules of a file, as other programs read it."""
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return list(csv.DictReader(file))
    if path.suffix == ".json":
        found: list[dict[str, Any]] = json.loads(path.read_text())["molecules"]
        return found
    if path.suffix == ".sdf":
        mols = [mol for mol in Chem.ForwardSDMolSupplier(str(path)) if mol is not None]
        return [m.GetPropsAsDict() | {"smiles": Chem.MolToSmiles(m)} for m in mols]
    return [{"smiles": line.split()[0]} for line in path.read_text().splitlines()]


@pytest.mark.parametrize("ending", ["csv", "smi", "sdf", "json"])
def test_files_hold_the_molecules_and_where_they_are_from(
    ending: str, texts: list[str], command: Command, bundle: Path, tmp_path: Path
) -> None:
    path = tmp_path / f"out.{ending}"
    arguments = ("-n", 50, "--seed", 3, "--alerts", "none", "-o", path)
    result = command("sample", bundle, *arguments)
    assert result.code == 0, result.err
    verdicts = SmilesDomain().check(texts)
    wanted = {verdict.canonical for verdict in verdicts if verdict.ok}
    rows = read(path)
    found = [Chem.CanonSmiles(row["smiles"]) for row in rows]
    assert len(set(found)) == len(found)
    assert set(found) <= {Chem.CanonSmiles(text or "") for text in wanted}
    assert len(found) >= len(wanted) - 3  # tautomers share an InChIKey
    hash = LatentSpace.load(bundle, SmilesDomain()).bundle.hash
    assert hash in path.read_text()
    valid = sum(verdict.ok for verdict in verdicts)
    assert f"raw validity {valid / 50:.4f}" in result.out
    assert re.search(r"raw samples +50 ", result.out)
    assert re.search(rf"parsed and sanitised +{valid} ", result.out)
    assert re.search(rf"unique \(InChIKey\) +{len(found)} ", result.out)
    before = path.read_bytes()
    assert command("sample", bundle, *arguments, "--batch-size", 9).code == 0
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_without_a_file_the_best_are_printed(command: Command, bundle: Path) -> None:
    result = command("sample", bundle, "-n", 50, "--alerts", "none", "--sort", "weight")
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    head = next(
        i
        for i, line in enumerate(lines)
        if line.split() == ["qed", "sa", "logp", "weight", "smiles"]
    )
    weights = [float(line.split()[3]) for line in lines[head + 1 :] if not line.startswith("...")]
    assert 1 <= len(weights) <= 20


def test_the_window_the_ranking_and_the_rejected(
    texts: list[str], command: Command, bundle: Path, tmp_path: Path
) -> None:
    kept, lost = tmp_path / "kept.csv", tmp_path / "lost.csv"
    result = command(
        "sample",
        bundle,
        "-n",
        50,
        "--seed",
        3,
        "--min",
        "qed=0.4",
        "weight=80",
        "--max",
        "sa=4",
        "--sort",
        "logp",
        "--top",
        5,
        "--alerts",
        "all",
        "-o",
        kept,
        "--rejected",
        lost,
    )
    assert result.code == 0, result.err
    survivors, rejected = read(kept), read(lost)
    assert len(survivors) <= 5
    assert len(survivors) + len(rejected) >= 50 - (len(survivors) == 5) * 50
    for row in survivors:
        assert float(row["qed"]) >= 0.4
        assert float(row["weight"]) >= 80
        assert float(row["sa"]) <= 4
    order = [float(row["logp"]) for row in survivors]
    assert order in (sorted(order), sorted(order, reverse=True))
    assert {row["stage"] for row in rejected} <= {
        "parsed", "unique", "alerts", "window", "novel", "ranked",
    }  # fmt: skip
    assert all(row["reason"] for row in rejected)
    unparsed = [row for row in rejected if row["stage"] == "parsed"]
    invalid = [text for text in texts if not SmilesDomain().check([text])[0].ok]
    assert [row["smiles"] for row in unparsed] == invalid


def test_known_molecules_are_marked_or_left_out(
    command: Command, bundle: Path, tmp_path: Path
) -> None:
    given = ("sample", bundle, "-n", 50, "--alerts", "none", "-o")
    assert command(*given, tmp_path / "all.csv").code == 0
    assert command(*given, tmp_path / "new.csv", "--novel").code == 0
    everything, novel = read(tmp_path / "all.csv"), read(tmp_path / "new.csv")
    assert {row["novel"] for row in everything} <= {"True", "False", "true", "false"}
    marked = [row["smiles"] for row in everything if row["novel"].lower() == "true"]
    assert sorted(row["smiles"] for row in novel) == sorted(marked)


def test_similarity_and_stability_are_columns_on_request(
    command: Command, bundle: Path, tmp_path: Path
) -> None:
    path = tmp_path / "out.csv"
    result = command(
        "sample",
        bundle,
        "-n",
        12,
        "--alerts",
        "none",
        "--reference",
        "CC(=O)Nc1ccc(O)cc1",
        "--sort",
        "similarity",
        "--stability",
        4,
        "-o",
        path,
    )
    assert result.code == 0, result.err
    rows = read(path)
    assert rows
    similar = [float(row["similarity"]) for row in rows]
    assert similar == sorted(similar, reverse=True)
    shares = [row["stability"] for row in rows]
    assert all(share == "" or float(share) in (0, 0.25, 0.5, 0.75, 1) for share in shares)
    assert any(shares)


@pytest.mark.parametrize("sort", [["--sort", "-sa"], ["--sort=-sa"]])
def test_the_smallest_first(
    sort: list[str], command: Command, bundle: Path, tmp_path: Path
) -> None:
    path = tmp_path / "out.csv"
    result = command("sample", bundle, "-n", 30, "--alerts", "none", *sort, "-o", path)
    assert result.code == 0, result.err
    values = [float(row["sa"]) for row in read(path)]
    assert values == sorted(values)


def test_a_real_run_with_a_pipe_that_closes(bundle: Path) -> None:
    """`... | head -1` ends quietly."""
    line = f"{sys.executable} -m domains.smiles.sample {bundle} -n 3000 --raw --batch-size 20"
    result = subprocess.run(
        ["bash", "-c", f"{line} | head -1"],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
    )
    assert len(result.stdout.splitlines()) == 1
    assert "Traceback" not in result.stderr
    assert "Exception ignored" not in result.stderr
