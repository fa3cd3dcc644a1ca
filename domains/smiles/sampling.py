"""What `sample` asks of molecules beside what it does for any domain: alerts, a reference, rows."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domains.smiles.chem.names import (
    DEFAULT_ALERTS,
    check_names,
    default_names,
    resolve_catalogs,
)
from domains.smiles.reading.given import without_maps
from tvae_core.cli.parser import positive_int
from tvae_core.cli.telling import check_back
from tvae_core.sampling.funnel import VALID, Judge, Result, Sample, Wanted
from tvae_core.sampling.hooks import Own, Sampling
from tvae_core.support.machine import available_cores

if TYPE_CHECKING:
    import pyarrow as pa

    from tvae_core.space import LatentSpace


class MoleculeSampling(Sampling):
    """The sampling of molecules."""

    sort = "qed"
    drawn = "string"
    long_from = 50_000
    packages = ("rdkit", "torch")
    narrowest = 7

    def add_arguments(self, group: argparse._ArgumentGroup) -> None:
        """`--alerts`, `--reference` and `--jobs`."""
        group.add_argument("--alerts", default=DEFAULT_ALERTS, help="catalogues, all or none")
        group.add_argument("--reference", default=None, metavar="SMILES", help="for similarity")
        group.add_argument("--jobs", type=positive_int, default=available_cores())

    def own(self, args: argparse.Namespace) -> dict[str, Any]:
        """The catalogues of alerts and the reference, without map numbers."""
        resolve_catalogs(args.alerts)
        if args.reference is not None:
            self.commands.domain.from_text(args.reference)
            args.reference = without_maps("sample", "--reference", args.reference)
        return {"alerts": args.alerts, "mark_alerts": "none", "reference": args.reference}

    def names(self, own: Own) -> list[str]:
        """The scores that there are, those that need a reference only where there is one."""
        return default_names(own.get("reference") is not None)

    def nameable(self) -> list[str]:
        """All scores."""
        return default_names(with_reference=True)

    def check(self, wanted: Wanted, own: Own) -> None:
        """Refuses scores that need a reference without one, too."""
        check_names(wanted.names(), own.get("reference") is not None)
        super().check(wanted, own)

    def judge(self, bundle: Path, own: Own, jobs: int = 1) -> Judge:
        """Molecules are distinct by InChIKey and have no alerts; novelty is without stereo."""
        from domains.smiles.chem.novelty import load_known
        from domains.smiles.filters import molecule_judge

        return molecule_judge(load_known(bundle), jobs=jobs, **own)

    def look_up(self, space: LatentSpace, own: Own) -> None:
        """Tells of a reference that does not come back from its own code."""
        reference = own.get("reference")
        if reference is not None:
            (verdict,) = self.commands.domain.check([reference])
            form = verdict.canonical or reference
            check_back("sample", self.commands, space, {"--reference": form})

    def row(self, sample: Sample) -> dict[str, Any]:
        """A kept molecule as a row of a file."""
        return row_of(sample)

    def lost_rows(self, found: Result) -> list[dict[str, Any]]:
        """All that was stopped, in the order of the samples."""
        return [self.lost_row(s) for s in sorted(found.lost, key=lambda sample: sample.index)]

    def lost_row(self, sample: Sample) -> dict[str, Any]:
        """A text that was stopped as a row."""
        return lost_row_of(sample)

    def origin(self, args: argparse.Namespace, own: Own) -> dict[str, Any]:
        """What files say of what was let through."""
        limits = {"min": args.min, "max": args.max, "novel": args.novel}
        return {
            "target_property": args.target_property,
            "filters": {"alerts": args.alerts, **limits},
        }

    def told(self, found: Result, wanted: Wanted, own: Own, judge: Judge, auto: bool) -> str:
        """The funnel's table, validity and uniqueness."""
        from domains.smiles.filters import funnel_table, stage_labels

        table = funnel_table(found, stage_labels(found, wanted, own["alerts"]), judge.false_known)
        kind = "validity with a retry at smoother settings" if auto else "raw validity"
        line = f"{kind} {found.validity:.4f}, uniqueness {found.uniqueness:.4f}"
        return f"{table}\n{line}"

    def output_table(self, table: pa.Table, can_tell_novel: bool) -> pa.Table:
        """Rows of a part of a long run with the columns of `row_of`."""
        import pyarrow as pa
        import pyarrow.compute as pc

        numbers = pc.cast(pc.add(table["index"], 1), pa.string())
        columns = {
            "smiles": table["smiles"],
            "name": pc.binary_join_element_wise("sample", numbers, "-"),
            "inchikey": table["inchikey"],
        }
        for name in table.column_names:
            if name.startswith("score:"):
                columns[name.removeprefix("score:")] = table[name]
        columns["alerts"] = pa.array([[]] * len(table), pa.list_(pa.string()))
        columns["novel"] = table["novel"]
        columns["scaffold"] = table["scaffold"]
        return pa.table(columns)

    def facts(self) -> tuple[str, ...]:
        """InChIKey and scaffold."""
        return ("inchikey", "scaffold")

    def same(self, texts: Sequence[str]) -> list[str | None]:
        """The plain forms: stereo does not count."""
        from domains.smiles.chem.molecule import parse, plain_smiles
        from domains.smiles.chem.syntax import Problem

        mols = [parse(text) for text in texts]
        return [None if isinstance(mol, Problem) else plain_smiles(mol) for mol in mols]


def row_of(sample: Sample) -> dict[str, Any]:
    """A kept molecule as a row of a file."""
    facts = sample.look.facts
    return {
        "text": sample.look.form,
        "name": f"sample-{sample.number}",
        "inchikey": facts["inchikey"],
        **sample.scores,
        "alerts": list(sample.marks),
        "novel": sample.novel,
        "scaffold": facts["scaffold"],
    }


def lost_row_of(sample: Sample) -> dict[str, Any]:
    """A text that was stopped as a row; the stage that wants molecules is called `parsed`."""
    place = sample.look.position
    return {
        "text": sample.text,
        "sample": sample.number,
        "stage": "parsed" if sample.stage == VALID else sample.stage,
        "reason": sample.reason,
        "character": None if place is None else place + 1,
    }
