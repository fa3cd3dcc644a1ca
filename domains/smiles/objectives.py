"""What a search for molecules may be for beside the scores of the domain.

    objective = parse_objectives(["qed - 0.1*sa"], start="CCO", similarity=0.4)
    objective(["CCCO", "c1ccccc1O"]).score

Scores are those of `scores`, `plogp` and `plogp_raw` (`penalised_logp`), `ring_penalty`, and, with
a start, `similarity` and `scaffold_match` to it; constraints are alerts and a substructure to keep.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from domains.smiles.chem.alerts import alerts_of, resolve_catalogs
from domains.smiles.chem.molecule import parse
from domains.smiles.chem.penalised_logp import plogp, plogp_raw, ring_penalties
from domains.smiles.chem.scores import FloatArray, default_names, score_all
from domains.smiles.chem.scores import scaffold as murcko
from domains.smiles.chem.syntax import Problem
from domains.smiles.domain import SmilesDomain
from tvae_core.search.limits import Bounds
from tvae_core.search.objective import ItemObjective, Term

DERIVED = ("plogp", "plogp_raw", "ring_penalty")
"""Scores made of others."""

ALERT_VIOLATION, SCAFFOLD_VIOLATION = 0.2, 0.5
"""What an alert and a lost scaffold count beside a missing similarity, which is 0 to 1."""


def score_names(with_start: bool = True) -> list[str]:
    """The names that an expression may use."""
    return [*default_names(with_start), *DERIVED]


class MoleculeScores:
    """The scores of molecules, of which only those that are named are computed."""

    one_by_one = True

    def names(self, with_start: bool) -> list[str]:
        """As `score_names`."""
        return score_names(with_start)

    def __call__(
        self, texts: Sequence[str], names: Sequence[str], start: str | None
    ) -> dict[str, FloatArray]:
        """Named scores of SMILES, each `(n,)`."""
        derived = {name for name in names if name in DERIVED}
        needed = [name for name in names if name not in derived]
        if derived - {"ring_penalty"}:
            needed = list(dict.fromkeys([*needed, "logp", "sa"]))
        found = score_all(texts, needed, start)
        if derived:
            found["ring_penalty"] = ring_penalties(list(texts))
        if derived - {"ring_penalty"}:
            parts = found["logp"], found["sa"], found["ring_penalty"]
            found |= {"plogp": plogp(*parts), "plogp_raw": plogp_raw(*parts)}
        return found

    def why_undefined(self, text: str) -> str:
        """Of a molecule with a place for an atom."""
        mol = parse(text)
        if isinstance(mol, Problem) or all(atom.GetAtomicNum() for atom in mol.GetAtoms()):
            return ""
        return "it has an attachment point or wildcard (*) in place of an atom"


class NoAlerts:
    """No structural alert of some catalogues."""

    def __init__(self, catalogs: Sequence[str]) -> None:
        self.catalogs = tuple(catalogs)
        self.name = f"no alerts of {','.join(self.catalogs)}"

    def missed(self, texts: Sequence[str]) -> FloatArray:
        """By how many alerts."""
        return ALERT_VIOLATION * np.array([len(self._alerts(text)) for text in texts], dtype=float)

    def why(self, text: str) -> str:
        """Which alerts it has."""
        alerts = self._alerts(text)
        return f"it has alerts ({', '.join(alerts)})" if alerts else ""

    def _alerts(self, text: str) -> list[str]:
        mol = parse(text)
        return [] if isinstance(mol, Problem) else alerts_of(mol, self.catalogs)


class Contains:
    """A substructure that is kept.

    Raises:
        ValueError: it is no molecule.
    """

    def __init__(self, scaffold: str) -> None:
        found = parse(scaffold)
        if isinstance(found, Problem):
            raise ValueError(f"scaffold {scaffold!r} is not a molecule: {found.reason}")
        self.scaffold, self._query = scaffold, found
        self.name = f"contains {scaffold}"

    def missed(self, texts: Sequence[str]) -> FloatArray:
        """Where it is lost."""
        return SCAFFOLD_VIOLATION * np.array([bool(self.why(text)) for text in texts], dtype=float)

    def why(self, text: str) -> str:
        """Whether it is lost."""
        mol = parse(text)
        kept = not isinstance(mol, Problem) and mol.HasSubstructMatch(self._query)
        return "" if kept else f"it does not contain {self.scaffold}"


def terms_of(
    alerts: str, scaffold: str | None, keep_scaffold: bool, start: str | None
) -> list[Term]:
    """The constraints that molecules have of their own, see `parse_objectives`."""
    catalogs = resolve_catalogs(alerts)
    if keep_scaffold and scaffold is None:
        if start is None:
            raise ValueError("keeping the scaffold needs a start molecule, or a scaffold as SMILES")
        mol = parse(start)
        if isinstance(mol, Problem):
            raise ValueError(f"start {start!r} is not a molecule: {mol.reason}")
        scaffold = murcko(mol)
        if not scaffold:
            raise ValueError(f"start {start!r} has no rings, and so no scaffold to keep")
    terms: list[Term] = [NoAlerts(catalogs)] if catalogs else []
    return [*terms, *([Contains(scaffold)] if scaffold is not None else [])]


def parse_objectives(
    targets: Sequence[str],
    *,
    start: str | None = None,
    similarity: float = 0.0,
    alerts: str = "none",
    scaffold: str | None = None,
    keep_scaffold: bool = False,
    bounds: Bounds | None = None,
) -> ItemObjective:
    """The objective of one or several targets, all to be maximised, with its constraints.

    Args:
        targets: expressions, or `module:function`.
        start: SMILES that `similarity` compares with.
        similarity: smallest Tanimoto similarity to the start (Morgan radius 2, 2,048 bits).
        alerts: catalogues of structural alerts that a molecule must not have.
        scaffold: SMILES of a substructure that must be kept.
        keep_scaffold: keep the Bemis-Murcko scaffold of the start.
        bounds: least and most of named scores, None for no limit.

    Raises:
        ValueError: for anything unknown, with the nearest name; a start that is no molecule.
    """
    return ItemObjective(
        SmilesDomain(),
        targets,
        start=start,
        similarity=similarity,
        bounds=bounds,
        scores=MoleculeScores(),
        terms=terms_of(alerts, scaffold, keep_scaffold, start),
    )
