"""Where and why a SMILES does not parse: a scanner of its syntax, without RDKit.

RDKit says *that* a SMILES is malformed; this scanner says at which character and in words. It also
maps the atoms, in the order RDKit numbers them, to their places in the text, so that a complaint
about "atom 7" can point at a character.

The grammar is the one of OpenSMILES (http://opensmiles.org/opensmiles.html) with RDKit's additions
(dative bonds `->` and `<-`, `~`, `%(123)` ring numbers, `[#6]`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_SYMBOLS = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se "
    "Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb "
    "Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm "
    "Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og"
)
ELEMENTS = frozenset(_SYMBOLS.split())
AROMATIC = frozenset(("b", "c", "n", "o", "p", "s", "se", "as", "te", "si"))

_ATOM = re.compile(r"Cl|Br|[BCNOPSFI*]|[bcnops]")
_BOND = re.compile(r"->|<-|\\\\|[-=#:$~/\\]")
_RING = re.compile(r"%\((\d{1,5})\)|%([1-9]\d)|(\d)")
_ISOTOPE = re.compile(r"0(?!\d)|[1-9]\d{0,8}(?!\d)")
_SYMBOL = re.compile(r"U[bhnopqstu][a-z]|[A-Z][a-z]?|[a-z]{1,2}|\*|#(?:0|[1-9]\d*)")
_INSIDE = (
    re.compile(
        r"@@|@(?:TH[12]|AL[12]|SP[123]|TB(?:1\d|20|[1-9])?(?!\d)|OH(?:[12]\d|30|[1-9])?(?!\d))?"
    ),
    re.compile(r"H(?:0(?!\d)|[1-9]\d{0,8})?"),
    re.compile(r"[+-]\d{1,9}|\+{1,2}|-{1,2}"),
    re.compile(r":(?:0(?!\d)|[1-9]\d{0,8})"),
)
"""Of a bracket atom, after its element: chirality, hydrogens, charge, atom class."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A syntax error: the reason in words and the 0-based character it points at."""

    reason: str
    position: int


class _SyntaxProblemError(Exception):
    def __init__(self, reason: str, position: int) -> None:
        super().__init__(reason)
        self.problem = Problem(reason, position)


@dataclass(slots=True)
class Scan:
    """What one pass over a SMILES found.

    Attributes:
        atoms: the first character of every atom, in RDKit's numbering, up to the problem.
        problem: the first syntax error, or None.
    """

    atoms: list[int] = field(default_factory=list)
    problem: Problem | None = None


def scan(text: str) -> Scan:
    """Reads `text` as a SMILES and reports its atoms' places and its first syntax error."""
    reader = _Reader(text)
    try:
        reader.read()
    except _SyntaxProblemError as error:
        return Scan(reader.atoms, error.problem)
    return Scan(reader.atoms, None)


