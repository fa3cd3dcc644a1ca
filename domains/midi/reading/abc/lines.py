"""A file of ABC notation as tunes, and a tune as lines: fields, music, and what is neither.

After the ABC standard 2.1, section 2: a tune begins with `X:` and ends with an empty line; fields
before the first tune hold for all; text between tunes is no music. Pages of HTML around tunes, and
lines of prose within them, are told from music.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_TAG = re.compile(
    r"</?(?:!doctype|html|head|title|body|pre|p|br|hr|div|span|font|center|h[1-6]|table|tbody|thead"
    r"|tr|ul|ol|li|img|script|style|meta|link|strong|code|blockquote|textarea|small|iframe|i)"
    r"(?:\s[^<>\n]*)?/?>|</(?:a|b|em|td|th|tt)>|<a\s+(?:href|name|id|class)\s*=[^<>\n]*>"
    r"|<!--[^\n<]*?-->",
    re.IGNORECASE,
)
_INLINE_TAG = re.compile(r"</?(?:span|font|strong|em|tt|code|small|[abi])\b", re.IGNORECASE)
_BREAK = re.compile(r"<br\s*/?>(?!\n)", re.IGNORECASE)
_PAGE = re.compile(r"^[ \t]*<(?:!doctype|html|body|pre)\b", re.IGNORECASE | re.MULTILINE)
_TEXT_FIELD = re.compile(r"[ \t]*[A-Za-z]:(?![|:])")
_FIELD = re.compile(r"[ \t]*([A-Zmrsw+]):(?![|:\]]|[ \t]*:)(.*)", re.DOTALL)
MAX_FIELD = 2000
"""Characters after which the lines that continue a field are passed over."""
_HEADER_ONLY = "ABCDFGHNOSTXZ"
"""Fields of a tune's header, which do not stand where one goes on after an empty line."""
_BEGIN = re.compile(r"begin(\w+)")
_COMMENT = re.compile(r"\"[^\"]*\"|\\%|(%)")
_APART = re.compile(
    r"\"[^\"]*\"|![^!|]*!|\+[A-Za-z.]+\+|\[[A-Za-z]:[^\[\]]*\]"
    r"|(?P<jump>\bD\.\s?[CS]\.(?:\s*al\s+(?:fine|coda))?(?=[\s|:]|$))"
    r"|(?P<word>[^\W\d_][^\W\d_.']+)",
    re.IGNORECASE,
)
_NO_SYMBOL = re.compile(r"[hi-oq-twI-KNQW]")
"""Letters that are no note, no rest and none of the decorations that the standard defines."""
_JUMP = re.compile(r"\bD\.\s?[CS]\.", re.IGNORECASE)
_NOTE = re.compile(r"[A-Ga-g]")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a tune: `letter` of its field, `%` of a directive, `""` of music."""

    number: int
    letter: str
    value: str


@dataclass(slots=True)
class Tune:
    """The lines of a tune.

    Attributes:
        reference: what stands after `X:`; may be empty.
        lines: those of the file's header, then its own.
        told: what was left out.
    """

    reference: str
    lines: list[Line] = field(default_factory=list)
    told: list[str] = field(default_factory=list)


def tunes_of(text: str) -> list[Tune]:
    """The tunes of a file, in order."""
    return _File(list(_lines(_plain(text)))).tunes()


def _plain(text: str) -> str:
    """Text with one kind of line end, without HTML or the marks of mail (quoted-printable)."""
    text = re.sub(r"\r+\n|\r", "\n", text)
    if "=3D" in text:
        text = re.sub(r"=[ \t]*\n", "", text).replace("=20\n", "\n").replace("=3D", "=")
    page = _PAGE.search(text) is not None
    if page:
        text = html.unescape(_BREAK.sub("\n", text))
    if "<" not in text or not _TAG.search(text):
        return text
    lines = []
    for line in text.split("\n"):
        if not page and _TEXT_FIELD.match(line):
            lines.append(line)
            continue
        plain = _TAG.sub(lambda tag: "" if _INLINE_TAG.match(tag[0]) else "\0", line)
        pieces = [piece for piece in plain.split("\0") if piece.strip()]
        # What stands beside a tag that ends a block is another paragraph.
        lines.append(pieces[0] if pieces else "" if "\0" in plain else plain)
    return "\n".join(lines)


def _lines(text: str) -> Iterator[Line]:
    """All lines; of several that continue a field (`+:`), one."""
    held: Line | None = None
    block = ""
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("%%"):
            directive = line[2:].strip()
            begin = _BEGIN.match(directive)
            block = begin[1] if begin else "" if directive == f"end{block}" else block
            new = Line(number, "%", "" if block else directive)
        elif block:
            new = Line(number, "%", "")
        else:
            new = _line(number, line)
        if new.letter == "+" and held is not None:
            if len(held.value) < MAX_FIELD:
                held = Line(held.number, held.letter, f"{held.value} {new.value}")
            continue
        if held is not None:
            yield held
        held = new
    if held is not None:
        yield held


def _line(number: int, line: str) -> Line:
    bare = line.strip(" \t\ufeff")
    if not bare:
        return Line(number, "\n", "")
    if bare.startswith("%"):
        return Line(number, "%", "")
    if "%" in bare:
        match = next((m for m in _COMMENT.finditer(bare) if m[1]), None)
        bare = bare[: match.start()].rstrip() if match else bare
    bare = bare[:-1].rstrip() if bare.endswith("\\") else bare
    match = _FIELD.match(bare)
    if match is None:
        return Line(number, "", bare)
    return Line(number, match[1], match[2].strip())


def prose_of(line: str) -> tuple[str, list[str]]:
    """A line of music without the words that no music has, and these.

    `("", [line])` where the line as a whole is text.
    """
    if len(set(_NO_SYMBOL.findall(line))) < 2 and not _JUMP.search(line):
        return line, []
    words: list[str] = []
    doubtful = 0

    def word(match: re.Match[str]) -> str:
        nonlocal doubtful
        strange = len(set(_NO_SYMBOL.findall(match["word"] or "")))
        doubtful += strange > 0
        if match["jump"] or (strange > 1 and len(match["word"]) > 2):
            words.append(match[0])
            return " "
        return match[0]

    rest = _APART.sub(word, line)
    if "|" not in line and doubtful and 2 * doubtful >= len(line.split()):
        return "", [line]
    return rest, words


def looks_like_music(line: str) -> bool:
    """Whether a line outside of a tune has notes and bar lines and no words."""
    rest, words = prose_of(line)
    return "|" in rest and not words and len(_NOTE.findall(rest)) > 1


class _File:
    """Finds the tunes among a file's lines."""

    def __init__(self, lines: list[Line]) -> None:
        self.lines = lines
        self.header: list[Line] = []
        self.found: list[Tune] = []
        self.referenced = any(line.letter == "X" for line in lines)
        self.open = self.keyed = self.played = False
        self.empty = 0
        self.held: list[Line] = []

    def tunes(self) -> list[Tune]:
        for line in self.lines:
            if line.letter == "X" or (not self.referenced and self._begins(line)):
                reference = line.value.split()[0][:40] if line.letter == "X" and line.value else ""
                self.found.append(Tune(reference, list(self.header)))
                self.open, self.keyed, self.played, self.empty = True, False, False, 0
                self.held.clear()
            if self.open:
                self._take(line)
            elif not self.found:
                self._take_header(line)
        if self.referenced:
            return self.found
        return [tune for tune in self.found if any(line.letter == "K" for line in tune.lines)]

    def _take_header(self, line: Line) -> None:
        """A line before the first tune; of fields that all tunes share, the last one counts."""
        kind = "I" if line.letter == "%" else line.letter
        if kind in ("L", "M") or (kind == "I" and line.value.startswith("propagate")):
            self.header = [known for known in self.header if known.letter != line.letter]
            self.header.append(line)

    def _begins(self, line: Line) -> bool:
        if self.open and not self.empty:
            return False
        return line.letter != "" and line.letter in ("TCMLQRK" if not self.open else "T")

    def _take(self, line: Line) -> None:
        """A line of the open tune; after an empty one it is, where nothing but music follows."""
        if line.letter == "\n":
            self.empty = self.empty or (line.number if self.played else 0)
        elif not self.empty:
            self.keyed = self.keyed or line.letter == "K"
            self.played = self.played or (self.keyed and not line.letter)
            self.found[-1].lines.append(line)
        elif line.letter:
            self.held.append(line)
            self.open = line.letter not in _HEADER_ONLY
        elif looks_like_music(line.value):
            self.found[-1].told.append(f"the tune goes on after an empty line (line {self.empty})")
            self.found[-1].lines += [*self.held, line]
            self.held.clear()
            self.empty = 0
        else:
            self.open = False
