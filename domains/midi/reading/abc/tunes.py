"""Tunes in ABC notation, after the ABC standard 2.1.

    [read_tune(tune) for tune in tunes_of(text)]

`lines` finds the tunes of a file, `fields` reads fields and `notes` the music of a
voice; here voices come together bar by bar. Repeats are read once, by their second endings; grace
notes, lyrics, chord symbols, decorations and tempi are left out.
"""

from __future__ import annotations

from collections import Counter
from itertools import zip_longest

from domains.midi.notation import bar_length
from domains.midi.reading.abc.fields import FREE, Common, Settings
from domains.midi.reading.abc.lines import Tune, prose_of, tunes_of
from domains.midi.reading.abc.notes import VoiceReader
from domains.midi.reading.bars import Metre, RawBar, cut, listed
from domains.midi.reading.pieces import Found
from tvae_core.domain import DomainError

__all__ = ["Tune", "read_tune", "tunes_of", "written_bars"]

MAX_TUNE = 20_000
MAX_VOICES = 64
MAX_PHRASES = 20
_LENGTHS: dict[int, Metre] = {
    96: (4, 4), 72: (3, 4), 48: (2, 4), 36: (3, 8), 108: (9, 8), 144: (6, 4), 60: (5, 8),
    120: (5, 4), 84: (7, 8), 192: (4, 2), 168: (7, 4), 24: (1, 4), 132: (11, 8),
}  # fmt: skip
"""Metres of bars so many steps long, where a tune names none."""
_SAID = {
    "grace": "grace notes are left out",
    "quarter": "{} quarter-tones are read as the semitone towards the natural",
    "moved": "{} notes do not lie on the grid of 1/24 of a quarter and are moved to it",
    "short": "{} notes shorter than the grid are left out",
    "unknown": "{} symbols that are no ABC are left out",
    "key": "changes of key are not kept, the notes are",
}
_SAID_OF_ONE = {
    "quarter": "a quarter-tone is read as the semitone towards the natural",
    "moved": "a note does not lie on the grid of 1/24 of a quarter and is moved to it",
    "short": "a note shorter than the grid is left out",
    "unknown": "a symbol that is no ABC is left out",
}


def read_tune(tune: Tune) -> Found:
    """What a tune holds.

    Raises:
        DomainError: what is wrong with it, with the line where it has one.
    """
    return _read(tune).found(tune.told)


def written_bars(tune: Tune) -> list[list[RawBar]]:
    """The bars of every voice as they are written, nothing joined, filled or left out.

    Raises:
        DomainError: as `read_tune`.
    """
    return [voice.bars for voice in _read(tune).sounding().values()]


def _read(tune: Tune) -> _TuneReader:
    if sum(len(line.value) for line in tune.lines if not line.letter) > MAX_TUNE:
        raise DomainError(f"a tune of more than {MAX_TUNE:,} characters")
    reader = _TuneReader()
    for line in tune.lines:
        try:
            reader.line(line.letter, line.value, line.number)
        except DomainError as error:
            where = "" if error.reason == FREE else f" (line {line.number})"
            raise DomainError(error.reason + where) from error
    if not reader.keyed:
        raise DomainError("no key, which ends a tune's header (K:)")
    return reader


