"""Standard MIDI files, from bytes to the notes of every track.

Standard MIDI Files 1.0 (RP-001) and RMID (RP-029). Read here, not by symusic, which leaves out
notes that are never ended and chunks beyond the header's count, cuts a part in two where its
instrument changes, and lets denominators overflow. Of well-formed files both give the same notes.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from tvae_core.domain import DomainError

DRUMS = 9
"""The channel of drums, counted from 0."""
EXACT_BARS = b"\x7dtvae: bar lines are exact"
"""Sequencer-specific event (its first byte: no manufacturer) of files that
`domains.midi.writing.writers`
wrote: no pickup is looked for in them."""
_LENGTHS = {0x8: 2, 0x9: 2, 0xA: 2, 0xB: 2, 0xC: 1, 0xD: 1, 0xE: 2}
_ENDS_ALL = (120, 123)
"""Controllers that end all notes of a channel."""

Heard = tuple[int, int, int]
"""Start and end in ticks, MIDI pitch."""


@dataclass(slots=True)
class Channel:
    """The notes of one channel of one track.

    Attributes:
        number: of the channel, from 0.
        notes: in the order of their ends.
        unended: how many of them have no end in the file; they sound until the next note.
        loudness: the greatest velocity of the notes that begin at a tick.
    """

    number: int
    notes: list[Heard] = field(default_factory=list)
    unended: int = 0
    loudness: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Track:
    """What a track's chunk holds.

    Attributes:
        name: of the track, else of its instrument; may be empty.
        channels: those with notes, by number.
        metres: tick, numerator and exponent of the denominator.
        keys: tick and sharps of a key signature, flats negative.
        end: its last tick.
        exact: whether it holds `EXACT_BARS`.
    """

    name: str = ""
    channels: list[Channel] = field(default_factory=list)
    metres: list[tuple[int, int, int]] = field(default_factory=list)
    keys: list[tuple[int, int]] = field(default_factory=list)
    end: int = 0
    exact: bool = False


@dataclass(slots=True)
class MidiFile:
    """A file: `kind` 0, 1 or 2 as its header says, ticks a quarter, and its tracks."""

    kind: int
    ticks: int
    tracks: list[Track]


def parse_midi(data: bytes) -> MidiFile:
    """What a file holds.

    Raises:
        DomainError: it is none, is damaged, or counts time in film frames.
    """
    data = _unwrapped(data)
    if not data.startswith(b"MThd"):
        raise DomainError("no MIDI file: it does not begin with MThd")
    if len(data) < 14:
        raise _damaged("its header is cut short")
    length, kind, _, division = struct.unpack(">IHHH", data[4:14])
    if length < 6:
        raise _damaged(f"a header of {length} bytes")
    if kind > 2:
        raise DomainError(f"a MIDI file of type {kind}; 0, 1 and 2 are known")
    if division & 0x8000:
        raise DomainError("a MIDI file that counts time in film frames (SMPTE), not in beats")
    if not division:
        raise _damaged("0 ticks a quarter")
    try:
        tracks = [_track(chunk) for chunk in _chunks(data, 8 + length)]
    except IndexError:
        raise _damaged("an event is cut short") from None
    return MidiFile(kind, division, tracks)


def _damaged(detail: str) -> DomainError:
    return DomainError(f"a damaged or truncated MIDI file ({detail})")


def _unwrapped(data: bytes) -> bytes:
    """The file within a RIFF file of kind RMID; any other as it is."""
    if not data.startswith(b"RIFF"):
        return data
    if data[8:12] != b"RMID":
        raise DomainError("no MIDI file: a RIFF file of another kind than RMID")
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"data":
            return data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    raise _damaged("a RIFF file without a chunk of data")


def _chunks(data: bytes, at: int) -> Iterator[bytes]:
    """The bytes of every track; chunks of other kinds, and what is none, are passed over."""
    found = False
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "big")
        if data[at : at + 4] == b"MTrk":
            if at + 8 + size > len(data):
                raise _damaged("a track is cut short")
            found = True
            yield data[at + 8 : at + 8 + size]
        elif found and not data[at : at + 4].isalnum():
            return
        at += 8 + size
    if data[at : at + 4] in (b"MTrk"[: n + 1] for n in range(4)):
        raise _damaged("a track is cut short")


class _Sounding:
    """Pairs the beginnings and ends of one track's notes, the first with the first."""

    def __init__(self) -> None:
        self.starts: dict[tuple[int, int], list[int]] = defaultdict(list)
        self.ends: dict[tuple[int, int], list[int]] = defaultdict(list)
        self.open = [0] * 16
        self.loudness: dict[int, dict[int, int]] = defaultdict(dict)

    def on(self, channel: int, pitch: int, tick: int, velocity: int) -> None:
        self.starts[channel, pitch].append(tick)
        self.open[channel] += 1
        loudness = self.loudness[channel]
        if velocity > loudness.get(tick, 0):
            loudness[tick] = velocity

    def off(self, channel: int, pitch: int, tick: int, velocity: int) -> None:
        del velocity
        ends = self.ends[channel, pitch]
        if self.open[channel] and len(ends) < len(self.starts.get((channel, pitch), ())):
            ends.append(tick)
            self.open[channel] -= 1

    def all_off(self, channel: int, tick: int) -> None:
        if self.open[channel]:
            for pitch in range(128):
                ends = self.ends[channel, pitch]
                ends += [tick] * (len(self.starts.get((channel, pitch), ())) - len(ends))
            self.open[channel] = 0

    def channels(self, end: int) -> list[Channel]:
        """The notes of every channel; those without an end last until the next one, or `end`."""
        found: dict[int, Channel] = {}
        onsets: dict[int, list[int]] = defaultdict(list)
        for (number, _), starts in self.starts.items():
            if self.open[number]:
                onsets[number] += starts
        for (number, pitch), starts in self.starts.items():
            channel = found.setdefault(number, Channel(number, loudness=self.loudness[number]))
            ends = self.ends[number, pitch]
            missing = len(starts) - len(ends)
            if missing:
                channel.unended += missing
                ends = _ended(starts, ends, sorted(set(onsets[number])), end)
            channel.notes += [(a, b, pitch) for a, b in zip(starts, ends, strict=True)]
        return [found[number] for number in sorted(found)]


