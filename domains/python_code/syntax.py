"""One Python statement: parsed with `ast`, written in its normal form, never executed.

    statement("x=foo( 1 )").canonical     # "x = foo(1)"
    statement("x = foo(")                 # Problem("'(' was never closed", 7)

The normal form is what `ast.unparse` writes: one spelling for all spacings, quotes and brackets.
"""

from __future__ import annotations

import ast
import builtins
import keyword
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

MAX_CHARACTERS = 1000
"""Longer texts are refused: the parser's stack is finite, and a line of code is not that long."""

MAX_DEPTH = 60
"""Levels of the syntax tree. Without a bound, the caller's stack would decide what is valid."""

_NAMES = frozenset(dir(builtins)) | {"self", "cls"} | set(keyword.kwlist)
_SURROGATE = re.compile("[\ud800-\udfff]")
_FAILURES = (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a text is no statement, and the 0-based character where (None: not at one place)."""

    reason: str
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """A parsed statement and its normal form."""

    node: ast.stmt
    canonical: str


def statement(text: object) -> Statement | Problem:
    """Reads one statement; leading and trailing space is allowed, a second statement is not."""
    if not isinstance(text, str):
        return Problem(f"a statement is text, not {type(text).__name__}")
    if len(text) > MAX_CHARACTERS:
        return Problem(f"{len(text):,} characters; a line has at most {MAX_CHARACTERS:,}")
    if "\0" in text:
        return Problem("a NUL character", text.index("\0"))
    lone = _SURROGATE.search(text)
    if lone:
        return Problem("half of a surrogate pair, which is no character", lone.start())
    bare = text.lstrip()
    shift = len(text) - len(bare)
    bare = bare.rstrip()
    if not bare:
        return Problem("no statement: the text is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(bare).body
            if not body:
                return Problem("no statement: only a comment")
            if len(body) > 1:
                return Problem("more than one statement", shift + _offset(bare, body[1]))
            if _depth(body[0]) > MAX_DEPTH:
                return Problem("nested too deeply")
            written = ast.unparse(body[0])
            if len(written) > MAX_CHARACTERS:
                return Problem(
                    f"its normal form has {len(written):,} characters; a line has at most "
                    f"{MAX_CHARACTERS:,}"
                )
            return Statement(body[0], written)
    except SyntaxError as error:
        return Problem(_reason(error), _place(bare, error, shift))
    except (RecursionError, MemoryError):
        return Problem("nested too deeply")
    except _FAILURES as error:
        return Problem((str(error).splitlines() or [type(error).__name__])[0])


def _depth(node: ast.AST) -> int:
    level, depth = [node], 0
    while level:
        depth += 1
        level = [child for each in level for child in ast.iter_child_nodes(each)]
    return depth


def canonical(text: str) -> str | None:
    """The normal form of a statement; None for what is none."""
    found = statement(text)
    return found.canonical if isinstance(found, Statement) else None


def kind(node: ast.stmt) -> str:
    """What a statement is, in a word: `assign`, `call`, `return`, `import`, `raise`, ..."""
    if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
        return "assign"
    if isinstance(node, ast.Import | ast.ImportFrom):
        return "import"
    if isinstance(node, ast.Expr):
        return {ast.Call: "call", ast.Yield: "yield", ast.Await: "await"}.get(
            type(node.value), "expression"
        )
    return type(node).__name__.lower()


def compiles(node: ast.stmt) -> bool:
    """Whether a statement compiles somewhere: in a module, or in a loop of a (async) function.

    `ast.parse` accepts `return` outside a function or two arguments of one name; this does not.
    The code object is thrown away, nothing runs.
    """
    return any(_compiles(module) for module in _homes(node))


def _homes(node: ast.stmt) -> Iterator[ast.Module]:
    yield ast.Module([node], [])
    outer = [name for n in ast.walk(node) if isinstance(n, ast.Nonlocal) for name in n.names]
    bound: list[ast.stmt] = [
        ast.Assign([ast.Name(name, ast.Store())], ast.Constant(None)) for name in outer
    ]
    for kind in ("def", "async def"):
        home = ast.parse(f"def outer():\n {kind} inner():\n  while True:\n   pass")
        function = home.body[0]
        assert isinstance(function, ast.FunctionDef)
        inner = function.body[0]
        assert isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)
        loop = inner.body[0]
        assert isinstance(loop, ast.While)
        loop.body = [node]
        function.body = [*bound, inner]
        yield home


def _compiles(module: ast.Module) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(ast.fix_missing_locations(module), "<line>", "exec", dont_inherit=True)
    except _FAILURES:
        return False
    return True


def names_bound(node: ast.stmt) -> float:
    """Share of the names read that are builtins, `self`, `cls` or bound in the statement, 0..1.

    1 for a statement that reads none.
    """
    bound = set(_NAMES)
    read = []
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            if isinstance(part.ctx, ast.Load):
                read.append(part.id)
            else:
                bound.add(part.id)
        elif isinstance(part, ast.arg):
            bound.add(part.arg)
        elif isinstance(part, ast.alias):
            bound.add((part.asname or part.name).split(".")[0])
    return sum(name in bound for name in read) / len(read) if read else 1.0


def depth(node: ast.AST) -> int:
    """Levels of the syntax tree, 1 for a leaf; contexts and operators are not counted."""
    level, deepest = [node], 0
    while level:
        deepest += 1
        level = [
            child
            for parent in level
            for child in ast.iter_child_nodes(parent)
            if isinstance(child, ast.expr | ast.stmt | ast.comprehension | ast.arg | ast.keyword)
        ]
    return deepest


def _reason(error: SyntaxError) -> str:
    return error.msg or type(error).__name__


def _place(text: str, error: SyntaxError, shift: int) -> int | None:
    if error.lineno is None or error.offset is None:
        return None
    lines = text.splitlines(keepends=True)
    before = sum(map(len, lines[: error.lineno - 1]))
    return shift + min(max(before + error.offset - 1, 0), len(text))


def _offset(text: str, node: ast.stmt) -> int:
    lines = text.splitlines(keepends=True)
    before = "".join(lines[: node.lineno - 1])
    line = lines[node.lineno - 1].encode() if node.lineno <= len(lines) else b""
    return len(before) + len(line[: node.col_offset].decode(errors="replace"))