class _TuneReader:
    """Takes a tune line by line, each to the voice it belongs to."""

    def __init__(self) -> None:
        self.title = ""
        self.common, self.header = Common(), Settings()
        self.free: str | None = None
        self.keyed = False
        self.defined: dict[str, dict[str, int]] = {}
        self.voices: dict[str, VoiceReader] = {}
        self.voice: VoiceReader | None = None
        self.text: list[int] = []

    def line(self, letter: str, value: str, number: int) -> None:
        if not letter:
            self._music(value, number)
        elif letter == "T":
            self.title = self.title or " ".join(value.split())[:200]
        elif letter in "%I":
            self._instruction(value)
        elif letter == "V":
            self._switch(value)
        elif letter in "KLM":
            self._setting(letter, value)
        elif letter == "m":
            self.common.tally["macros (m:) are not followed"] += 1

    def _setting(self, letter: str, value: str) -> None:
        if self.keyed:
            self._current().field(letter, value)
            return
        if letter == "M":  # that of a file's header may be overruled
            try:
                self.header.take(letter, value, self.common)
                self.free = None
            except DomainError as error:
                self.free = error.reason
            return
        self.header.take(letter, value, self.common)
        self.keyed = letter == "K"
        if self.keyed and self.free is not None:
            raise DomainError(self.free)

    def _instruction(self, value: str) -> None:
        words = value.split()[:3]
        name = words[0].lower() if words else ""
        if name == "propagate-accidentals" and words[1:2] in (["not"], ["octave"], ["pitch"]):
            self.common.propagate = words[1]
        elif name == "midi" and words[1:] == ["channel", "10"] and self.keyed:
            self._current().settings.shifts["percussion"] = 1
        elif "transpose" in (name, *words[1:2]) and words[-1:] != ["0"]:
            self.common.tally["%%transpose is not followed"] += 1

    def _switch(self, value: str) -> None:
        """A field `V:`, in the header or in the music."""
        words = value.split(None, 1)
        name = words[0][:40] if words else ""
        settings = Settings()
        settings.take("V", words[1] if len(words) > 1 else "", self.common)
        known = self.defined.setdefault(name, {})
        known.update(settings.shifts)
        if not self.keyed:
            return
        self.voice = self._voice(name)
        self.voice.settings.shifts.update(settings.shifts)

    def _voice(self, name: str) -> VoiceReader:
        if name not in self.voices:
            if len(self.voices) >= MAX_VOICES:
                raise DomainError(f"more than {MAX_VOICES} voices")
            settings = self.header.copy()
            settings.shifts.update(self.defined.get(name, {}))
            self.voices[name] = VoiceReader(settings, self.common)
        return self.voices[name]

    def _current(self) -> VoiceReader:
        """The voice that a line belongs to: before any is named, the first that is defined."""
        if self.voice is None:
            self.voice = self._voice(next(iter(self.defined), ""))
        return self.voice

    def _music(self, value: str, number: int) -> None:
        if not self.keyed:
            return
        value, words = prose_of(value)
        self.text += [number] if words else []
        while value:
            head, mark, value = value.partition("[V:")
            if head.strip():
                self._current().music(head)
            if mark:
                name, _, value = value.partition("]")
                self._switch(name)

    def sounding(self) -> dict[str, VoiceReader]:
        """The voices that are no percussion, ended; all lines being read."""
        drums = {name for name, voice in self.voices.items() if voice.percussion}
        voices = {name: voice for name, voice in self.voices.items() if name not in drums}
        for voice in voices.values():
            voice.bar_line("|]")
            while voice.bars and not voice.bars[-1].length:
                voice.bars.pop()
        return {name: voice for name, voice in voices.items() if voice.bars}

    def found(self, told: list[str]) -> Found:
        """What the tune holds; all lines being read."""
        voices, said = self.sounding(), list(told)
        drums = [name for name, voice in self.voices.items() if voice.percussion]
        if drums:
            said.append(f"percussion is left out (voice {', '.join(drums)})")
        if self.text:
            said.append(f"text among the notes is left out (line {listed(self.text)})")
        said += _differences(voices)
        bars = together([voice.bars for voice in voices.values()])
        if not any(part for bar in bars for part in bar.parts):
            raise DomainError("only percussion, which is not read" if drums else "no notes")
        if all(voice.settings.metre is None for voice in voices.values()):
            said.append(_name_metre(bars))
        said += _phrases(self.common.tally)
        keys = [voice.key for voice in voices.values() if voice.key is not None]
        found = cut(bars, keys[0])
        return Found(self.title, found.scores, len(found.lost), said + found.told())


def _phrases(tally: Counter[str]) -> list[str]:
    said = []
    for kind, times in tally.items():
        phrase = _SAID_OF_ONE.get(kind) if times == 1 else None
        said += [(phrase or _SAID.get(kind, kind)).replace("{}", str(times))] if times else []
    return said[:MAX_PHRASES]


def _differences(voices: dict[str, VoiceReader]) -> list[str]:
    """What is said of voices that do not go together."""
    if len(voices) < 2:
        return []
    longest = max(len(voice.bars) for voice in voices.values())
    said = [
        f"voice {name} has {len(voice.bars)} of {longest} bars"
        for name, voice in voices.items()
        if len(voice.bars) < longest
    ]
    uneven = [
        number
        for number, column in enumerate(zip_longest(*(v.bars for v in voices.values())), 1)
        if len({bar.length for bar in column if bar is not None}) > 1
    ]
    if uneven:
        said.append(f"the voices' bars differ in length (bar {listed(uneven)})")
    return said


def together(voices: list[list[RawBar]]) -> list[RawBar]:
    """The bars of several voices, bar by bar; what lies over a voice is a part beside it."""
    widths = [max(1, *(len(bar.parts) for bar in voice)) for voice in voices]
    bars = []
    for column in zip_longest(*voices):
        here = [bar for bar in column if bar is not None]
        parts = [
            bar.parts[layer] if bar is not None and layer < len(bar.parts) else []
            for bar, width in zip(column, widths, strict=True)
            for layer in range(width)
        ]
        bars.append(
            RawBar(
                here[0].metre,
                max(bar.length for bar in here),
                parts,
                any(bar.opens for bar in here),
                any(bar.closes for bar in here),
                here[0].ending,
            )
        )
    return bars


def _name_metre(bars: list[RawBar]) -> str:
    """Gives bars without a metre the one that most of them fill, and tells it."""
    lengths = Counter(bar.length for bar in bars)
    metre = (4, 4)
    if len(bars) == 1:
        whole = [one for length, one in _LENGTHS.items() if lengths and not bars[0].length % length]
        metre = next((m for m in whole if bars[0].length >= 2 * bar_length(m)), metre)
    else:
        length, times = lengths.most_common(1)[0]
        if times > 1 or len(bars) < 4:
            metre = _LENGTHS.get(length, metre)
        starts = Counter(note.start for bar in bars for part in bar.parts for note in part)
        if starts[36] + starts[108] > starts[48] + starts[96]:
            metre = {(3, 4): (6, 8), (6, 4): (12, 8)}.get(metre, metre)
    for bar in bars:
        bar.metre = metre
    return f"no metre (M:), read as {metre[0]}/{metre[1]}"