def _ended(starts: list[int], ends: list[int], onsets: list[int], end: int) -> list[int]:
    """An end for every start, where some are missing.

    A note struck again while it sounds has ended by then; one without an end sounds to the next
    onset of its channel, or to `end`.
    """
    left, given, found = len(starts) - len(ends), deque(ends), list[int]()
    for place, start in enumerate(starts):
        again = starts[place + 1] if place + 1 < len(starts) else None
        if given and (not left or again is None or given[0] <= again):
            found.append(given.popleft())
            continue
        left -= 1
        after = bisect_right(onsets, start)
        found.append(onsets[after] if after < len(onsets) else max(end, start))
    return found


def _track(data: bytes) -> Track:
    """The events of a track until its end; text that is not needed is passed over."""
    track, sounding, names = Track(), _Sounding(), dict[int, str]()
    on, off = sounding.on, sounding.off
    at, tick, status, size = 0, 0, 0, len(data)
    while at < size:
        if data[at] & 0x80:
            delta, at = _quantity(data, at)
            tick += delta
        else:
            tick += data[at]
            at += 1
        if data[at] & 0x80:
            status = data[at]
            at += 1
        kind = status >> 4
        if kind in (0x8, 0x9):
            pitch, velocity = data[at], data[at + 1]
            if (pitch | velocity) & 0x80:
                raise _damaged(f"no note at byte {at} of a track")
            (on if kind == 0x9 and velocity else off)(status & 0xF, pitch, tick, velocity)
            at += 2
        elif kind in _LENGTHS:
            if kind == 0xB and data[at] in _ENDS_ALL:
                sounding.all_off(status & 0xF, tick)
            at += _LENGTHS[kind]
        elif status in (0xFF, 0xF0, 0xF7):
            code = data[at] if status == 0xFF else -1
            length, at = _quantity(data, at + (status == 0xFF))
            if at + length > size:
                raise _damaged("an event is cut short")
            body = data[at : at + length]
            at += length
            if code == 0x2F:
                break
            _meta(track, names, code, tick, body)
        else:
            raise _damaged(f"no event at byte {at} of a track")
    track.end = tick
    track.name = names.get(3) or names.get(4, "")
    track.channels = sounding.channels(tick)
    return track


def _quantity(data: bytes, at: int) -> tuple[int, int]:
    """A variable-length quantity of at most four bytes, and where it ends."""
    value = 0
    for _ in range(4):
        byte = data[at]
        at += 1
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            return value, at
    raise _damaged("a quantity of more than four bytes")


def _meta(track: Track, names: dict[int, str], code: int, tick: int, body: bytes) -> None:
    if code == 0x7F and body == EXACT_BARS:
        track.exact = True
    elif code in (3, 4):
        text = body.decode("utf-8") if _is_utf8(body) else body.decode("latin-1")
        words = " ".join(text.replace("\0", " ").split())[:200]
        if words:
            names[code] = words
    elif code == 0x58 and len(body) >= 2:
        track.metres.append((tick, body[0], body[1]))
    elif code == 0x59 and body:
        track.keys.append((tick, body[0] - 256 if body[0] > 127 else body[0]))


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
