"""What the verbs print of molecules, and their own file formats, as `DomainCommands` takes them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tvae_core.cells import Row
from tvae_core.cli import CommandParser
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
        from domains.smiles.funnel_types import FunnelOptions

        FunnelOptions(alerts=args.alerts, sort="similarity")

    def __call__(
        self, space: LatentSpace, centre: str, texts: list[str], args: argparse.Namespace
    ) -> tuple[list[dict[str, Any]], str]:
        """The survivors as rows; the funnel's counts and their table."""
        from domains.smiles.funnel import Funnel, FunnelOptions
        from domains.smiles.novelty import load_known

        options = FunnelOptions(alerts=args.alerts, sort="similarity")
        funnel = Funnel(options, load_known(space.bundle.path), centre)
        funnel.add(texts)
        result = funnel.result()
        lines = [result.table(), "", "similarity    qed  novel  molecule"]
        for survivor in result.survivors:
            novel = {True: "yes", False: "no", None: "-"}[survivor.novel]
            lines.append(
                f"{survivor.scores['similarity']:10.3f}  {survivor.scores['qed']:5.3f}  "
                f"{novel:>5}  {survivor.smiles}"
            )
        return [_by_text(survivor.to_dict()) for survivor in result.survivors], "\n".join(lines)


class MoleculeFiles:
    """The formats of molecules, in files whose column of texts is `smiles`."""

    formats = ("csv", "smi", "sdf", "json", "parquet")

    def check(self, path: str | Path, format: str | None) -> None:
        """Refuses an output that could not be written."""
        from domains.smiles.files import check_writable

        check_writable(path, format)

    def write(
        self, path: str | Path, rows: Sequence[Row], format: str | None, origin: Mapping[str, Any]
    ) -> None:
        """Writes molecules, whole or not at all."""
        from domains.smiles.files import write_molecules

        named = [{"smiles" if key == "text" else key: row[key] for key in row} for row in rows]
        write_molecules(path, named, format, origin)


def _by_text(row: Mapping[str, object]) -> dict[str, Any]:
    return {"text" if key == "smiles" else key: value for key, value in row.items()}
