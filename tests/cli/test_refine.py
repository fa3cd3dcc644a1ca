"""`python -m domains.smiles.refine`, on the bundle of the other commands' tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tvae_core.bundle import load_bundle

SMALL = "--steps 6 --rounds 2 --pairs 60 --batch-size 16 --lowest 0.2 --eval-items 12 --threads 1"


def test_a_refined_bundle_keeps_its_codes(
    command: Any, bundle: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "refined"
    found = command("refine", str(bundle), "--data", str(data), "-o", str(out), *SMALL.split())
    assert found.code == 0, found.err
    assert "Traceback" not in found.err
    assert "pairs 1/2" in found.err
    assert found.out.splitlines()[-1] == f"bundle: {out}"
    before, after = (load_file(p / "model.safetensors") for p in (bundle, out))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(name.startswith(("decoder.", "memory.")) for name in changed)
    refined = load_bundle(out, "smiles")
    assert refined.manifest["refined"]["from"] == load_bundle(bundle, "smiles").hash
    assert refined.manifest["refined"]["pairs"] == 60
    assert (out / "known.bin").read_bytes() == (bundle / "known.bin").read_bytes()
    assert (out / "prior.safetensors").read_bytes() == (bundle / "prior.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--steps", "0"], "--steps must be at least 1, not 0"),
        (["--learning-rate", "0"], "--learning-rate must be positive"),
        (["--target-valid", "2"], "--target-valid must lie in 0..1"),
    ],
)
def test_impossible_flags_are_named(
    command: Any, bundle: Path, tmp_path: Path, flags: list[str], message: str
) -> None:
    found = command("refine", str(bundle), "-o", str(tmp_path / "x"), *flags)
    assert found.code == 2
    assert message in found.err
    assert not (tmp_path / "x").exists()


def test_a_bundle_is_not_refined_onto_itself(command: Any, bundle: Path) -> None:
    found = command("refine", str(bundle), "-o", str(bundle))
    assert found.code == 2
    assert "must not be the bundle" in found.err