class _Reader:
    """One left-to-right pass; `_current` is the atom that the next bond starts from."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.atoms: list[int] = []
        self._at = 0
        self._current: int | None = None
        self._bond: int | None = None
        self._branches: list[tuple[int, int]] = []
        self._rings: dict[int, tuple[int, int]] = {}
        self._bonded: set[tuple[int, int]] = set()
        self._just_opened = False

    def read(self) -> None:
        while self._at < len(self.text):
            self._token()
        self._needs_no_bond("the text ends")
        if self._branches:
            raise _SyntaxProblemError(
                "parenthesis opened here is never closed", self._branches[-1][0]
            )
        if self._rings:
            number, (_, place) = min(self._rings.items(), key=lambda item: item[1][1])
            raise _SyntaxProblemError(f"ring {number} opened here is never closed", place)
        if self._current is None:
            raise _SyntaxProblemError("nothing follows the dot", max(len(self.text) - 1, 0))

    def _token(self) -> None:
        text, at = self.text, self._at
        if text[at] == "[":
            self._bracket_atom()
        elif match := _ATOM.match(text, at):
            self._outside_brackets(match)
            self._add_atom(match.end())
        elif match := _BOND.match(text, at):
            self._add_bond(match.end())
        elif match := _RING.match(text, at):
            self._ring(match)
        elif text[at] == "(":
            self._open()
        elif text[at] == ")":
            self._close()
        elif text[at] == ".":
            self._dot()
        else:
            raise self._stray(at)

    def _outside_brackets(self, match: re.Match[str]) -> None:
        """`Na` or `Si` reads as an organic atom and a stray letter: say what is meant."""
        after = self.text[match.end() : match.end() + 1]
        pair = match.group() + after
        if pair in ELEMENTS and after.islower() and after not in AROMATIC:
            raise _SyntaxProblemError(
                f"element {pair!r} must stand in brackets: [{pair}]", match.start()
            )

    def _stray(self, at: int) -> _SyntaxProblemError:
        text = self.text
        letter = text[at]
        pair = text[at : at + 2]
        for symbol in (pair, letter):
            if symbol in ELEMENTS:
                return _SyntaxProblemError(
                    f"element {symbol!r} must stand in brackets: [{symbol}]", at
                )
        if letter.isascii() and letter.isalpha():
            return _SyntaxProblemError(f"unknown element {letter!r}", at)
        if letter == "]":
            return _SyntaxProblemError("closing bracket without an opening one", at)
        if letter == "%":
            return _SyntaxProblemError(
                "'%' must be followed by a ring number of two digits, from 10 to 99", at
            )
        if letter == "@":
            return _SyntaxProblemError("'@' belongs inside a bracket atom", at)
        if letter == "+":
            return _SyntaxProblemError("a charge belongs inside a bracket atom", at)
        if letter.isspace():
            return _SyntaxProblemError("a SMILES has no white space", at)
        if letter == ">":
            return _SyntaxProblemError("a reaction is not a molecule: '>' does not belong here", at)
        return _SyntaxProblemError(f"character {letter!r} does not belong in a SMILES", at)

    def _add_atom(self, end: int) -> None:
        index = len(self.atoms)
        self.atoms.append(self._at)
        if self._current is not None:
            self._bonded.add((self._current, index))
        self._current, self._bond, self._just_opened = index, None, False
        self._at = end

    def _add_bond(self, end: int) -> None:
        if self._current is None:
            raise _SyntaxProblemError("a bond has no atom before it", self._at)
        self._needs_no_bond("another bond follows")
        self._bond = self._at
        self._at = end

    def _ring(self, match: re.Match[str]) -> None:
        number = int(next(group for group in match.groups() if group is not None))
        if self._current is None or self._just_opened:
            raise _SyntaxProblemError(f"ring number {number} has no atom before it", self._at)
        if number in self._rings:
            other, place = self._rings.pop(number)
            if other == self._current:
                raise _SyntaxProblemError(f"ring {number} closes on the atom it opened at", place)
            pair = (other, self._current)
            if pair in self._bonded or pair[::-1] in self._bonded:
                raise _SyntaxProblemError(
                    f"ring {number} joins two atoms that are bonded already", self._at
                )
            self._bonded.add(pair)
        else:
            self._rings[number] = (self._current, self._at)
        self._bond = None
        self._at = match.end()

    def _open(self) -> None:
        if self._current is None or self._just_opened:
            raise _SyntaxProblemError("a branch has no atom before it", self._at)
        self._needs_no_bond("a branch opens (write the bond inside it)")
        self._branches.append((self._at, self._current))
        self._just_opened = True
        self._at += 1

    def _close(self) -> None:
        if not self._branches:
            raise _SyntaxProblemError("closing parenthesis without an opening one", self._at)
        if self._just_opened and self._bond is None:
            raise _SyntaxProblemError("empty branch", self._at)
        self._needs_no_bond("the branch closes")
        if self._current is None:
            raise _SyntaxProblemError("nothing follows the dot before this", self._at)
        _, self._current = self._branches.pop()
        self._at += 1

    def _dot(self) -> None:
        if self._current is None or self._just_opened:
            raise _SyntaxProblemError("a dot has no atom before it", self._at)
        self._needs_no_bond("a dot follows")
        self._current = None
        self._at += 1

    def _needs_no_bond(self, what: str) -> None:
        if self._bond is not None:
            raise _SyntaxProblemError(f"this bond leads to no atom: {what}", self._bond)

    def _bracket_atom(self) -> None:
        start = self._at
        end = self.text.find("]", start)
        inner = self.text[start + 1 : end if end >= 0 else None]
        if end < 0 or "[" in inner:
            raise _SyntaxProblemError("bracket opened here is never closed", start)
        if not inner:
            raise _SyntaxProblemError("empty brackets", start)
        offset = _bracket_parts(inner, start + 1)
        if offset < len(inner):
            raise _SyntaxProblemError(
                f"{inner[offset]!r} does not belong here in the bracket atom [{inner}]",
                start + 1 + offset,
            )
        self._add_atom(end + 1)


def _bracket_parts(inner: str, start: int) -> int:
    """The length of the longest readable beginning of a bracket atom's inside.

    Raises:
        _SyntaxProblemError: the element is missing or unknown; `start` is where `inner` begins.
    """
    isotope = _ISOTOPE.match(inner)
    at = isotope.end() if isotope else 0
    if inner[at : at + 1].isdigit():
        digits = inner[: len(inner) - len(inner.lstrip("0123456789"))]
        raise _SyntaxProblemError(f"isotope {digits} is not a mass number", start)
    match = _SYMBOL.match(inner, at)
    if match is None:
        raise _SyntaxProblemError(f"the bracket atom [{inner}] names no element", start + at)
    symbol = match.group()
    if not (symbol in ELEMENTS | AROMATIC or _is_other_element(symbol)):
        if not (symbol[0].islower() and symbol[0] in AROMATIC):
            hint = " (an R-group is written [*:1])" if symbol[0] == "R" else ""
            raise _SyntaxProblemError(f"unknown element {symbol!r}{hint}", start + at)
        symbol = symbol[0]
    at += len(symbol)
    if symbol == "H" and inner[at : at + 1] == "@":
        return at
    for pattern in _INSIDE:
        if part := pattern.match(inner, at):
            at = part.end()
    return at


def _is_other_element(symbol: str) -> bool:
    """Wildcards, atomic numbers (`#6`) and the systematic names of the heaviest (`Uuo`)."""
    if symbol[0] == "#":
        return int(symbol[1:5]) <= 118
    return symbol == "*" or (symbol[0] == "U" and len(symbol) == 3)
