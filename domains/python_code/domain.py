"""The Python domain: one statement a text, behind the `Domain` protocol.

`PythonDomain().check(["x=1", "f(1"])` finds the first valid, in its normal form `x = 1`, and the
second not: the bracket at its second character was never closed. Nothing is ever executed.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

from domains.python_code.render import draw_svg
from domains.python_code.scores import score_all
from domains.python_code.syntax import Problem, kind, statement
from tvae_core.bundle_domain import BundleDomain
from tvae_core.domain import DomainError, FloatArray, Rendered, Verdict
from tvae_core.evaluation.words_lost import words_lost

BUNDLE = Path(__file__).parent / "bundle"
"""The trained bundle that ships with the domain."""

EXAMPLES = (
    "import os",
    "from pathlib import Path",
    "return self.name",
    "x = x.reshape(batch_size, -1)",
    "self.assertEqual(result, expected)",
    "raise ValueError('unknown key')",
    "parser.add_argument('--seed', type=int, default=0)",
    "values = [int(v) for v in line.split(',')]",
    "assert len(items) > 0",
    "total += price * count",
    "with_bias = bias is not None and len(bias) > 0",
    "names = sorted(set(names), key=str.lower)",
)


class PythonDomain(BundleDomain):
    """Statements; an item is an `ast.stmt`. Implements `tvae_core.domain.Domain`."""

    name = "python_code"
    shipped, items = BUNDLE, "Python lines"

    def to_text(self, item: ast.stmt) -> str:
        """The normal form of a statement, as `ast.unparse` writes it."""
        if not isinstance(item, ast.stmt):
            raise DomainError(f"a statement is an ast.stmt, not {type(item).__name__}")
        return ast.unparse(item)

    def from_text(self, text: str) -> ast.stmt:
        """The syntax tree of a statement.

        Raises:
            DomainError: no statement, or more than one; with the parser's reason and position.
        """
        found = statement(text)
        if isinstance(found, Problem):
            raise DomainError(found.reason, found.position)
        return found.node

    def check(self, texts: Sequence[str]) -> list[Verdict]:
        """One verdict a text, the normal form or the reason and position; never raises."""
        return [_verdict(text) for text in texts]

    def score(self, texts: Sequence[str]) -> dict[str, FloatArray]:
        """All scores, each `(len(texts),)`; see `scores.SCORES`."""
        return score_all(texts)

    def label(self, texts: Sequence[str]) -> list[str]:
        """The kind of each statement (`assign`, `call`, `return`, ...); empty for what is none."""
        found = (statement(text) for text in texts)
        return ["" if isinstance(each, Problem) else kind(each.node) for each in found]

    def why_lost(
        self, given: Sequence[str], back: Sequence[str], bundle: Path | None
    ) -> list[str | None]:
        """Which words of lines their own codes lose, and which characters are spelt out."""
        return [words_lost(*pair, bundle) for pair in zip(given, back, strict=True)]

    def render(self, text: str) -> Rendered:
        """The line with its syntax highlighted, as SVG.

        Raises:
            DomainError: the text is no statement.
        """
        return Rendered("svg", draw_svg(self.to_text(self.from_text(text))))

    def examples(self) -> list[str]:
        """Everyday statements in normal form."""
        return list(EXAMPLES)


def _verdict(text: str) -> Verdict:
    found = statement(text)
    if isinstance(found, Problem):
        return Verdict(False, reason=found.reason, position=found.position)
    return Verdict(True, canonical=found.canonical)
