"""Scores of statements, from their syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

import numpy as np

from domains.python_code.syntax import Problem, Statement, compiles, depth, names_bound, statement
from tvae_core.domain import FloatArray

Score = Callable[[Statement], float]


def _count(*kinds: type[ast.AST]) -> Score:
    return lambda found: float(sum(isinstance(node, kinds) for node in ast.walk(found.node)))


SCORES: dict[str, Score] = {
    "compiles": lambda found: float(compiles(found.node)),
    "names_bound": lambda found: names_bound(found.node),
    "length": lambda found: float(len(found.canonical)),
    "depth": lambda found: float(depth(found.node)),
    "calls": _count(ast.Call),
    "names": _count(ast.Name),
    "attributes": _count(ast.Attribute),
    "constants": _count(ast.Constant),
    "operators": _count(ast.operator, ast.boolop, ast.unaryop, ast.cmpop),
    "assigns": lambda found: float(
        isinstance(found.node, ast.Assign | ast.AugAssign | ast.AnnAssign)
    ),
}
"""Name -> score of a statement: `compiles` and `assigns` 1 or 0, `names_bound` a share, `length` in
characters of the normal form, `depth` in levels of the tree, the others counts."""


def score_all(texts: Sequence[str]) -> dict[str, FloatArray]:
    """Every score, `(len(texts),)`; NaN for what is no statement."""
    out = {name: np.full(len(texts), np.nan) for name in SCORES}
    for index, text in enumerate(texts):
        found = statement(text)
        if isinstance(found, Problem):
            continue
        for name, score in SCORES.items():
            out[name][index] = score(found)
    return out
