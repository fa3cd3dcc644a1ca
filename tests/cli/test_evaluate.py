"""`evaluate`, and how stable codes are, on a small bundle of molecules."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from rdkit import Chem

from domains.smiles import SmilesDomain
from domains.smiles.commands import COMMANDS
from tvae_core.sampling.hooks import sampling_hooks
from tvae_core.sampling.stability import decode_stability
from tvae_core.space import LatentSpace

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def space(bundle: Path) -> LatentSpace:
    return LatentSpace.load(bundle, SmilesDomain())


SAME = sampling_hooks(COMMANDS).same


def test_stability_is_the_share_that_comes_back(space: LatentSpace) -> None:
    known = Chem.CanonSmiles("CC(=O)NCCC"), Chem.CanonSmiles("NCc1ccccc1")
    texts = [*known, "C" * 500, "CCO"]
    still = decode_stability(space, texts, SAME, times=3, radius=0.0)
    back = [space.reconstruct([text])[0] for text in (*known, "CCO")]
    same = [
        v.canonical == t for v, t in zip(space.domain.check(back), (*known, "CCO"), strict=True)
    ]
    assert still[[0, 1, 3]].tolist() == [float(x) for x in same]
    assert np.isnan(still[2])  # too long for the bundle: not known, which is not 0
    moved = decode_stability(space, texts, SAME, times=8, seed=1)
    assert np.array_equal(
        moved, decode_stability(space, texts, SAME, times=8, seed=1), equal_nan=True
    )
    assert set((moved[[0, 1, 3]] * 8) % 1) == {0.0}
    with pytest.raises(ValueError, match="at least 1 re-decoding, not 0"):
        decode_stability(space, texts, SAME, times=0)


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
