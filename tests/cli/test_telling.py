"""What the verbs of molecules tell: items that are lost, map numbers, files, rankings."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from domains.smiles.domain import BUNDLE

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
WHY = "its weight 180 is outside the 250 to 350 of the training molecules"
Command = Callable[..., Any]


def told(result: Any, verb: str) -> list[str]:
    return [line for line in result.err.splitlines() if line.startswith(f"{verb}: ")]


def test_aspirin_is_told_by_every_verb(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "walk.csv"
    given: dict[str, tuple[object, ...]] = {
        "interpolate": (ASPIRIN, "COCCc1ccc(OCC(O)CNC(C)C)cc1", "--steps", 3, "-o", path),
        "neighbours": (ASPIRIN, "-n", 2),
        "optimise": ("--target", "qed", "--start", ASPIRIN, "--budget", 4),
        "sample": ("-n", 4, "--alerts", "none", "--reference", ASPIRIN),
    }
    names = {"interpolate": "A", "neighbours": "ITEM", "optimise": "--start"}
    for verb, arguments in given.items():
        result = command(verb, *arguments)
        assert result.code == 0, result.err
        (line,) = [line for line in told(result, verb) if "does not come back" in line]
        name = names.get(verb, "--reference")
        assert line.startswith(f"{verb}: {name} {ASPIRIN} does not come back from its code, ")
        assert line.endswith(WHY)
        assert WHY not in result.out
    with path.open() as file:
        rows = list(csv.DictReader(file))
    valid = sum(row["valid"] == "True" for row in rows)
    walked = command("interpolate", *given["interpolate"])
    assert f"wrote {valid} molecule" in walked.err
    assert ("that is none" in walked.err) == (valid == len(rows) - 1)


def test_raw_samples_ask_for_no_reference(command: Command, bundle: Path) -> None:
    result = command("sample", bundle, "-n", 2, "--raw", "--reference", ASPIRIN)
    assert result.code == 0, result.err
    assert "come back" not in result.err


@pytest.mark.parametrize("verb", ["interpolate", "neighbours", "optimise", "sample"])
def test_map_numbers_are_left_out_and_told(verb: str, command: Command, bundle: Path) -> None:
    mapped = "[CH3:1][CH2:2]O"
    given = {
        "interpolate": (mapped, "CCN", "--steps", 2),
        "neighbours": (mapped, "-n", 2),
        "optimise": ("--target", "qed", "--start", mapped, "--budget", 3),
        "sample": ("-n", 2, "--reference", mapped),
    }[verb]
    result = command(verb, bundle, *given)
    assert result.code == 0, result.err
    (line,) = [line for line in told(result, verb) if "map numbers" in line]
    assert line.endswith("'[CH3:1][CH2:2]O': its atom map numbers are left out, CCO is taken")
    assert ":1]" not in result.out


def test_an_attachment_point_is_not_ignored(command: Command, bundle: Path) -> None:
    result = command(
        "optimise", bundle, "--target", "qed", "--start", "[*:1]c1ccccc1CCN", "--budget", 4
    )
    assert result.code == 0, result.err
    (line,) = [line for line in told(result, "optimise") if "among the results" in line]
    assert "--start *c1ccccc1CCN" in line
    assert "qed has no value" in line
    assert "attachment point" in line


def test_a_start_that_misses_constraints(command: Command, bundle: Path) -> None:
    given = ("--target", "qed", "--budget", 4, "--min", "weight=200", "--alerts", "brenk")
    result = command("optimise", bundle, *given, "--scaffold", "c1ccncc1", "--start", ASPIRIN)
    assert result.code == 0, result.err
    (line,) = [line for line in told(result, "optimise") if "among the results" in line]
    for reason in ("weight 180.2 < 200", "phenol_ester", "does not contain c1ccncc1"):
        assert reason in line


@pytest.mark.parametrize("sort", ["-tpsa", "tpsa", "+similarity"])
def test_a_ranking_shows_its_score(sort: str, command: Command) -> None:
    flags = ("--reference", "Cc1ccccc1") if "similarity" in sort else ()
    result = command("sample", BUNDLE, "-n", 30, "--alerts", "none", f"--sort={sort}", *flags)
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    place = next(i for i, line in enumerate(lines) if line.split()[:1] == ["qed"])
    name = sort.lstrip("+-")
    assert lines[place].split() == ["qed", "sa", "logp", "weight", name, "smiles"]
    rows = [line.split() for line in lines[place + 1 :] if not line.startswith("...")]
    values = [float(row[4]) for row in rows]
    assert values == sorted(values, reverse=not sort.startswith("-"))
    assert lines[place].index("smiles") == lines[place + 1].index(rows[0][-1])
