"""What there is to know of one decoded text, kept for all sessions so that filters act at once.

`facts_of` is a pure function of the text and `alerts_of` of a molecule and a catalogue, so one
cache serves every session without one seeing another's work.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from apps.common.kept import MEGABYTE, kept
from domains.smiles import SmilesDomain
from domains.smiles.chem.alerts import Alert, find_alerts
from domains.smiles.chem.molecule import MAX_LENGTH, canonical, inchikey, parse, plain_smiles
from domains.smiles.chem.scores import (
    Reference,
    default_names,
    make_reference,
    scaffold,
    score_mol,
)
from domains.smiles.chem.syntax import Problem
from domains.smiles.novelty import KnownSet
from tvae_core.domain import DomainError

SHOWN_ALERTS = ("pains", "brenk")
"""Catalogues whose alerts are on every card, whether they filter or not."""

DOMAIN = SmilesDomain()


@dataclass(frozen=True, slots=True)
class Facts:
    """A molecule and its scores, or what is wrong with the text.

    Attributes:
        text: as it was decoded or typed.
        problem: why it is no molecule; the rest is then empty.
        smiles: canonical, with stereochemistry.
        plain: canonical without stereochemistry, the form that novelty is judged on.
        scores: every score that needs no reference.
    """

    text: str
    problem: Problem | None = None
    smiles: str = ""
    inchikey: str = ""
    plain: str = ""
    scaffold: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the text is a molecule."""
        return self.problem is None

    @property
    def why(self) -> str:
        """What is wrong with the text, with the place; empty for a molecule."""
        if self.problem is None:
            return ""
        return str(DomainError(self.problem.reason, self.position))

    @property
    def position(self) -> int | None:
        """The 0-based character to blame, if the text is no molecule and one is known."""
        found = -1 if self.problem is None else self.problem.position
        return found if found >= 0 else None


def facts_of(text: str) -> Facts:
    """Parses and scores a text; never raises. What is too long for a molecule is not kept."""
    return _facts_of(text) if len(text) <= MAX_LENGTH else _facts_of.__wrapped__(text)


@functools.lru_cache(maxsize=20_000)
def _facts_of(text: str) -> Facts:
    mol = parse(text)
    if isinstance(mol, Problem):
        return Facts(text, problem=mol)
    scores = {name: score_mol(mol, name) for name in default_names()}
    return Facts(
        text,
        smiles=canonical(mol),
        inchikey=inchikey(mol),
        plain=plain_smiles(mol),
        scaffold=scaffold(mol),
        scores=scores,
    )


@functools.lru_cache(maxsize=60_000)
def _alerts(smiles: str, catalog: str) -> tuple[Alert, ...]:
    mol = parse(smiles)
    return () if isinstance(mol, Problem) else tuple(find_alerts(mol, [catalog]))


def alerts_of(facts: Facts, catalogs: Sequence[str] = SHOWN_ALERTS) -> tuple[Alert, ...]:
    """The alerts of a molecule by these catalogues, with their atoms in `facts.smiles`."""
    if not facts.ok:
        return ()
    return tuple(alert for name in catalogs for alert in _alerts(facts.smiles, name))


@kept(32 * MEGABYTE)
def drawing(
    smiles: str, highlight: tuple[int, ...] = (), size: tuple[int, int] = (300, 200)
) -> str:
    """A molecule as SVG.

    Raises:
        DomainError: `smiles` is no molecule.
    """
    return str(DOMAIN.render(smiles, size=size, highlight=highlight).data)


def prepare(texts: Sequence[str], catalogs: Sequence[str], seconds: float = 0.7) -> int:
    """Works out facts and alerts of texts until the time is up.

    Returns:
        How many of the first texts are ready; what was worked out before costs nothing.
    """
    end = time.monotonic() + seconds
    for done, text in enumerate(texts):
        if time.monotonic() > end:
            return done
        alerts_of(facts_of(text), catalogs)
    return len(texts)


def novelty(facts: Sequence[Facts], known: KnownSet | None) -> list[bool | None]:
    """Whether each molecule is outside the training set; None where that cannot be said."""
    answer: list[bool | None] = [None] * len(facts)
    if known is not None:
        valid = [i for i, item in enumerate(facts) if item.ok]
        for i, hit in zip(valid, known.contains([facts[i].plain for i in valid]), strict=True):
            answer[i] = not bool(hit)
    return answer


def compare(facts: Sequence[Facts], reference: str) -> list[dict[str, float]]:
    """Similarity and scaffold match with a reference, for each; NaN for what is no molecule.

    Raises:
        ValueError: the reference is no molecule.
    """
    _reference(reference)
    names = ("similarity", "scaffold_match")
    return [{name: _against(item.smiles, reference, name) for name in names} for item in facts]


def similarity(a: Facts, b: Facts) -> float:
    """Tanimoto similarity of two molecules; NaN if one is none."""
    if not (a.ok and b.ok):
        return math.nan
    first, second = sorted((a.smiles, b.smiles))
    return _against(first, second, "similarity")


@functools.lru_cache(maxsize=200)
def _reference(smiles: str) -> Reference:
    return make_reference(smiles)


@functools.lru_cache(maxsize=40_000)
def _against(smiles: str, reference: str, name: str) -> float:
    mol = parse(smiles)
    return math.nan if isinstance(mol, Problem) else score_mol(mol, name, _reference(reference))
