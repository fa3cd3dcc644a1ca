"""The validity funnel: from raw decoded texts to ranked molecules, every loss counted.

raw -> parsed and sanitised -> unique (InChIKey) -> alerts -> property window -> novel -> ranked

    options = FunnelOptions(alerts="pains", minimum={"qed": 0.6}, maximum={"sa": 4}, top=100)
    result = run_funnel(texts, options=options, known=KnownSet.load("known.bin"))
    print(result.table())

`Funnel` is the same in instalments, for an app that generates in small batches.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from domains.smiles.chem.alerts import alerts_of, catalog_of, resolve_catalogs
from domains.smiles.chem.molecule import canonical, inchikey, parse, plain_smiles
from domains.smiles.chem.scores import (
    check_names,
    default_names,
    make_reference,
    scaffold,
    score_all,
)
from domains.smiles.chem.syntax import Problem
from domains.smiles.funnel_types import (
    STAGES,
    FunnelOptions,
    FunnelResult,
    Rejected,
    Survivor,
    sort_key,
)
from domains.smiles.novelty import KnownSet
from domains.smiles.parallel import CHEAP, Progress, Workers

__all__ = ["Funnel", "FunnelOptions", "FunnelResult", "Rejected", "Survivor", "run_funnel"]

StageProgress = Callable[[str, int, int], None]
"""Called as `progress(stage, done, total)`."""


@dataclass(frozen=True, slots=True)
class _Molecule:
    index: int
    text: str
    smiles: str
    inchikey: str
    plain: str
    scaffold: str


def _inspect(texts: Sequence[str]) -> list[Problem | tuple[str, str, str, str]]:
    found: list[Problem | tuple[str, str, str, str]] = []
    for text in texts:
        mol = parse(text)
        if isinstance(mol, Problem):
            found.append(mol)
        else:
            found.append((canonical(mol), inchikey(mol), plain_smiles(mol), scaffold(mol)))
    return found


def _alerts(texts: Sequence[str], catalogs: tuple[str, ...]) -> list[list[str]]:
    mols = (parse(text) for text in texts)
    return [[] if isinstance(mol, Problem) else alerts_of(mol, catalogs) for mol in mols]


class Funnel:
    """A funnel that texts are poured into batch by batch; `result` may be asked at any time."""

    def __init__(
        self,
        options: FunnelOptions | None = None,
        known: KnownSet | None = None,
        reference: str | None = None,
        jobs: int = 1,
    ) -> None:
        """Prepares an empty funnel.

        Args:
            options: what is let through.
            known: the set that novelty is judged against; None leaves novelty unknown.
            reference: SMILES to compare with, for `similarity` and `scaffold_match`.
            jobs: processes, used for batches of 1,000 texts or more.

        Raises:
            ValueError: the options need a reference or a known set that is not there, or the
                reference is no molecule.
        """
        self.options = options if options is not None else FunnelOptions()
        if self.options.novel_only and known is None:
            raise ValueError("only novel molecules are asked for, but there is no known set")
        check_names(self.options.names(), reference is not None)
        if reference is not None:
            make_reference(reference)
        self._known = known
        self._reference = reference
        self._workers = Workers(jobs)
        self._catalogs = resolve_catalogs(self.options.alerts)
        self._marked = resolve_catalogs(self.options.mark_alerts)
        self._novel = 0
        self._first: dict[str, int] = {}
        self._raw = 0
        self._lost: Counter[str] = Counter()
        self._rejected: list[Rejected] = []
        self._survivors: list[Survivor] = []

    def add(self, texts: Sequence[str], progress: StageProgress | None = None) -> None:
        """Pours more raw texts in; their indices go on from those before."""
        with self._workers:
            self._add(texts, progress)

    def _add(self, texts: Sequence[str], progress: StageProgress | None) -> None:
        start = self._raw
        self._raw += len(texts)
        unique = self._parse(texts, start, progress)
        clean = self._without_alerts(unique, progress)
        table = score_all(
            [molecule.text for molecule, _ in clean],
            default_names(self._reference is not None),
            self._reference,
            self._workers,
            _named("scores", progress),
        )
        novel: list[bool | None] = [None] * len(clean)
        if self._known is not None:
            novel = [not hit for hit in self._known.contains([m.plain for m, _ in clean])]
        for row, (molecule, marks) in enumerate(clean):
            scores = {name: float(values[row]) for name, values in table.items()}
            if outside := self._outside(scores):
                self._reject(molecule.index, molecule.text, "window", outside)
                continue
            self._novel += bool(novel[row])
            if self.options.novel_only and not novel[row]:
                reason = f"{molecule.plain} is in the known set"
                self._reject(molecule.index, molecule.text, "novel", reason)
            else:
                self._survivors.append(
                    Survivor(
                        index=molecule.index,
                        text=molecule.text,
                        smiles=molecule.smiles,
                        inchikey=molecule.inchikey,
                        scaffold=molecule.scaffold,
                        alerts=marks,
                        novel=novel[row],
                        scores=scores,
                    )
                )

    def _parse(
        self, texts: Sequence[str], start: int, progress: StageProgress | None
    ) -> list[_Molecule]:
        looked = self._workers.map(
            _inspect, texts, pays_from=CHEAP, progress=_named("parsed", progress)
        )
        unique: list[_Molecule] = []
        for index, (text, found) in enumerate(zip(texts, looked, strict=True), start):
            if isinstance(found, Problem):
                place = found.position if found.position >= 0 else None
                self._reject(index, text, "parsed", found.reason, place)
            elif (first := self._first.setdefault(found[1], index)) != index:
                self._reject(index, text, "unique", f"the same molecule as sample {first + 1}")
            else:
                unique.append(_Molecule(index, text, *found))
        return unique

    def _without_alerts(
        self, molecules: list[_Molecule], progress: StageProgress | None
    ) -> list[tuple[_Molecule, tuple[str, ...]]]:
        """The molecules without an alert that counts, each with the alerts it is marked with."""
        catalogs = tuple(dict.fromkeys([*self._catalogs, *self._marked]))
        if not catalogs:
            return [(molecule, ()) for molecule in molecules]
        found = self._workers.map(
            functools.partial(_alerts, catalogs=catalogs),
            [molecule.text for molecule in molecules],
            chunk=100,
            progress=_named("alerts", progress),
        )
        clean: list[tuple[_Molecule, tuple[str, ...]]] = []
        for molecule, names in zip(molecules, found, strict=True):
            if counting := [name for name in names if catalog_of(name) in self._catalogs]:
                self._reject(molecule.index, molecule.text, "alerts", "; ".join(counting))
            else:
                clean.append((molecule, tuple(names)))
        return clean

    def _outside(self, scores: Mapping[str, float]) -> str:
        """Which limits of the window a molecule breaks, in words; empty if none."""
        broken: list[str] = []
        limits = [(n, v, True) for n, v in self.options.minimum.items()]
        limits += [(n, v, False) for n, v in self.options.maximum.items()]
        for name, limit, is_lower in limits:
            value = scores[name]
            if math.isnan(value):
                broken.append(f"{name} is not defined")
            elif value < limit if is_lower else value > limit:
                broken.append(f"{name} {value:.3g} {'<' if is_lower else '>'} {limit:g}")
        return ", ".join(broken)

    def _reject(
        self, index: int, text: str, stage: str, reason: str, position: int | None = None
    ) -> None:
        self._lost[stage] += 1
        self._rejected.append(Rejected(index, text, stage, reason, position))

    def distinct(self) -> list[tuple[str, int]]:
        """The distinct molecules so far as InChIKey and 0-based index, in the order they came."""
        return list(self._first.items())

    def result(self) -> FunnelResult:
        """What came through so far, ranked, and what did not, with counts of every stage."""
        ranked = sorted(self._survivors, key=sort_key(self.options.sort))
        kept = ranked if self.options.top is None else ranked[: self.options.top]
        cut = [
            Rejected(s.index, s.text, "ranked", f"ranked below the first {self.options.top}", None)
            for s in ranked[len(kept) :]
        ]
        lost = {**self._lost, "ranked": len(cut)}
        counts = {"raw": self._raw}
        for before, stage in itertools.pairwise(STAGES):
            counts[stage] = counts[before] - lost.get(stage, 0)
        return FunnelResult(
            counts=counts,
            survivors=kept,
            rejected=sorted([*self._rejected, *cut], key=lambda r: r.index),
            labels=self.labels(counts["window"], self._novel),
            novel=None if self._known is None else self._novel,
            false_positive_rate=None if self._known is None else self._known.false_positive_rate,
        )

    def labels(self, inside: int, novel_ones: int) -> dict[str, str]:
        """What each stage asks for, in words.

        Args:
            inside: molecules inside the property window.
            novel_ones: how many of them are novel.
        """
        options = self.options
        order = f"by {options.sort}" if options.sort else "in the order they came"
        novel = "not looked up"
        if self._known is not None:
            known = inside - novel_ones
            novel = f"{known:,} known ones {'dropped' if options.novel_only else 'kept'}"
        return {
            "alerts": ", ".join(self._catalogs) or "not looked for",
            "window": options.window() or "not set",
            "novel": novel,
            "ranked": order + (f", first {options.top:,}" if options.top else ""),
        }


def _named(stage: str, progress: StageProgress | None) -> Progress | None:
    return None if progress is None else functools.partial(progress, stage)


def run_funnel(
    texts: Sequence[str],
    *,
    options: FunnelOptions | None = None,
    known: KnownSet | None = None,
    reference: str | None = None,
    jobs: int = 1,
    progress: StageProgress | None = None,
) -> FunnelResult:
    """Runs raw texts through the whole funnel at once; the arguments are those of `Funnel`.

    Raises:
        ValueError: as `Funnel`.
    """
    funnel = Funnel(options, known, reference, jobs)
    funnel.add(texts, progress)
    return funnel.result()
