"""MIDI files built byte by byte, for the tests of their reader."""

from __future__ import annotations

import struct
from collections.abc import Sequence

END = b"\x00\xff\x2f\x00"
QUARTER = 96
Event = tuple[int, bytes]
"""Ticks since the last event, and its bytes."""


def quantity(number: int) -> bytes:
    """A variable-length quantity."""
    sevens = [number & 0x7F]
    while number := number >> 7:
        sevens.append(number & 0x7F | 0x80)
    return bytes(reversed(sevens))


def track(*events: Event, end: int = 0) -> bytes:
    """A track of these events; its end comes so many ticks later."""
    body = b"".join(quantity(delta) + event for delta, event in events)
    body += quantity(end) + END[1:]
    return b"MTrk" + struct.pack(">I", len(body)) + body


def midi_file(
    *tracks: bytes, kind: int = 1, ticks: int = QUARTER, count: int | None = None
) -> bytes:
    """A file of these tracks; `count` is what the header says there are."""
    number = len(tracks) if count is None else count
    return b"MThd" + struct.pack(">IHHH", 6, kind, number, ticks) + b"".join(tracks)


def on(pitch: int, channel: int = 0, delta: int = 0, velocity: int = 80) -> Event:
    return delta, bytes((0x90 | channel, pitch, velocity))


def off(pitch: int, channel: int = 0, delta: int = QUARTER) -> Event:
    return delta, bytes((0x80 | channel, pitch, 64))


def name(text: str) -> Event:
    return 0, b"\xff\x03" + quantity(len(text.encode())) + text.encode()


def metre(beats: int, exponent: int, delta: int = 0) -> Event:
    return delta, bytes((0xFF, 0x58, 4, beats, exponent, 24, 8))


def key(sharps: int, delta: int = 0) -> Event:
    return delta, bytes((0xFF, 0x59, 2, sharps & 0xFF, 0))


def notes(pitches: Sequence[int], channel: int = 0, length: int = QUARTER) -> list[Event]:
    """One note after another."""
    return [e for p in pitches for e in (on(p, channel), off(p, channel, length))]


SCALE = (60, 62, 64, 65, 67, 69, 71, 72)
