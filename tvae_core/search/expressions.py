"""Expressions over scores, such as `qed - 0.1*sa` or `-abs(logp - 2.5)`, read without `eval`.

    Expression("qed - 0.1*sa", known=["qed", "sa"]).evaluate({"qed": array, "sa": array})

The names are the caller's; an unknown one is answered with the nearest. Allowed are numbers, names
of scores, `+ - * / **`, comparisons (1 or 0), brackets and the functions `abs`, `min`, `max`,
`sqrt`, `log` (natural), `exp` and `clip(x, low, high)`. What is not defined (a root of a negative
number, anything with NaN in it) is NaN.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tvae_core.support.words import unknown_name

FloatArray = npt.NDArray[np.float64]

MAX_LENGTH = 500
MAX_DEPTH = 100

_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.true_divide,
    ast.Pow: np.float_power,
    ast.USub: np.negative,
    ast.UAdd: np.positive,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}


def _smallest(*parts: FloatArray) -> FloatArray:
    return np.asarray(np.minimum.reduce(np.broadcast_arrays(*parts)), dtype=np.float64)


def _largest(*parts: FloatArray) -> FloatArray:
    return np.asarray(np.maximum.reduce(np.broadcast_arrays(*parts)), dtype=np.float64)


_FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {
    "abs": (np.abs, 1, 1),
    "sqrt": (np.sqrt, 1, 1),
    "log": (np.log, 1, 1),
    "exp": (np.exp, 1, 1),
    "min": (_smallest, 2, 20),
    "max": (_largest, 2, 20),
    "clip": (np.clip, 3, 3),
}
"""Name -> what computes it, fewest and most arguments."""


class Expression:
    """A checked expression over named arrays.

    Args:
        text: the expression.
        known: the names it may use.

    Raises:
        ValueError: for anything but what the module allows; an unknown name with the nearest known.
    """

    def __init__(self, text: str, known: Collection[str]) -> None:
        self.text = " ".join(text.split())
        if not self.text:
            raise ValueError("the expression is empty")
        if len(self.text) > MAX_LENGTH:
            raise ValueError(f"the expression is longer than {MAX_LENGTH} characters")
        try:
            self._tree = ast.parse(self.text, mode="eval").body
        except SyntaxError as error:
            place = f" at character {error.offset}" if error.offset else ""
            raise ValueError(f"{self.text!r} is no expression: {error.msg}{place}") from None
        except (RecursionError, MemoryError, ValueError):
            raise ValueError(f"{self.text[:60]!r}... is nested too deeply") from None
        names: dict[str, None] = {}
        if _depth(self._tree) > MAX_DEPTH:
            raise ValueError(f"{self.text[:60]!r}... is nested too deeply")
        self._check(self._tree, known, names)
        if not names:
            raise ValueError(f"{self.text!r} names no score; there are: {', '.join(known)}")
        self.names = tuple(names)

    def _check(self, node: ast.AST, known: Collection[str], names: dict[str, None]) -> None:
        match node:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                if not _finite(value):
                    raise ValueError(f"in {self.text!r}: {ast.unparse(node)[:40]} is too large")
            case ast.Name(id=name):
                if name not in known:
                    raise ValueError(f"in {self.text!r}: {unknown_name('score', name, known)}")
                names[name] = None
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                self._check(left, known, names)
                self._check(right, known, names)
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
                self._check(operand, known, names)
            case ast.Compare(left=left, ops=ops, comparators=rest) if all(
                type(op) in _OPERATORS for op in ops
            ):
                for part in (left, *rest):
                    self._check(part, known, names)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                if name not in _FUNCTIONS:
                    raise ValueError(
                        f"in {self.text!r}: {unknown_name('function', name, _FUNCTIONS)}"
                    )
                _, fewest, most = _FUNCTIONS[name]
                if not fewest <= len(arguments) <= most:
                    wanted = str(fewest) if fewest == most else f"at least {fewest}"
                    raise ValueError(
                        f"in {self.text!r}: {name} takes {wanted} arguments, not {len(arguments)}"
                    )
                for part in arguments:
                    self._check(part, known, names)
            case _:
                source = ast.get_source_segment(self.text, node)
                shown = repr(source) if source else type(node).__name__
                raise ValueError(
                    f"in {self.text!r}: {shown} is not allowed; write numbers, scores, + - * / **, "
                    f"comparisons and {', '.join(_FUNCTIONS)}"
                )

    def evaluate(self, values: Mapping[str, FloatArray]) -> FloatArray:
        """The expression's value for each item, `(n,)`; NaN or infinite where not defined."""
        shape = np.shape(values[self.names[0]])
        with np.errstate(all="ignore"):
            result = self._value(self._tree, values)
        return np.array(np.broadcast_to(result, shape), dtype=np.float64)

    def _value(self, node: ast.AST, values: Mapping[str, FloatArray]) -> FloatArray:
        match node:
            case ast.Constant(value=value):
                return np.asarray(float(value))  # type: ignore[arg-type]
            case ast.Name(id=name):
                return values[name]
            case ast.BinOp(left=left, op=op, right=right):
                both = self._value(left, values), self._value(right, values)
                return np.asarray(_OPERATORS[type(op)](*both), dtype=np.float64)
            case ast.UnaryOp(op=op, operand=operand):
                return np.asarray(_OPERATORS[type(op)](self._value(operand, values)))
            case ast.Call(func=ast.Name(id=name), args=arguments):
                function, _, _ = _FUNCTIONS[name]
                return np.asarray(function(*(self._value(part, values) for part in arguments)))
            case ast.Compare(left=left, ops=ops, comparators=rest):
                parts = [self._value(part, values) for part in (left, *rest)]
                held = np.asarray(1.0)
                for sign, first, second in zip(ops, parts, parts[1:], strict=False):
                    one = np.asarray(_OPERATORS[type(sign)](first, second), dtype=np.float64)
                    held = held * np.where(np.isnan(first) | np.isnan(second), np.nan, one)
                return held
        raise AssertionError(f"unchecked node {node!r}")


def _depth(tree: ast.AST) -> int:
    """Levels of a tree, counted without recursion."""
    level, depth = [tree], 0
    while level:
        depth += 1
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    return depth


def _finite(value: int | float) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False
