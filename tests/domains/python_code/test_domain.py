"""Python lines: what is a statement, where the error is, the scores, the drawing, the tokenizer."""

from __future__ import annotations

import ast
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.python_code.domain import EXAMPLES, PythonDomain
from domains.python_code.render import draw_html
from domains.python_code.syntax import MAX_CHARACTERS, Problem, Statement, canonical, statement
from domains.python_code.tokenizer import MIN_VOCAB_SIZE, SYMBOLS, build_tokenizer, encode_many
from tvae_core.domain import DomainError

DOMAIN = PythonDomain()
TOKENIZER = build_tokenizer([*EXAMPLES] * 3, 300)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("x=foo( 1 )", "x = foo(1)"),
        ("   return  x\n", "return x"),
        ('print("a")  # said', "print('a')"),
        ("a = (1)", "a = 1"),
        ("if x: pass", "if x:\n    pass"),
        ("await x", "await x"),
        ("é = 'ü'", "é = 'ü'"),
    ],
)
def test_a_statement_has_one_normal_form(text: str, form: str) -> None:
    (verdict,) = DOMAIN.check([text])
    assert verdict.ok
    assert verdict.canonical == form
    assert canonical(form) == form


@pytest.mark.parametrize(
    ("text", "reason", "position"),
    [
        ("f(1", "never closed", 1),
        ("  f(1", "never closed", 3),
        ("x = 1; y = 2", "more than one statement", 7),
        ("é = 1; y", "more than one statement", 7),
        ("a = é)", "unmatched ')'", 5),
        ("# nothing", "only a comment", None),
        (" \t ", "empty", None),
        ("x = '\0'", "NUL", 5),
        ("x = '\ud800'", "surrogate", 5),
        ("(" * 300, "too many nested parentheses", 200),
        ("-" * 999 + "1", "nested too deeply", None),
        ("a" + ".b" * 499, "nested too deeply", None),
        ("x" * (MAX_CHARACTERS + 1), "a line has at most 1,000", None),
    ],
)
def test_what_is_no_statement_is_told_where_and_why(
    text: str, reason: str, position: int | None
) -> None:
    (verdict,) = DOMAIN.check([text])
    assert not verdict.ok
    assert verdict.reason is not None
    assert reason in verdict.reason
    assert verdict.position == position
    with pytest.raises(DomainError):
        DOMAIN.from_text(text)


def test_ten_megabytes_are_answered_at_once() -> None:
    (verdict,) = DOMAIN.check(["x" * 10_000_000])
    assert verdict.reason == "10,000,000 characters; a line has at most 1,000"


def test_nothing_is_executed(tmp_path: Path) -> None:
    target = tmp_path / "made"
    text = f"open({str(target)!r}, 'w').write('x')"
    assert DOMAIN.check([text])[0].ok
    assert DOMAIN.score([text])["compiles"][0] == 1
    DOMAIN.render(text)
    assert not target.exists()


_TEXT = st.text(st.sampled_from("abx01()[]{}.,:=+-*/'\"# \n\\@fr"), max_size=40)


@given(_TEXT)
def test_verdicts_are_those_of_the_parser(text: str) -> None:
    found = statement(text)
    if isinstance(found, Statement):
        assert isinstance(found.node, ast.stmt)
        assert canonical(found.canonical) is not None
    else:
        assert isinstance(found, Problem)
        assert found.reason
        assert found.position is None or 0 <= found.position <= len(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("return x", 1),
        ("yield x", 1),
        ("await x", 1),
        ("break", 1),
        ("nonlocal q", 1),
        ("from a import *", 1),
        ("def f(a, a): pass", 0),
        ("(a for a in b) = 1", np.nan),
        ("None = 1", np.nan),
        ("del f()", np.nan),
        ("x: int = 1", 1),
    ],
)
def test_compiles(text: str, wanted: float) -> None:
    assert DOMAIN.score([text])["compiles"].tolist() == pytest.approx([wanted], nan_ok=True)


def test_scores() -> None:
    found = DOMAIN.score(["values = [int(v) for v in line.split(',')]", "x = y", "f("])
    assert found["names_bound"].tolist() == pytest.approx([2 / 3, 0, np.nan], nan_ok=True)
    assert found["calls"].tolist() == pytest.approx([2, 0, np.nan], nan_ok=True)
    assert found["assigns"].tolist() == pytest.approx([1, 1, np.nan], nan_ok=True)
    assert found["length"][1] == 5
    assert found["depth"][1] == 2
    assert found["constants"][0] == 1
    assert found["attributes"][0] == 1


def test_kinds_of_statements() -> None:
    texts = ["x = 1", "f(x)", "return", "import os", "x += 1", "f(", "del x"]
    assert DOMAIN.label(texts) == ["assign", "call", "return", "import", "assign", "", "delete"]


def test_the_drawing_is_svg_with_the_code_in_it() -> None:
    drawn = DOMAIN.render("x = foo('a<b', 1)")
    assert drawn.kind == "svg"
    assert isinstance(drawn.data, str)
    root = ET.fromstring(drawn.data)
    assert "".join(root.itertext()).replace("\xa0", " ").strip() == "x = foo('a<b', 1)"
    assert draw_html("a < b").count("<span") >= 1
    assert "&lt;" in draw_html("a < b")


@given(st.text(max_size=40))
def test_any_text_survives_the_tokenizer(text: str) -> None:
    row = TOKENIZER(text, add_special_tokens=False)["input_ids"]
    assert encode_many(TOKENIZER, [text]) == [row]
    if "\ud800" <= max(text, default="") <= "\udfff":
        return
    assert TOKENIZER.decode(row) == text


def test_operators_are_never_cut() -> None:
    for text in ("a!=b", "x**=2", "f'{a}'", "if a:\n        b"):
        pieces = [TOKENIZER.decode([i]) for i in encode_many(TOKENIZER, [text])[0]]
        found = [s for s in SYMBOLS if s in text and s.strip()]
        assert all(any(symbol in piece for piece in pieces) for symbol in found), pieces
    assert len(build_tokenizer(["x"], MIN_VOCAB_SIZE)) == MIN_VOCAB_SIZE
