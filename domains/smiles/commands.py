"""What the SMILES domain tells its commands: bundle, presets, the set of known molecules."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from domains.smiles.chem.syntax import Problem
from domains.smiles.chem.writers import WRITERS, check_place
from domains.smiles.domain import BUNDLE, SmilesDomain
from domains.smiles.reading.given import plain
from domains.smiles.tables import WALK_COLUMNS, AroundMolecule, walk_table
from tvae_core.data.known import KNOWN_FILE, readable_known
from tvae_core.domain_commands import DomainCommands, SearchHooks
from tvae_core.support.machine import available_cores
from tvae_core.support.progress import Bar

if TYPE_CHECKING:
    from tvae_core.cli.parser import CommandParser
    from tvae_core.domain import Known
    from tvae_core.sampling.hooks import Sampling
    from tvae_core.search.objective import Scores, Term

_STEREO = frozenset("@/\\")


def known_of_prepared_set(folder: Path) -> dict[str, Path]:
    """The set of the training molecules, built once and kept beside the prepared set.

    A validation split that was drawn from a published train split belongs to it: novelty is judged
    against what was published. Prepared sets hold canonical SMILES, so only those with
    stereochemistry are written anew. Of MOSES' own spelling 276 of 1,584,663 differ from that of
    the RDKit used here (measured); those are the training molecules that the set misses.
    """
    from domains.smiles.chem.novelty import KnownSet, plain_forms
    from tvae_core.data.prepared import PreparedSet

    path = folder / KNOWN_FILE
    prepared = PreparedSet(folder, SmilesDomain.name)
    rows = [prepared.rows(split) for split in prepared.manifest.get("published_train", ["train"])]
    if readable_known(path):
        return {KNOWN_FILE: path}
    texts = [text for part in rows for text in part.split["text"]]
    print(f"collecting {len(texts):,} known molecules", file=sys.stderr)
    marked = [index for index, text in enumerate(texts) if _STEREO & set(text)]
    bar = Bar("without stereo", "molecule")
    forms = plain_forms([texts[i] for i in marked], available_cores(), bar) if marked else []
    for index, form in zip(marked, forms, strict=True):
        texts[index] = form or texts[index]
    KnownSet.build(texts).save(path)
    return {KNOWN_FILE: path}


def known_of_bundle(bundle: Path) -> Known | None:
    """Which texts are training molecules, as `evaluate` asks it."""
    from domains.smiles.chem.molecule import parse, plain_smiles
    from domains.smiles.chem.novelty import load_known

    found = load_known(bundle)
    if found is None:
        return None

    def look(texts: Sequence[str]) -> list[bool]:
        mols = [parse(text) for text in texts]
        forms = ["" if isinstance(mol, Problem) else plain_smiles(mol) for mol in mols]
        return [bool(hit) for hit in found.contains(forms)]

    return look


def _extra(folder: Path) -> dict[str, Path]:
    from domains.smiles.reference import reference_of_prepared_set

    return known_of_prepared_set(folder) | reference_of_prepared_set(folder)


def _scores() -> Scores:
    from domains.smiles.objectives import MoleculeScores

    return MoleculeScores()


def _add_constraints(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--alerts", default="none", help="catalogues no molecule may match, such as pains,brenk"
    )
    group.add_argument("--keep-scaffold", action="store_true", help="the start's Murcko scaffold")
    group.add_argument("--scaffold", default=None, metavar="SMILES", help="substructure to keep")


def _terms(args: argparse.Namespace, start: str | None) -> list[Term]:
    from domains.smiles.objectives import terms_of

    return terms_of(args.alerts, args.scaffold, args.keep_scaffold, start)


def _add_benchmark(parser: CommandParser) -> None:
    from domains.smiles.benchmark.similar_plogp import add_benchmark_arguments

    add_benchmark_arguments(parser)


def _run_benchmark(args: argparse.Namespace) -> int | None:
    if args.benchmark is None:
        return None
    from domains.smiles.benchmark.similar_plogp import run_benchmark

    return run_benchmark(args)


def _sampling() -> Sampling:
    from domains.smiles.sampling import MoleculeSampling

    return MoleculeSampling(COMMANDS)


COMMANDS = DomainCommands(
    domain=SmilesDomain(),
    bundle=BUNDLE,
    presets=Path(__file__).parent / "presets",
    default_preset="smiles_base",
    extra=_extra,
    known=known_of_bundle,
    plain=plain,
    unit="molecule",
    text_column="smiles",
    writers=WRITERS,
    check_place=check_place,
    sampling=_sampling,
    module=__name__,
    untold=("domain", "steps"),
    walk_columns=WALK_COLUMNS,
    walk_table=walk_table,
    around=AroundMolecule(),
    search=SearchHooks(
        scores=_scores,
        add_constraints=_add_constraints,
        terms=_terms,
        add_benchmark=_add_benchmark,
        run_benchmark=_run_benchmark,
        start_as_given=True,
    ),
)
