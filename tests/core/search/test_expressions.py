"""The expression language: what Python makes of it, what it refuses, what NaN does."""

from __future__ import annotations

import contextlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tvae_core.search.expressions import Expression

NAMES = ("a", "b")


def number(text: str, a: float, b: float) -> float:
    """What Python itself makes of an expression; NaN where it refuses."""

    def clip(x: float, low: float, high: float) -> float:
        return max(low, min(high, x))

    functions = {"sqrt": math.sqrt, "log": math.log, "exp": math.exp, "clip": clip}
    functions |= {"abs": abs, "min": min, "max": max}
    try:
        value = eval(text, {"__builtins__": {}}, {**functions, "a": a, "b": b})
    except (ArithmeticError, ValueError):
        return math.nan
    return math.nan if isinstance(value, complex) or not math.isfinite(value) else float(value)


LEAVES = st.sampled_from(["a", "b", "0.5", "2", "1e-3", "3."])
EXPRESSIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        st.tuples(inner, st.sampled_from(["<", "<=", ">", ">="]), inner).map(
            lambda p: f"({p[0]} {p[1]} {p[2]})"
        ),
        st.tuples(st.sampled_from(["abs", "-", "+", "sqrt", "log"]), inner).map(
            lambda p: f"{p[0]}({p[1]})"
        ),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(
            lambda p: f"{p[0]}({p[1]}, {p[2]})"
        ),
        inner.map(lambda e: f"({e})**2"),
        inner.map(lambda e: f"clip({e}, -1, 1)"),
    ),
    max_leaves=8,
)


@given(EXPRESSIONS, st.floats(-10, 10), st.floats(-10, 10))
def test_an_expression_is_what_python_makes_of_it(text: str, a: float, b: float) -> None:
    text = f"{text} + 0*a"
    wanted = number(text, a, b)
    found = Expression(text, NAMES).evaluate({"a": np.array([a]), "b": np.array([b])})
    assert found.shape == (1,)
    if math.isfinite(wanted) and np.isfinite(found[0]):
        assert found[0] == pytest.approx(wanted, rel=1e-9, abs=1e-9)
    else:  # Python refuses 1/0 where numpy goes on with an infinity, which a comparison may use
        assert math.isnan(wanted) or not math.isfinite(found[0])


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert set(Expression(text, NAMES).names) <= set(NAMES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("qid + 1", "in 'qid [+] 1': unknown score 'qid'; did you mean qed"),
        ("qed +", "is no expression: invalid syntax"),
        ("", "the expression is empty"),
        ("__import__('os')", "unknown function '__import__'"),
        ("qed.real", "'qed.real' is not allowed"),
        ("qed if qed else sa", "is not allowed"),
        ("lambda: qed", "is not allowed"),
        ("[qed]", "is not allowed"),
        ("qed and sa", "is not allowed"),
        ("True * qed", "'True' is not allowed"),
        ("'qed'", "is not allowed"),
        ("qed % 2", "is not allowed"),
        ("f(qed)", "unknown function 'f'"),
        ("min(qed)", "min takes at least 2 arguments, not 1"),
        ("clip(qed, 0)", "clip takes 3 arguments, not 2"),
        ("min(qed, key=sa)", "is not allowed"),
        ("1 + 1", "names no score"),
        ("1e999 * qed", "is too large"),
        ("9" * 400 + " * qed", "is too large"),
        ("qed + " * 200 + "qed", "longer than 500 characters"),
    ],
)
def test_what_is_no_expression(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Expression(text, ["qed", "sa"])


def test_nan_stays_nan() -> None:
    values = {"a": np.array([1.0, np.nan]), "b": np.array([2.0, 2.0])}
    for text in ("a < b", "max(a, b)", "clip(a, 0, 1)", "1 < a <= b", "0 * a"):
        found = Expression(text, NAMES).evaluate(values)
        assert np.isfinite(found[0]), text
        assert np.isnan(found[1]), text


def test_the_names_are_the_callers() -> None:
    found = Expression("2 * depth  -  max(length, depth)", ("length", "depth", "names"))
    assert found.text == "2 * depth - max(length, depth)"
    assert found.names == ("depth", "length")
    value = found.evaluate({"length": np.array([1.0, 9.0]), "depth": np.array([4.0, 2.0])})
    assert value.tolist() == [4.0, -5.0]
    with pytest.raises(ValueError, match="unknown score 'lenth'; did you mean length"):
        Expression("lenth", ("length", "depth"))
    with pytest.raises(ValueError, match="unknown score 'zzz'; there are: length, depth"):
        Expression("zzz + 1", ("length", "depth"))
    with pytest.raises(ValueError, match="names no score; there are: length, depth"):
        Expression("3", ("length", "depth"))


def test_deep_nesting_is_refused_or_computed() -> None:
    text = "(" * 240 + "a" + ")" * 240
    with contextlib.suppress(ValueError):
        assert Expression(text, NAMES).evaluate({"a": np.array([3.0])}).tolist() == [3.0]
