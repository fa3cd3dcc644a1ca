"""What the SMILES domain tells its commands: bundle, presets, the set of known molecules."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from domains.smiles.chem.molecule import parse, plain_smiles
from domains.smiles.chem.syntax import Problem
from domains.smiles.domain import BUNDLE, SmilesDomain
from domains.smiles.novelty import KnownSet, plain_forms
from domains.smiles.reference import reference_of_prepared_set
from tvae_core.data.known import KNOWN_FILE, readable_known
from tvae_core.data.prepared import PreparedSet
from tvae_core.domain import Known
from tvae_core.domain_commands import DomainCommands
from tvae_core.support.machine import available_cores
from tvae_core.support.progress import Bar

_STEREO = frozenset("@/\\")


def known_of_prepared_set(folder: Path) -> dict[str, Path]:
    """The set of the training molecules, built once and kept beside the prepared set.

    A validation split that was drawn from a published train split belongs to it: novelty is judged
    against what was published. Prepared sets hold canonical SMILES, so only those with
    stereochemistry are written anew. Of MOSES' own spelling 276 of 1,584,663 differ from that of
    the RDKit used here (measured); those are the training molecules that the set misses.
    """
    path = folder / KNOWN_FILE
    prepared = PreparedSet(folder, SmilesDomain.name)
    rows = [prepared.rows(split) for split in prepared.manifest.get("published_train", ["train"])]
    if readable_known(path):
        return {KNOWN_FILE: path}
    texts = [text for part in rows for text in part.split["text"]]
    print(f"collecting {len(texts):,} known molecules", file=sys.stderr)
    marked = [index for index, text in enumerate(texts) if _STEREO & set(text)]
    bar = Bar("without stereo", "molecule")
    plain = plain_forms([texts[i] for i in marked], available_cores(), bar) if marked else []
    for index, form in zip(marked, plain, strict=True):
        texts[index] = form or texts[index]
    KnownSet.build(texts).save(path)
    return {KNOWN_FILE: path}


def load_known(bundle: Path) -> KnownSet | None:
    """The set of known molecules of a bundle; None if it has none."""
    path = bundle / KNOWN_FILE
    return KnownSet.load(path) if path.is_file() else None


def known_of_bundle(bundle: Path) -> Known | None:
    """Which texts are training molecules, as `evaluate` asks it."""
    found = load_known(bundle)
    if found is None:
        return None

    def look(texts: Sequence[str]) -> list[bool]:
        mols = [parse(text) for text in texts]
        plain = ["" if isinstance(mol, Problem) else plain_smiles(mol) for mol in mols]
        return [bool(hit) for hit in found.contains(plain)]

    return look


COMMANDS = DomainCommands(
    domain=SmilesDomain(),
    bundle=BUNDLE,
    presets=Path(__file__).parent / "presets",
    default_preset="smiles_base",
    extra=lambda folder: known_of_prepared_set(folder) | reference_of_prepared_set(folder),
    known=known_of_bundle,
    unit="molecule",
)
