"""The music of one voice in ABC notation: its symbols, one after the other, as bars.

After the ABC standard 2.1, section 4. Lengths are exact fractions of a step until a note is done.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction

from domains.midi.notation import MAX_BARS, MAX_VOICES, STEPS_PER_WHOLE, bar_length
from domains.midi.reading.abc.fields import Common, Settings, default_unit
from domains.midi.reading.bars import RawBar, RawNote
from tvae_core.domain import DomainError

LONGEST = 1024 * 24
"""Steps that a note or rest may last."""
_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_LENGTH = r"\d*/*\d*"
_NOTE = (
    r"(?P<accidental>\^\^|__|=|[\^_](?:\d{1,3}/\d{1,3}|\d{0,3}/\d{0,3})?)?"
    rf"(?P<letter>[A-Ga-g])(?P<octave>[,']*)(?P<length>{_LENGTH})"
)
_ENDING = r"\d{1,3}(?:[,.-]\d{1,3})*"
_TOKEN = re.compile(
    rf"""(?P<skip>[ \t`]+|"[^"]*"|y{_LENGTH}|!(?:[^\s!|:\[\]]{{1,40}}|(?=[^!|]*[h-wyH-WY])
            [^!|\[\]]{{1,40}})!|\+[A-Za-z0-9.<>()-]{{1,30}}\+)
    |\[(?P<field>[A-Za-z]):(?P<value>[^\[\]]*)\]
    |\[(?P<ending>{_ENDING}|"[^"]*"(?![^\[\]|]*\]))
    |(?P<bar>\.?(?:\[\||[|:])[|:\]]*(?:\[\|[|:\]]*)*)(?:\s*(?P<ends>{_ENDING}))?
    |(?P<note>{_NOTE})
    |(?P<chord>\[(?:"[^"]*"|[^\[\]|"])*\])(?P<chord_length>{_LENGTH})
    |(?P<rest>[zx])(?P<rest_length>{_LENGTH})
    |(?P<bars>[ZX])(?P<bar_count>\d*)
    |(?P<grace>\{{[^{{}}]*\}})
    |\((?P<tuplet>\d{{1,2}})(?::(?P<time>\d{{0,2}}))?(?::(?P<count>\d{{0,2}}))?
    |(?P<group>\(&)|(?P<group_end>&\))|(?P<overlay>&+)
    |(?P<broken>>+|<+)
    |(?P<tie>\.?-)
    |(?P<open_quote>"[^"\s|]*)
    |(?P<mark>[.~H-Wh-w()\\$*;?@\#+!])
    |(?P<unknown>.)""",
    re.VERBOSE | re.DOTALL,
)
_INNER = re.compile(rf'"[^"]*"|![^!\s]*!|\{{[^{{}}]*\}}|{_NOTE}(?P<tie>-?)')


@dataclass(slots=True)
class _Sound:
    """A note, a chord or a rest that may still become longer or shorter.

    Attributes:
        length: in steps.
        notes: step (letter and octave), pitch, length in steps, whether it is tied from before.
        ties: steps that a tie goes on from.
    """

    length: Fraction
    notes: list[tuple[str, int, Fraction, bool]] = field(default_factory=list)
    ties: dict[str, int] = field(default_factory=dict)

    def scale(self, factor: Fraction) -> None:
        self.length *= factor
        self.notes = [(s, p, length * factor, tied) for s, p, length, tied in self.notes]


def multiplier(text: str) -> Fraction:
    """What is written after a note, such as `3/2`, `/` or `//`, times the unit of length.

    Raises:
        DomainError: impossible.
    """
    top, slash, below = text.partition("/")
    more = len(below) - len(below.lstrip("/"))
    under = below[more:]
    if len(top) > 6 or len(under) > 6 or more > 12:
        raise DomainError("a note of impossible length")
    lower = (int(under) << more) if under else 1 << (more + bool(slash))
    if not lower:
        raise DomainError("a note of impossible length")
    return Fraction(int(top) if top else 1, lower)


class VoiceReader:
    """Collects the bars of one voice.

    Attributes:
        bars: as they are written; the last one may be empty.
        key: signature at its first note, as it sounds; None without a note.
    """

    def __init__(self, settings: Settings, common: Common) -> None:
        self.settings, self.common = settings, common
        self.key: int | None = None
        self.bars = [RawBar(settings.metre or (4, 4), 0, [], opens=True)]
        self.place = self.layer = self.ending = 0
        self.group: int | None = None
        self.at = Fraction(0)
        self.sound: _Sound | None = None
        self.broken: tuple[Fraction, Fraction] | None = None
        self.tuplets: list[list[Fraction]] = []
        self.altered: dict[str, int] = {}
        self.ties: dict[str, int] = {}
        self.later_ending = self.hidden = False

    @property
    def percussion(self) -> bool:
        """Whether the voice is for drums, whose notes are no pitches."""
        return bool(self.settings.shifts.get("percussion"))

    def music(self, line: str) -> None:
        """Reads a line of music without its comment.

        Raises:
            DomainError: what is wrong with it.
        """
        for match in _TOKEN.finditer(line):
            kind = match.lastgroup
            if kind == "skip" or kind == "mark":
                continue
            if match["note"]:
                sound = self._sound(multiplier(match["length"]))
                self._add_note(sound, match, sound.length)
                self._put(sound)
            elif match["bar"]:
                self.bar_line(match["bar"], match["ends"] or "")
            elif match["rest"]:
                self._put(self._sound(multiplier(match["rest_length"])))
                self.hidden = match["rest"] == "x"
            elif match["chord"] is not None:
                self._chord(match["chord"], match["chord_length"])
            elif match["field"]:
                self.field(match["field"], match["value"])
            else:
                self._rarer(match)

    def _rarer(self, match: re.Match[str]) -> None:
        if match["ending"]:
            self.bar_line("", match["ending"])
        elif match["broken"]:
            self._break(match["broken"])
        elif match["tie"]:
            if self.sound is not None and self.sound.notes:
                self.sound.ties = {step: pitch for step, pitch, _, _ in self.sound.notes}
        elif match["tuplet"]:
            self._tuplet(int(match["tuplet"]), match["time"], match["count"])
        elif match["grace"]:
            self._grace(match["grace"])
        elif match["bars"]:
            self._rest_bars(match["bar_count"])
        elif match["group"]:
            self._flush()
            self.group = self.place
        elif match["overlay"]:
            self._rewind(len(match["overlay"]))
        elif match["group_end"]:
            self._flush()
            self.group = None
            if self.place < len(self.bars) - 1:
                self.place, self.layer = len(self.bars) - 1, 0
                self.at = Fraction(self.bars[-1].length)
        else:
            self.common.tally["unknown"] += 1

    def _grace(self, text: str) -> None:
        """Grace notes are left out, but for the accidentals that they bring into the bar."""
        notes = [match for match in _INNER.finditer(text, 1) if match["letter"]]
        self.common.tally["grace"] += bool(notes)
        for match in notes:
            if match["accidental"]:
                self._add_note(_Sound(Fraction(0)), match, Fraction(0))

    def field(self, letter: str, value: str) -> None:
        """Takes a field that stands in the music.

        Raises:
            DomainError: what is wrong with it.
        """
        if letter not in "KLM":
            return
        before = self.settings.key
        self._flush()
        if letter == "M" and self.at:
            self.bar_line("|")
        self.settings.take(letter, value, self.common)
        if letter == "M" and self.settings.metre is not None and not self.at:
            self.bars[self.place].metre = self.settings.metre
        if letter == "K" and self.key is not None and self.settings.key != before:
            self.common.tally["key"] += 1

    def _sound(self, times: Fraction) -> _Sound:
        """A sound so many units long, in whatever tuplet it stands, after the last one."""
        self._flush()
        settings = self.settings
        if settings.unit is None:
            settings.unit = default_unit(settings.metre)
        length = times * settings.unit * STEPS_PER_WHOLE
        if self.tuplets:
            for tuplet in self.tuplets:
                length *= tuplet[0]
                tuplet[1] -= 1
            self.tuplets = [tuplet for tuplet in self.tuplets if tuplet[1] > 0]
        if length > LONGEST:
            raise DomainError("a note of impossible length")
        return _Sound(length)

    def _add_note(self, sound: _Sound, match: re.Match[str], length: Fraction) -> None:
        letter, marks = match["letter"], match["octave"]
        octave = marks.count("'") - marks.count(",") + (letter >= "a")
        letter = letter.upper()
        step = f"{letter}{octave}"
        pitch = 60 + _SEMITONES[letter] + 12 * octave
        scope = step if self.common.propagate == "octave" else letter
        alter = self.altered.get(scope)
        if match["accidental"]:
            alter = self._accidental(match["accidental"])
            if self.common.propagate != "not":
                self.altered[scope] = alter
        elif step in self.ties:
            alter = self.ties[step] - pitch
        elif alter is None:
            alter = self.settings.key.altered.get(letter, 0) if self.settings.key else 0
        pitch += alter
        sound.notes.append((step, pitch, length, pitch in self.ties.values()))

    def _accidental(self, sign: str) -> int:
        direction = {"^": 1, "_": -1, "=": 0}[sign[0]]
        if "/" not in sign:
            return direction * len(sign)
        top, _, below = sign[1:].partition("/")
        size = Fraction(int(top or 1), max(1, int(below or 2)))
        self.common.tally["quarter"] += size.denominator > 1
        return direction * min(2, int(size))

    def _chord(self, text: str, after: str) -> None:
        times = multiplier(after)
        notes = [match for match in _INNER.finditer(text) if match["letter"]]
        rest = re.search(r"[zx]", text)
        if not notes:
            if rest is not None:
                self._put(self._sound(times))
            elif text[1:-1].strip():
                self.common.tally["unknown"] += 1
            return
        inner = [multiplier(match["length"]) for match in notes]
        sound = self._sound(times * inner[0])
        ties = []
        for match, own in zip(notes, inner, strict=True):
            ratio = own / inner[0] if inner[0] else 0
            self._add_note(sound, match, sound.length * ratio)
            if match["tie"]:
                ties.append(sound.notes[-1])
        self._put(sound)
        if ties:
            sound.ties = {step: pitch for step, pitch, _, _ in ties}

    def _put(self, sound: _Sound) -> None:
        if self.broken is not None:
            sound.scale(self.broken[1])
            self.broken = None
        self.sound, self.hidden = sound, False
        self.ties = {}

    def _flush(self) -> None:
        sound, self.sound = self.sound, None
        if sound is None:
            return
        bar = self.bars[self.place]
        while len(bar.parts) <= self.layer:
            bar.parts.append([])
        if sound.notes and self.key is None:
            signature = self.settings.key.signature if self.settings.key else 0
            semitones = self.settings.shifts.get("transpose", 0)
            self.key = (signature + 7 * semitones + 5) % 12 - 5 if semitones else signature
        shifts = self.settings.shifts
        shift = shifts.get("clef", 0) + shifts.get("octave", 0) + shifts.get("transpose", 0)
        start = round(self.at)
        for _, pitch, length, tied in sound.notes:
            stop = round(self.at + length)
            self.common.tally["moved"] += start < stop != self.at + length
            if start < stop:
                bar.parts[self.layer].append(RawNote(start, stop - start, pitch + shift, tied))
            else:
                self.common.tally["short"] += 1
        self.at += sound.length
        bar.length = max(bar.length, round(self.at))
        self.ties = sound.ties

    def _break(self, signs: str) -> None:
        if self.sound is None or self.broken is not None or len(signs) > 6:
            self.common.tally["unknown"] += 1
            return
        short = Fraction(1, 1 << len(signs))
        pair = (2 - short, short) if signs[0] == ">" else (short, 2 - short)
        self.sound.scale(pair[0])
        self.broken = pair

    def _tuplet(self, count: int, time: str | None, notes: str | None) -> None:
        metre = self.settings.metre
        triple = metre is not None and metre[0] % 3 == 0 and metre[0] > 3
        usual = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}.get(count, 3 if triple else 2)
        into, many = int(time or 0) or usual, int(notes or 0) or count
        if count < 2:
            self.common.tally["unknown"] += 1
        elif len(self.tuplets) < 3 and self.tuplets[-1:] != [[Fraction(into, count), many]]:
            self.tuplets.append([Fraction(into, count), Fraction(many)])

    def _rest_bars(self, count: str) -> None:
        if len(count) > 4 or int(count or 1) > MAX_BARS:
            raise DomainError(f"more than {MAX_BARS:,} bars")
        for _ in range(int(count or 1)):
            self._flush()
            if self.at:
                self.bar_line("|")
            self.at = Fraction(bar_length(self.settings.metre or (4, 4)))
            self.bars[self.place].length = max(self.bars[self.place].length, int(self.at))
        self.ties = {}

    def _rewind(self, bars: int) -> None:
        """Begins a voice beside what stands in the last bars."""
        self._unbreak()
        self._flush()
        self.place = self.group if self.group is not None else max(0, self.place - bars + 1)
        self.layer += 1
        if self.layer >= MAX_VOICES:
            raise DomainError(f"more than {MAX_VOICES} voices at once")
        self.at, self.ties, self.altered = Fraction(0), {}, {}

    def _unbreak(self) -> None:
        if self.broken is not None and self.sound is not None:
            self.sound.scale(1 / self.broken[0])
            self.common.tally["unknown"] += 1
        self.broken = None

    def bar_line(self, sign: str, ending: str = "") -> None:
        """Ends a bar, if anything is in it.

        Raises:
            DomainError: more than `MAX_BARS` bars.
        """
        self._unbreak()
        size = bar_length(self.settings.metre) if self.settings.metre else 0
        if self.hidden and self.sound is not None and not self.sound.notes and self.at == size:
            self.sound = None  # a sign over the bar line hangs on a rest that is not counted
        self._flush()
        sign = sign.lstrip(".")
        double = sign not in ("", "|", ":", "[|]")
        bar = self.bars[self.place]
        if self.place < len(self.bars) - 1:
            self.place += bool(self.at)
        elif self.at or bar.length:
            bar.closes = double
            if len(self.bars) > 2 * MAX_BARS:
                raise DomainError(f"more than {MAX_BARS:,} bars")
            self.bars.append(RawBar(self.settings.metre or (4, 4), 0, [], opens=double))
            self.place += 1
            self.layer = 0 if self.group is None else self.layer
        else:
            bar.opens = bar.opens or double
            if double and self.place:
                self.bars[self.place - 1].closes = True
        self.at, self.altered = Fraction(0), {}
        if double:
            self.ending = 0
        if ending:
            self.ending = self._ending(ending)
        if self.place == len(self.bars) - 1:
            self.bars[self.place].ending = self.ending

    def _ending(self, text: str) -> int:
        """1 for a first ending, 2 for the one after it, 3 for any later one."""
        numbers = re.findall(r"\d+", text)
        if not numbers:
            return self.ending
        if int(numbers[0]) == 1:
            self.later_ending = False
            return 1
        later, self.later_ending = self.later_ending, True
        return 3 if later else 2
