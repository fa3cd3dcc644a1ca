"""What `optimise` searches for: expressions over scores, or a function of yours, and constraints.

    objective = parse_objective("qed - 0.1*sa", start="CCO", similarity=0.4)
    objective(["CCCO", "c1ccccc1O"]).score

Scores are those of `scores`, `plogp` and `plogp_raw` (`penalised_logp`), `ring_penalty`, and, with
a start, `similarity` to it. `module:function` names a Python function that takes a list of SMILES
and returns a number for each, NaN where it has none; it is called once a batch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from rdkit import Chem

from domains.smiles.chem.alerts import alerts_of, resolve_catalogs
from domains.smiles.chem.molecule import canonical, parse
from domains.smiles.chem.penalised_logp import plogp, plogp_raw, ring_penalty
from domains.smiles.chem.scores import SCORES, FloatArray, check_names, make_reference, score_all
from domains.smiles.chem.scores import scaffold as murcko
from domains.smiles.chem.syntax import Problem
from domains.smiles.user_function import UserFunction
from tvae_core.search.expressions import Expression
from tvae_core.search.limits import Bounds, missed_bounds
from tvae_core.search.limits import check_bounds as check_limits
from tvae_core.search.objective import unscored
from tvae_core.search.types import Call, Scored

DERIVED = ("plogp", "plogp_raw", "ring_penalty")
"""Scores made of others."""

ALERT_VIOLATION, SCAFFOLD_VIOLATION = 0.2, 0.5
"""What an alert and a lost scaffold count beside a missing similarity, which is 0 to 1."""

_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def score_names(with_start: bool = True) -> list[str]:
    """The names that an expression may use."""
    names = [name for name, score in SCORES.items() if with_start or not score.needs_reference]
    return [*names, *DERIVED]


class MoleculeObjective:
    """A score of molecules with constraints; see `parse_objectives`.

    Attributes:
        name: the targets and constraints in words.
        targets: the targets as written, all maximised.
    """

    def __init__(
        self,
        targets: Sequence[str],
        start: str | None,
        similarity: float,
        alerts: str,
        scaffold: str | None,
        bounds: Bounds,
    ) -> None:
        if not targets:
            raise ValueError("there is nothing to optimise: name at least one target")
        if len(set(targets)) != len(targets):
            raise ValueError("a target is named twice")
        self.start = start if start is None else _read(start, "start")
        self.similarity, self.bounds = similarity, dict(bounds)
        self._catalogs = resolve_catalogs(alerts)
        self._parts = [self._target(text) for text in targets]
        self.targets = tuple(" ".join(text.split()) for text in targets)
        if not 0 <= similarity <= 1:
            raise ValueError(f"similarity must lie in 0..1, not {similarity:g}")
        if similarity and start is None:
            raise ValueError("similarity needs a start molecule to be similar to")
        self._query: Chem.Mol | None = None
        self.scaffold = scaffold
        if scaffold is not None:
            found = parse(scaffold)
            if isinstance(found, Problem):
                raise ValueError(f"scaffold {scaffold!r} is not a molecule: {found.reason}")
            self._query = found
        check_bounds(self.bounds, self.start is not None)
        limits = [
            f"{name} {sign} {limit:g}"
            for name, pair in sorted(self.bounds.items())
            for sign, limit in zip((">=", "<="), pair, strict=True)
            if limit is not None
        ]
        constraints = [
            *([f"similarity >= {similarity:g}"] if similarity else []),
            *([f"no alerts of {','.join(self._catalogs)}"] if self._catalogs else []),
            *([f"contains {scaffold}"] if scaffold else []),
            *limits,
        ]
        of_start = f" from {self.start}" if self.start else ""
        self.name = ", ".join(self.targets) + of_start
        if constraints:
            self.name += "; " + "; ".join(constraints)

    def _target(self, text: str) -> Expression | UserFunction:
        if _FUNCTION.fullmatch(text.strip()):
            return UserFunction(text.strip())
        try:
            return Expression(text, score_names(self.start is not None))
        except ValueError:
            if self.start is None:  # is a start all that is missing?
                needed = [n for n in Expression(text, score_names()).names if n in SCORES]
                check_names(needed, with_reference=False)
            raise

    def names(self) -> list[str]:
        """The scores that are computed for every molecule."""
        used = {name for part in self._parts if isinstance(part, Expression) for name in part.names}
        used |= set(self.bounds)
        if self.start is not None:
            used.add("similarity")
        return [name for name in score_names() if name in used]

    def __call__(self, texts: list[str]) -> Scored:
        """Scores a batch of SMILES; texts that are no molecules score NaN.

        With several targets the score is their plain sum.

        Raises:
            ValueError: when a function of the user's fails.
        """
        mols = [parse(text) for text in texts]
        values = self._values(mols, self.names())
        for text, part in zip(self.targets, self._parts, strict=True):
            if isinstance(part, UserFunction):
                values[text] = part(texts)
            else:
                values[text] = part.evaluate(values)
        valid = np.array([not isinstance(mol, Problem) for mol in mols], dtype=bool)
        score = np.sum([values[target] for target in self.targets], axis=0)
        violation = np.where(valid, self._violation(mols, values, self.bounds), np.inf)
        shown = [
            t if isinstance(m, Problem) else canonical(m) for t, m in zip(texts, mols, strict=True)
        ]
        return Scored(
            values, np.where(valid, score, np.nan), valid & (violation == 0), shown, violation
        )

    def screen(self, texts: list[str]) -> FloatArray:
        """How far SMILES miss the constraints that no target is needed for, `(n,)`.

        These are similarity, alerts, scaffold and the bounds on scores that no target is made of;
        infinite for what is no molecule.
        """
        targets = {n for part in self._parts if isinstance(part, Expression) for n in part.names}
        bounds = {name: pair for name, pair in self.bounds.items() if name not in targets}
        if not (self.similarity or self._catalogs or self._query is not None or bounds):
            return np.zeros(len(texts))
        mols = [parse(text) for text in texts]
        values = self._values(mols, [*bounds, *(["similarity"] if self.similarity else [])])
        missed = self._violation(mols, values, bounds)
        return np.where([isinstance(mol, Problem) for mol in mols], np.inf, missed)

    def why_unlisted(self, call: Call) -> str:
        """Why a call is not among the results: what has no value, which constraints it misses."""
        mol = parse(call.text)
        if isinstance(mol, Problem):
            return mol.reason
        reasons = [f"{name} has no value" for name in unscored(call, self.targets)]
        reasons = list(dict.fromkeys([*reasons, *missed_bounds(call.values, self.bounds)]))
        if reasons and any(not atom.GetAtomicNum() for atom in mol.GetAtoms()):
            reasons.append("it has an attachment point or wildcard (*) in place of an atom")
        alerts = alerts_of(mol, self._catalogs) if self._catalogs else []
        if alerts:
            reasons.append(f"it has alerts ({', '.join(alerts)})")
        if self._query is not None and not mol.HasSubstructMatch(self._query):
            reasons.append(f"it does not contain {self.scaffold}")
        return ", ".join(reasons)

    def _values(
        self, mols: Sequence[Chem.Mol | Problem], names: Sequence[str]
    ) -> dict[str, FloatArray]:
        needed = [name for name in names if name in SCORES]
        if set(names) & {"plogp", "plogp_raw"}:
            needed = list(dict.fromkeys([*needed, "logp", "sa"]))
        rows = [i for i, mol in enumerate(mols) if not isinstance(mol, Problem)]
        real = [mols[i] for i in rows]
        found = score_all([m for m in real if not isinstance(m, Problem)], needed, self.start)
        values = {name: np.full(len(mols), np.nan) for name in names}
        if set(names) & set(DERIVED):
            found["ring_penalty"] = np.array([ring_penalty(mol) for mol in real], dtype=np.float64)
        if {"plogp", "plogp_raw"} & set(names):
            parts = found["logp"], found["sa"], found["ring_penalty"]
            found |= {"plogp": plogp(*parts), "plogp_raw": plogp_raw(*parts)}
        for name, column in values.items():
            column[rows] = found[name]
        return values

    def _violation(
        self,
        mols: Sequence[Chem.Mol | Problem],
        values: Mapping[str, FloatArray],
        bounds: Bounds,
    ) -> FloatArray:
        total = np.zeros(len(mols))
        if self.similarity:
            total += np.nan_to_num(np.maximum(0, self.similarity - values["similarity"]), nan=1)
        for name, (low, high) in bounds.items():
            for limit, sign in ((low, 1.0), (high, -1.0)):
                if limit is not None:
                    missed = sign * (limit - values[name]) / max(abs(limit), 1.0)
                    total += np.nan_to_num(np.maximum(0, missed), nan=1)
        for row, mol in enumerate(mols):
            if isinstance(mol, Problem):
                continue
            if self._catalogs:
                total[row] += ALERT_VIOLATION * len(alerts_of(mol, self._catalogs))
            if self._query is not None and not mol.HasSubstructMatch(self._query):
                total[row] += SCAFFOLD_VIOLATION
        return total


def check_bounds(bounds: Bounds, with_start: bool) -> None:
    """Refuses bounds on unknown scores, or that nothing can meet; raises `ValueError`."""
    check_names([name for name in bounds if name not in DERIVED], with_start)
    check_limits(bounds)


def parse_objectives(
    targets: Sequence[str],
    *,
    start: str | None = None,
    similarity: float = 0.0,
    alerts: str = "none",
    scaffold: str | None = None,
    keep_scaffold: bool = False,
    bounds: Bounds | None = None,
) -> MoleculeObjective:
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
    if keep_scaffold and scaffold is None:
        if start is None:
            raise ValueError("keeping the scaffold needs a start molecule, or a scaffold as SMILES")
        mol = parse(start)
        scaffold = "" if isinstance(mol, Problem) else murcko(mol)
        if not scaffold:
            _read(start, "start")
            raise ValueError(f"start {start!r} has no rings, and so no scaffold to keep")
    return MoleculeObjective(targets, start, similarity, alerts, scaffold, bounds or {})


def parse_objective(
    expression: str,
    *,
    start: str | None = None,
    similarity: float = 0.0,
    alerts_none: bool | str = False,
    scaffold: str | None = None,
    bounds: Bounds | None = None,
) -> MoleculeObjective:
    """The objective of one target, see `parse_objectives`.

    Args:
        alerts_none: whether molecules with alerts (PAINS, BRENK) are infeasible, or the catalogues.
    """
    alerts = alerts_none if isinstance(alerts_none, str) else "pains,brenk" if alerts_none else ""
    return parse_objectives(
        [expression],
        start=start,
        similarity=similarity,
        alerts=alerts or "none",
        scaffold=scaffold,
        bounds=bounds,
    )


def _read(text: str, what: str) -> str:
    try:
        make_reference(text)
    except ValueError as error:
        raise ValueError(str(error).replace("reference", what, 1)) from None
    return text
