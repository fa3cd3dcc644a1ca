"""What molecules add to the funnel: InChIKeys, structural alerts, novelty without stereo.

    judge = molecule_judge(KnownSet.load("known.bin"), alerts="pains")
    found = pour(judge, texts, Wanted(minimum={"qed": 0.6}, maximum={"sa": 4}, sort="qed"))
    print(funnel_table(found, stage_labels(found, wanted, alerts="pains"), judge.false_known))

The funnel itself is `tvae_core.sampling.funnel`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence

from domains.smiles.chem.alerts import alerts_of, catalog_of
from domains.smiles.chem.molecule import canonical, inchikey, parse, plain_smiles
from domains.smiles.chem.names import DEFAULT_ALERTS, default_names, resolve_catalogs
from domains.smiles.chem.novelty import KnownSet
from domains.smiles.chem.scores import SCORES, make_reference, scaffold, score_all
from domains.smiles.chem.syntax import Problem
from tvae_core.domain import FloatArray
from tvae_core.sampling.funnel import (
    NOVEL,
    RANKED,
    RAW,
    UNIQUE,
    VALID,
    WINDOW,
    Judge,
    Look,
    Progress,
    Result,
    Sample,
    Stage,
    Wanted,
    Words,
    share,
)
from tvae_core.support.table import text_table
from tvae_core.support.workers import CHEAP, Workers

ALERTS = "alerts"
"""The stage of molecules' own."""
SMALLEST_BEST = frozenset(score.name for score in SCORES.values() if score.better == "lower")
WORDS = Words(
    repeated="the same molecule as sample {first}",
    known=lambda sample: f"{sample.look.facts['plain']} is in the known set",
)
_TITLES = {
    RAW: "raw samples",
    VALID: "parsed and sanitised",
    UNIQUE: "unique (InChIKey)",
    ALERTS: "no alerts",
    WINDOW: "property window",
    NOVEL: "novel",
    RANKED: "ranked",
}
_BAR = 24


def molecule_judge(
    known: KnownSet | None = None,
    *,
    alerts: str | Sequence[str] = DEFAULT_ALERTS,
    mark_alerts: str | Sequence[str] = "none",
    reference: str | None = None,
    jobs: int = 1,
) -> Judge:
    """What the funnel asks of molecules.

    Args:
        known: the set that novelty is judged against; None leaves novelty unknown.
        alerts: catalogues a molecule must have no alert of: names, `all`, or `none`.
        mark_alerts: catalogues whose alerts are only noted, as `Sample.marks`.
        reference: SMILES to compare with, for `similarity` and `scaffold_match`.
        jobs: processes, used for 1,000 texts or more.

    Raises:
        ValueError: an unknown catalogue, or the reference is no molecule.
    """
    if reference is not None:
        make_reference(reference)
    workers, names = Workers(jobs), default_names(reference is not None)

    def score(samples: Sequence[Sample], progress: Progress) -> Mapping[str, FloatArray]:
        return score_all([s.text for s in samples], names, reference, workers, progress)

    def is_known(samples: Sequence[Sample]) -> list[bool]:
        assert known is not None
        return [bool(hit) for hit in known.contains([s.look.facts["plain"] for s in samples])]

    return Judge(
        check=lambda texts, progress: workers.map(
            look_at, texts, pays_from=CHEAP, progress=progress
        ),
        score=score,
        known=None if known is None else is_known,
        stages=(Stage(ALERTS, _Alerts(alerts, mark_alerts, workers)),),
        smallest=SMALLEST_BEST,
        words=WORDS,
        close=workers.close,
        false_known=0.0 if known is None else known.false_positive_rate,
    )


def look_at(texts: Sequence[str]) -> list[Look]:
    """What there is to say of SMILES: canonical form, InChIKey, plain form and scaffold."""
    found = []
    for text in texts:
        mol = parse(text)
        if isinstance(mol, Problem):
            place = mol.position if mol.position >= 0 else None
            found.append(Look(False, reason=mol.reason, position=place))
        else:
            key = inchikey(mol)
            facts = {"inchikey": key, "plain": plain_smiles(mol), "scaffold": scaffold(mol)}
            found.append(Look(True, canonical(mol), key, facts=facts))
    return found


class _Alerts:
    """Why molecules are stopped by their alerts; marks them with those that do not count."""

    def __init__(
        self, alerts: str | Sequence[str], marked: str | Sequence[str], workers: Workers
    ) -> None:
        self._counting = resolve_catalogs(alerts)
        self._all = tuple(dict.fromkeys([*self._counting, *resolve_catalogs(marked)]))
        self._workers = workers

    def __call__(self, samples: Sequence[Sample], progress: Progress) -> list[str]:
        if not self._all:
            return [""] * len(samples)
        look = functools.partial(_alert_names, catalogs=self._all)
        texts = [sample.text for sample in samples]
        reasons = []
        found = self._workers.map(look, texts, chunk=100, progress=progress)
        for sample, names in zip(samples, found, strict=True):
            sample.marks = tuple(names)
            reasons.append("; ".join(n for n in names if catalog_of(n) in self._counting))
        return reasons


def _alert_names(texts: Sequence[str], catalogs: tuple[str, ...]) -> list[list[str]]:
    mols = (parse(text) for text in texts)
    return [[] if isinstance(mol, Problem) else alerts_of(mol, catalogs) for mol in mols]


def stage_labels(
    found: Result, wanted: Wanted, alerts: str | Sequence[str] = DEFAULT_ALERTS
) -> dict[str, str]:
    """What each stage asked for, in words."""
    order = f"by {wanted.sort}" if wanted.sort else "in the order they came"
    novel = "not looked up"
    if found.novel is not None:
        known = found.counts[WINDOW] - found.novel
        novel = f"{known:,} known ones {'dropped' if wanted.novel else 'kept'}"
    return {
        ALERTS: ", ".join(resolve_catalogs(alerts)) or "not looked for",
        WINDOW: wanted.window() or "not set",
        NOVEL: novel,
        RANKED: order + (f", first {wanted.top:,}" if wanted.top else ""),
    }


def funnel_table(found: Result, labels: Mapping[str, str], false_known: float = 0.0) -> str:
    """The funnel as lines of text: stage, count, share of the raw texts, a bar.

    Args:
        found: of the funnel.
        labels: what its stages asked for.
        false_known: the share of novel molecules that are called known.
    """
    lines: list[list[str]] = []
    for stage, count in found.counts.items():
        label = labels.get(stage, "")
        title = f"{_TITLES[stage]} ({label})" if label else _TITLES[stage]
        part = share(count, found.counts[RAW])
        percent, filled = ("", 0) if math.isnan(part) else (f"{part:.1%}", round(part * _BAR))
        lines.append([title, f"{count:,}", percent, "#" * filled])
    table = text_table(lines, "<>>-", (max(len(line[0]) for line in lines), 9, 6))
    text = [line.rstrip() for line in table.splitlines()]
    if found.novel is not None:
        text.append(
            f"{found.novel:,} of {found.counts[WINDOW]:,} in the window are novel "
            f"({false_known:.2%} of novel molecules are called known)"
        )
    return "\n".join(text)
