"""`interpolate`, `neighbours` and `evaluate` on a small bundle."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from rdkit import Chem

from domains.smiles import SmilesDomain
from domains.smiles.chem.stability import decode_stability
from tvae_core.space import LatentSpace

A, B = "CC(=O)NCCC", "OCc1ccccc1"
Command = Callable[..., Any]


@pytest.fixture(scope="module")
def space(bundle: Path) -> LatentSpace:
    return LatentSpace.load(bundle, SmilesDomain())


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("extra", [(), ("--how", "lerp"), ("--per-token",), ("--fidelity", "0.4")])
def test_a_walk(extra: tuple[str, ...], command: Command, bundle: Path, space: LatentSpace) -> None:
    result = command("interpolate", bundle, A, B, "--steps", 5, *extra)
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    assert lines[0].split() == ["t", "fidelity", "to", "A", "to", "B", "qed", "molecule"]
    assert [float(line.split()[0]) for line in lines[1:]] == [0, 0.25, 0.5, 0.75, 1]
    points = space.interpolate(
        *[v.canonical or "" for v in space.domain.check([A, B])],
        5,
        "lerp" if "lerp" in extra else "slerp",
        "--per-token" in extra,
        0.4 if "0.4" in extra else None,
    )
    canonical = [v.canonical or p.text for v, p in zip(
        space.domain.check([p.text for p in points]), points, strict=True
    )]  # fmt: skip
    for line, text in zip(lines[1:], canonical, strict=True):
        assert text in line


@pytest.mark.parametrize("ending", ["csv", "json", "sdf", "smi"])
def test_a_walk_in_a_file(ending: str, command: Command, bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / f"walk.{ending}"
    given = ("interpolate", bundle, A, B, "--steps", 4, "-o", path)
    result = command(*given)
    assert result.code == 0, result.err
    before = path.read_bytes()
    assert command(*given).code == 0
    assert path.read_bytes() == before
    if ending == "csv":
        rows = table(path)
        assert [row["name"] for row in rows] == [f"step-{i}" for i in (1, 2, 3, 4)]
        assert json.loads(rows[0]["provenance"])["how"] == "slerp"
        assert {row["valid"].lower() for row in rows} <= {"true", "false"}


def test_an_auto_walk(command: Command, bundle: Path) -> None:
    result = command("interpolate", bundle, A, B, "--fidelity", "auto", "--steps", 3)
    assert result.code == 0, result.err
    assert len(result.out.splitlines()) == 4


def test_neighbours(command: Command, bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "near.csv"
    given = ("neighbours", bundle, A, "-n", 20, "--radius", 0.4, "--seed", 2, "-o", path)
    result = command(*given)
    assert result.code == 0, result.err
    assert "20/20" in result.err
    rows = table(path)
    assert rows
    similar = [float(row["similarity"]) for row in rows]
    assert similar == sorted(similar, reverse=True)
    assert all(row["smiles"] in result.out for row in rows)
    assert json.loads(rows[0]["provenance"])["radius"] == 0.4
    before = path.read_bytes()
    assert command(*given).code == 0
    assert path.read_bytes() == before


def test_neighbours_without_noise_are_one(command: Command, bundle: Path) -> None:
    result = command("neighbours", bundle, A, "-n", 6, "--radius", 0)
    assert result.code == 0, result.err
    rows = result.out.partition("similarity    qed  novel  molecule")[2].split("\n")[1:]
    assert len([row for row in rows if row.strip()]) <= 1


def test_stability_is_the_share_that_comes_back(space: LatentSpace) -> None:
    known = Chem.CanonSmiles("CC(=O)NCCC"), Chem.CanonSmiles("NCc1ccccc1")
    texts = [*known, "C" * 500, "CCO"]
    still = decode_stability(space, texts, times=3, radius=0.0)
    back = [space.reconstruct([text])[0] for text in (*known, "CCO")]
    same = [
        v.canonical == t for v, t in zip(space.domain.check(back), (*known, "CCO"), strict=True)
    ]
    assert still[[0, 1, 3]].tolist() == [float(x) for x in same]
    assert np.isnan(still[2])  # too long for the bundle: not known, which is not 0
    moved = decode_stability(space, texts, times=8, seed=1)
    assert np.array_equal(moved, decode_stability(space, texts, times=8, seed=1), equal_nan=True)
    assert set((moved[[0, 1, 3]] * 8) % 1) == {0.0}
    with pytest.raises(ValueError, match="at least 1 re-decoding, not 0"):
        decode_stability(space, texts, times=0)


def strict(text: str) -> Any:
    def refuse(name: str) -> NoReturn:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_evaluate(command: Command, bundle: Path, data: Path, tmp_path: Path) -> None:
    file, plot = tmp_path / "new" / "out.json", tmp_path / "front.svg"
    given = ("evaluate", bundle, "--data", data, "-n", 12, "--samples", 12, "--paths", 4)
    result = command(*given, "--json", file, "--plot", plot, "--split", "test")
    assert result.code == 0, result.err
    flat = strict(file.read_text())
    shared = {
        "reconstruction_exact", "token_accuracy", "cycle_r2", "fidelity", "prior_valid",
        "prior_unique", "prior_novel", "interpolation_valid", "interpolation_distinct", "n",
        "seed", "bundle",
    }  # fmt: skip
    assert shared <= set(flat)
    assert all(value is None or isinstance(value, int | float) for key, value in flat.items()
               if key != "bundle")  # fmt: skip
    assert flat["bundle"] == LatentSpace.load(bundle, SmilesDomain()).bundle.hash
    assert (flat["n"], flat["seed"], flat["n_paths"]) == (12, 0, 4)
    assert "dial_0.50_prior_valid" in flat
    assert flat["prior_valid_low"] <= flat["prior_valid"] <= flat["prior_valid_high"]
    assert {"neighbour_valid_r0.5", "active_share", "interpolation_worst_step"} <= set(flat)
    assert plot.read_text().startswith("<?xml")
    for name in ("reconstruction_exact", "recon.", "cycle r2", "interp. valid"):
        assert name in result.out
    assert "evaluate: 100%" in result.err
    again = command(*given, "--json", tmp_path / "again.json", "--split", "test")
    assert again.out == result.out
    assert strict((tmp_path / "again.json").read_text()) == flat
    less = command(*given, "--json", tmp_path / "less.json", "--no-geometry")  # test by default
    fewer = strict((tmp_path / "less.json").read_text())
    assert shared <= set(fewer)
    assert fewer.items() <= flat.items()
    assert "neighbour" not in less.out + "".join(fewer)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["-n", "0"], 2, "--n must be at least 1, not 0"),
        (["--samples", "0"], 2, "--samples must be at least 1"),
        (["--paths", "-1"], 2, "--paths must be at least 1"),
        (["--split", "dev"], 1, "has no split 'dev'; it has ['train', 'test', 'validation']"),
        (["--data", "nowhere"], 1, "nowhere is not a prepared set"),
        (["--prior", "vamp"], 2, "vamp"),
        (["--json", "{file}/x.json"], 1, "cannot write"),
        (["--json", "{folder}"], 1, "cannot write"),
        (["--plot", "{folder}/front.txt"], 2, "front.txt"),
    ],
)
def test_mistakes_of_evaluate_are_told_before_the_work(
    arguments: list[str], code: int, message: str, command: Command, bundle: Path, data: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    (tmp_path / "file").write_text("mine")
    given = [a.format(file=tmp_path / "file", folder=tmp_path) for a in arguments]
    few = ("-n", 4, "--samples", 2, "--paths", 1)
    result = command("evaluate", bundle, "--data", data, *few, *given)
    assert message in result.refusal()
    assert result.code == code
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
