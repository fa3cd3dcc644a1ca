"""Known molecules, by the canonical form without stereochemistry that novelty is judged on.

    known = KnownSet.from_molecules(training_smiles, jobs=2)
    known.save("known.bin")
    KnownSet.load("known.bin").contains(plain_forms(["OCC", "c1ccccc1"]))

The set itself, its size and its file are `tvae_core.data.known`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

from domains.smiles.chem.molecule import parse, plain_smiles
from domains.smiles.chem.syntax import Problem
from tvae_core.data import known
from tvae_core.data.known import text_hashes as text_hashes
from tvae_core.support.workers import CHEAP, Progress, Workers


def _plain_chunk(texts: Sequence[str]) -> list[str | None]:
    found = (parse(text) for text in texts)
    return [None if isinstance(mol, Problem) else plain_smiles(mol) for mol in found]


def plain_forms(
    texts: Sequence[str], jobs: int = 1, progress: Progress | None = None
) -> list[str | None]:
    """The form each molecule is known by: canonical SMILES without stereochemistry.

    Args:
        texts: SMILES in any form.
        jobs: processes, used for many texts.
        progress: called as `progress(done, total)`.

    Returns:
        As many as `texts`, in their order; None for one that is no molecule.
    """
    with Workers(jobs) as workers:
        return workers.map(_plain_chunk, texts, chunk=2000, pays_from=CHEAP, progress=progress)


class KnownSet(known.KnownSet):
    """A fixed set of SMILES in `plain_forms` with approximate membership."""

    items: ClassVar[str] = "molecules"

    @classmethod
    def from_molecules(
        cls, texts: Sequence[str], jobs: int = 1, progress: Progress | None = None
    ) -> Self:
        """The set of these molecules, whatever form their SMILES have; invalid ones are skipped."""
        forms = plain_forms(texts, jobs, progress)
        return cls.build(form for form in forms if form is not None)


def load_known(bundle: Path) -> KnownSet | None:
    """The set of known molecules of a bundle; None if it has none."""
    path = bundle / known.KNOWN_FILE
    return KnownSet.load(path) if path.is_file() else None
