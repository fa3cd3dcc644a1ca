"""What the verbs print of molecules, as `DomainCommands` takes it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tvae_core.support.table import text_table

if TYPE_CHECKING:
    from tvae_core.cli.parser import CommandParser
    from tvae_core.space import LatentSpace

WALK_COLUMNS = (
    *("text", "name", "t", "fidelity", "valid", "reason", "similarity_to_a", "similarity_to_b"),
    *("qed", "sa", "logp", "weight"),
)
"""The columns of `interpolate`."""


def walk_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The steps of a walk: where, how faithful, how alike to both ends, how drug-like."""
    lines = ["   t  fidelity  to A   to B    qed  molecule"]
    for row in rows:
        note = "" if row["valid"] else f"   ({row['reason']})"
        lines.append(
            f"{row['t']:4.2f}  {row['fidelity']:8.2f}  {row['similarity_to_a']:4.2f}   "
            f"{row['similarity_to_b']:4.2f}   {row['qed']:4.2f}  {row['text']}{note}"
        )
    return "\n".join(lines)


class AroundMolecule:
    """What lies around a molecule, through the funnel: no alerts, the most similar first."""

    def add_arguments(self, parser: CommandParser) -> None:
        """`--alerts`."""
        parser.add_argument("--alerts", default="none", help="catalogues, all or none")

    def check(self, args: argparse.Namespace) -> None:
        """Refuses an unknown catalogue."""
        from domains.smiles.chem.names import resolve_catalogs

        resolve_catalogs(args.alerts)

    def __call__(
        self, space: LatentSpace, centre: str, texts: list[str], args: argparse.Namespace
    ) -> tuple[list[dict[str, Any]], str]:
        """What is kept as rows; the funnel's counts and the table of what is kept."""
        from domains.smiles.chem.novelty import load_known
        from domains.smiles.filters import funnel_table, molecule_judge, stage_labels
        from domains.smiles.sampling import row_of
        from tvae_core.sampling.funnel import Wanted, pour

        known, wanted = load_known(space.bundle.path), Wanted(sort="similarity")
        judge = molecule_judge(known, alerts=args.alerts, reference=centre)
        found = pour(judge, texts, wanted)
        lines = [["similarity", "qed", "novel", "molecule"]]
        for sample in found.kept:
            scores = [f"{sample.scores[name]:.3f}" for name in ("similarity", "qed")]
            novel = {True: "yes", False: "no", None: "-"}[sample.novel]
            lines.append([*scores, novel, sample.look.form])
        counts = funnel_table(found, stage_labels(found, wanted, args.alerts), judge.false_known)
        rows = [row_of(sample) for sample in found.kept]
        return rows, f"{counts}\n\n{text_table(lines, '>>>-', 5)}"
