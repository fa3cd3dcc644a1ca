"""Pickups of MIDI files, which say where beats are and seldom where the first bar line is."""

from __future__ import annotations

from collections.abc import Sequence

from domains.midi.reading.bars import Note


def without_pickup(
    parts: Sequence[list[Note]], changes: Sequence[tuple[int, tuple[int, int]]], told: list[str]
) -> tuple[list[list[Note]], list[tuple[int, tuple[int, int]]]]:
    return list(parts), list(changes)
