"""Words on a terminal: unknown names answered with the nearest, any text on one line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_BREAKS = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
"""Where `str.splitlines` breaks."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> ValueError:
    """The error for a name that is not among `known`, with the nearest ones."""
    names = list(known)
    near = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(names)}"
    return ValueError(f"unknown {kind} {name!r}; {hint}")


def one_line(text: str) -> str:
    """A text on one line, as it is but for what would break or hide it.

    Line breaks and other characters that do not print are written as Python's escapes, `\\n`.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def raw_line(text: str) -> str:
    """A text as one line of a file: as it is, unless it has line breaks.

    Those are then written as escapes such as `\\n`, and its backslashes are doubled.
    """
    if _BREAKS.search(text) is None:
        return text
    doubled = text.replace("\\", "\\\\")
    return _BREAKS.sub(lambda found: found[0].encode("unicode_escape").decode(), doubled)


def counted(n: int, unit: str) -> str:
    """A number of things in words: `1 tune`, `1,200 tunes`."""
    return f"{n:,} {unit}" + ("" if n == 1 else "s")


def shortened(text: str, most: int = 60) -> str:
    """A text in quotes, for messages; the end of a long one is left out."""
    return repr(text if len(text) <= most else text[: most - 3] + "...")
