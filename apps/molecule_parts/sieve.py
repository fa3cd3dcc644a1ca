"""The funnel over facts that are already known, so that moving a filter answers at once.

`sieve` gives what `domains.smiles.funnel.run_funnel` gives for the same texts and options (a test
holds the two together), without parsing and scoring again.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from apps.common.windows import outside
from apps.molecule_parts.facts import SHOWN_ALERTS, Facts, alerts_of, compare, facts_of, novelty
from domains.smiles.chem.alerts import resolve_catalogs
from domains.smiles.funnel_types import (
    STAGES,
    FunnelOptions,
    FunnelResult,
    Rejected,
    Survivor,
    sort_key,
)
from domains.smiles.novelty import KnownSet

STAGE_NAMES = {
    "raw": "Decoded",
    "parsed": "Valid",
    "unique": "Unique",
    "alerts": "No alerts",
    "window": "In the window",
    "novel": "Novel",
    "ranked": "Kept",
}


@dataclass(frozen=True)
class Wanted:
    """What the sieve lets through.

    Attributes:
        options: as for the funnel.
        unique: drop repeated molecules.
        reference: SMILES to compare with; empty for none.
    """

    options: FunnelOptions = field(default_factory=FunnelOptions)
    unique: bool = True
    reference: str = ""

    @property
    def catalogs(self) -> tuple[str, ...]:
        """Every catalogue whose alerts have to be known: those that filter and those shown."""
        return tuple(dict.fromkeys([*resolve_catalogs(self.options.alerts), *SHOWN_ALERTS]))


def sieve(texts: Sequence[str], wanted: Wanted, known: KnownSet | None) -> FunnelResult:
    """Passes texts through the funnel's stages.

    Raises:
        ValueError: only novel ones are wanted and there is no known set, a score needs a reference
            that is not there, or the reference is no molecule.
    """
    options = wanted.options
    if options.novel_only and known is None:
        raise ValueError("this bundle has no set of known molecules to tell novel ones by")
    if not wanted.reference and {"similarity", "scaffold_match"} & set(options.names()):
        raise ValueError("to sort or filter by similarity, enter a reference molecule")
    facts = [facts_of(text) for text in texts]
    novel = novelty(facts, known)
    against = compare(facts, wanted.reference) if wanted.reference else None
    filtering = resolve_catalogs(options.alerts)
    first: dict[str, int] = {}
    survivors: list[Survivor] = []
    rejected: list[Rejected] = []
    inside = 0
    for index, item in enumerate(facts):
        scores = {**item.scores, **(against[index] if against else {})}
        loss = _first_three(index, item, first, wanted.unique, filtering)
        if loss is None and (broken := outside(scores, options.minimum, options.maximum)):
            loss = ("window", broken)
        if loss is None:
            inside += bool(novel[index])
            if options.novel_only and not novel[index]:
                loss = ("novel", f"{item.plain} is in the known set")
        if loss is not None:
            rejected.append(Rejected(index, item.text, *loss, item.position))
            continue
        names = tuple(alert.name for alert in alerts_of(item, wanted.catalogs))
        survivors.append(
            Survivor(
                index=index,
                text=item.text,
                smiles=item.smiles,
                inchikey=item.inchikey,
                scaffold=item.scaffold,
                alerts=names,
                novel=novel[index],
                scores=scores,
            )
        )
    return _result(len(texts), survivors, rejected, wanted, known, inside)


def _first_three(
    index: int, item: Facts, first: dict[str, int], unique: bool, catalogs: Sequence[str]
) -> tuple[str, str] | None:
    """The stage and reason for which a text is lost before its scores count, if it is."""
    if item.problem is not None:
        return "parsed", item.problem.reason
    earlier = first.setdefault(item.inchikey, index)
    if unique and earlier != index:
        return "unique", f"the same molecule as sample {earlier + 1}"
    if names := [alert.name for alert in alerts_of(item, catalogs)]:
        return "alerts", "; ".join(names)
    return None


def _result(
    raw: int,
    survivors: list[Survivor],
    rejected: list[Rejected],
    wanted: Wanted,
    known: KnownSet | None,
    inside: int,
) -> FunnelResult:
    options = wanted.options
    ranked = sorted(survivors, key=sort_key(options.sort))
    lost = Counter(item.stage for item in rejected)
    counts = {"raw": raw}
    for before, stage in itertools.pairwise(STAGES):
        counts[stage] = counts[before] - lost[stage]
    labels = {
        "alerts": ", ".join(resolve_catalogs(options.alerts)) or "not looked for",
        "window": options.window() or "not set",
        "unique": "by InChIKey" if wanted.unique else "not asked for",
        "novel": "required" if options.novel_only else "not required",
        "ranked": f"by {options.sort}" if options.sort else "in the order they came",
    }
    return FunnelResult(
        counts=counts,
        survivors=ranked,
        rejected=rejected,
        labels=labels,
        novel=None if known is None else inside,
        false_positive_rate=None if known is None else known.false_positive_rate,
    )
