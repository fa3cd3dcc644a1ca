"""What the fields of ABC notation say: metre, unit of length, key, clef and transposition.

    metre_of("(3+2)/8")        -> ((5, 8), "metre (3+2)/8 is read as 5/8")
    key_of("D exp _b ^f")      -> its accidentals and the nearest key signature
    shifts_of("treble-8")      -> {"clef": -12}

After the ABC standard 2.1, sections 3.1.6, 3.1.7, 3.1.14 and 4.6.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from domains.midi.reading.bars import Metre, check_metre
from tvae_core.domain import DomainError

_SHARPS = "FCGDAEB"
_MODES = {"maj": 0, "ion": 0, "mix": -1, "dor": -2, "min": -3, "aeo": -3, "phr": -4, "loc": -5}
_MODES |= {"": 0, "m": -3, "mi": -3, "lyd": 1}
_LENGTH = re.compile(r"(\d{1,4})(?:\s*/\s*(\d{1,4}))?(?![\d/])")
_TERM = r"\(?\s*\d{1,9}(?:\s*\+\s*\d{1,9})*\s*\)?\s*/\s*\d{1,9}"
_METRE = re.compile(rf"{_TERM}(?:\s*\+\s*{_TERM})*")
FREE = "free metre"
_FREE = re.compile(r"none|free|frei", re.IGNORECASE)
_COMMON = re.compile(r"[Cc](\|?)(?![\w|])")
_CLEFS = "treble|alto|tenor|bass|baritone|soprano|mezzosoprano|mezzo|perc|drum"
_CLEF = re.compile(rf"(?<!\S)(?:{_CLEFS})\d?(?:[-+^_](?:8|15))?(?!\S)", re.IGNORECASE)
_OCTAVE_OF_CLEF = re.compile(r"([-+^_])(8|15)$")
_PROPERTY = re.compile(
    r"(?<!\S)(clef|octave|transpose|t|middle|m|stafflines|staffscale|score|sound|shift|instrument"
    r"|name|nm|subname|sname|snm|stems?|gstems?|dyn|lyrics|gchord|space|brace|bracket|cue|merge"
    r"|scale|style|volume|strings|capo|tab)\s*=\s*(\"[^\"]*\"|\S+)",
    re.IGNORECASE,
)
_NOT_FOLLOWED = ("middle", "m", "score", "sound", "shift", "instrument")
_TONIC = re.compile(r"([A-G])([#b♯♭]|n(?![a-z]))?|([a-g])([#b♯♭])?(?=\s|$|m|dor|mix|phr|lyd)")
_ACCIDENTAL = re.compile(r"(\^\^?|__?|=)([A-Ga-g])")
_SIGNS = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}


@dataclass(frozen=True, slots=True)
class Key:
    """A key: its signature, -7 to 7, and the semitones that it alters each letter by."""

    signature: int
    altered: Mapping[str, int]


def altered_by(signature: int) -> dict[str, int]:
    """The letters that a key signature alters; `{"F": 1}` for one sharp."""
    if signature < 0:
        return dict.fromkeys(_SHARPS[signature:], -1)
    return dict.fromkeys(_SHARPS[:signature], 1)


NO_KEY = Key(0, {})


def unit_of(value: str) -> Fraction:
    """The unit of length of a field `L:`, in whole notes.

    Raises:
        DomainError: it is none.
    """
    match = _LENGTH.match(value.strip())
    if match is not None and int(match[2] or 1):
        unit = Fraction(int(match[1]), int(match[2] or 1))
        if Fraction(1, 1024) <= unit <= 4:
            return unit
    raise DomainError(f"no length of a note: L:{value.strip()[:40]}")


def default_unit(metre: Metre | None) -> Fraction:
    """The unit of length where a tune names none."""
    if metre is None or Fraction(*metre) >= Fraction(3, 4):
        return Fraction(1, 8)
    return Fraction(1, 16)


def metre_of(value: str) -> tuple[Metre | None, str]:
    """The metre of a field `M:`, and what has to be said of it.

    Returns:
        The metre, None where the field is empty; and a phrase or `""`.

    Raises:
        DomainError: free metre, or none that can be read or written.
    """
    value = " ".join(value.split())
    if not value:
        return None, ""
    if _FREE.match(value):
        raise DomainError(FREE)
    common = _COMMON.match(value)
    if common is not None:
        return ((2, 2) if common[1] else (4, 4)), ""
    match = _METRE.match(value)
    if match is None:
        raise DomainError(f"no metre that can be read: M:{value[:40]}")
    terms = [
        (sum(map(int, re.findall(r"\d+", beats))), int(unit))
        for beats, unit in re.findall(r"\(?([\d+ ]+)\)?\s*/\s*(\d+)", match[0])
    ]
    unit = max(unit for _, unit in terms)
    if any(one < 1 or unit % one for _, one in terms):
        raise DomainError(f"a metre of {match[0][:40]} cannot be written")
    metre = check_metre(sum(beats * (unit // one) for beats, one in terms), unit)
    rest = value[match.end() :].lstrip()
    if "+" in match[0] or rest[:1].isdigit():
        return metre, f"metre {value[:40]} is read as {metre[0]}/{metre[1]}"
    return metre, ""


def key_of(value: str) -> Key | None:
    """The key of a field `K:`, or None where it only names a clef or a transposition.

    Raises:
        DomainError: it is no key, or one that has no signature.
    """
    rest = _CLEF.sub(" ", _PROPERTY.sub(" ", value)).strip()
    rest = re.sub(r"(?<!\S)[-+](?:8|15)(?!\S)", " ", rest).strip()
    if not rest:
        return None if value.strip() else NO_KEY
    if rest.lower().startswith("none"):
        return _with_accidentals(rest[4:], NO_KEY, explicit=True)
    if re.match(r"H[Pp](?!\w)", rest):
        return Key(2, altered_by(2))
    tonic = _TONIC.match(rest)
    if tonic is None:
        if _ACCIDENTAL.match(rest):
            return _with_accidentals(rest, NO_KEY, explicit=True)
        raise DomainError(f"no key: K:{value.strip()[:40]}")
    named = re.match(r"\s*(flat|sharp)\b", rest[tonic.end() :], re.IGNORECASE)
    letter, sign = (tonic[1] or tonic[3]).upper(), tonic[2] or tonic[4] or ""
    if named is not None:
        sign = "b" if named[1].lower() == "flat" else "#"
    rest = rest[tonic.end() + (named.end() if named else 0) :]
    attached, word = re.match(r"(\s*)([A-Za-z]*)", rest).groups()  # type: ignore[union-attr]
    name = word.lower()
    mode = _MODES.get(name if len(name) < 3 else name[:3])
    if mode is None and word and not attached:
        if name[0] != "m" or name[:3] == "exp":
            raise DomainError(f"no key: K:{value.strip()[:40]}")
        mode = -3
    sharps = _SHARPS.index(letter) - 1 + 7 * ((sign in ("#", "♯")) - (sign in ("b", "♭")))
    sharps += mode or 0
    explicit = name[:3] == "exp"
    if not -7 <= sharps <= 7 and not explicit:
        raise DomainError(f"a key signature of {abs(sharps)} accidentals")
    base = NO_KEY if explicit else Key(sharps, altered_by(sharps))
    return _with_accidentals(rest[len(attached) + len(word) :], base, explicit=explicit)


def _with_accidentals(text: str, base: Key, *, explicit: bool) -> Key:
    """A key with the accidentals that stand after it; its signature is the nearest there is."""
    if re.search(r"[\^_]\d*/", text):
        raise DomainError("quarter-tones in a key signature")
    found = {letter.upper(): _SIGNS[sign] for sign, letter in _ACCIDENTAL.findall(text)}
    if not found:
        return base
    altered = {k: v for k, v in {**base.altered, **found}.items() if v}
    exact = [s for s in range(-7, 8) if altered_by(s) == altered]
    if exact:
        return Key(exact[0], altered)
    if not explicit:
        return Key(base.signature, altered)
    letters = [(altered_by(s), s) for s in range(-7, 8)]
    nearest = min(
        (sum(a.get(x, 0) != altered.get(x, 0) for x in _SHARPS), abs(s), s) for a, s in letters
    )
    return Key(nearest[2], altered)


def shifts_of(value: str) -> tuple[dict[str, int], list[str]]:
    """Semitones that a field `K:` or `V:` shifts its notes by.

    Returns:
        What it sets of `clef`, `octave` and `transpose`, in semitones, `percussion` where it is a
        part for drums; and the names of properties that change pitch and are not followed.

    Raises:
        DomainError: a number that is none, or out of all bounds.
    """
    found: dict[str, int] = {}
    unknown = []
    clefs = [match[0].lower() for match in _CLEF.finditer(_PROPERTY.sub(" ", value))]
    for name, given in _PROPERTY.findall(value):
        name, given = name.lower(), given.strip('"')
        if name == "clef":
            clefs.append(given.lower())
        elif name in ("octave", "transpose", "t"):
            if not re.fullmatch(r"[-+]?\d{1,2}", given):
                raise DomainError(f"no number: {name}={given[:20]}")
            transpose = name != "octave"
            found["transpose" if transpose else name] = int(given) * (1 if transpose else 12)
        elif name in _NOT_FOLLOWED:
            unknown.append(name)
    apart = re.search(r"(?<!\S)[-+](?:8|15)(?!\S)", _PROPERTY.sub(" ", value))
    for clef in clefs:
        match = _OCTAVE_OF_CLEF.search(clef + (apart[0] if apart else ""))
        octaves = (1 if match[2] == "8" else 2) if match else 0
        found["clef"] = 12 * octaves * (-1 if match and match[1] in "-_" else 1)
        found["percussion"] = int(clef.startswith(("perc", "drum")))
    return found, unknown


@dataclass(slots=True)
class Common:
    """What the voices of a tune have in common.

    Attributes:
        propagate: how far an accidental holds in its bar: `pitch` (in all octaves, the standard's
            default), `octave` or `not`.
        tally: how often something was left out or changed.
    """

    propagate: str = "pitch"
    tally: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Settings:
    """What fields set for a voice; shifts in semitones."""

    key: Key | None = None
    metre: Metre | None = None
    unit: Fraction | None = None
    shifts: dict[str, int] = field(default_factory=dict)

    def take(self, letter: str, value: str, common: Common) -> None:
        """Takes a field `K`, `L`, `M` or `V`.

        Raises:
            DomainError: what is wrong with it.
        """
        if letter == "M":
            metre, said = metre_of(value)
            self.metre = metre or self.metre
            common.tally[said] += bool(said)
        elif letter == "L":
            self.unit = unit_of(value)
        else:
            if letter == "K":
                self.key = key_of(value) or self.key
            shifts, unknown = shifts_of(value)
            self.shifts = {**self.shifts, **shifts}
            for name in unknown:
                common.tally[f"{name}= is not followed"] += 1

    def copy(self) -> Settings:
        """The same, to be changed by itself."""
        return Settings(self.key, self.metre, self.unit, dict(self.shifts))
