"""Bar lines and grids of MIDI files: pickups, played notes, pieces of many bars."""

from __future__ import annotations

import numpy as np
import pytest

from domains.midi.notation import MAX_BARS, format_score, parse_score
from domains.midi.reading import Piece, read_file, read_music
from domains.midi.reading.midi.grid import Grid, grid_for, off_grid
from domains.midi.writing.writers import to_midi
from tests.domains.midi.reading.midi_files import (
    QUARTER,
    key,
    metre,
    midi_file,
    notes,
    off,
    on,
    track,
)

TUNE = [60, 64, 67, 65, 64, 62, 60, 59]


def read(data: bytes, grid: int = 0) -> Piece:
    (piece,) = read_music(data, "a.mid", grid=grid)
    return piece


def played(lengths: list[int], loud: set[int] = frozenset()) -> bytes:
    """Notes of so many eighths in 4/4, those that begin at an eighth of `loud` accented."""
    events, at = [], 0
    for place, length in enumerate(lengths):
        pitch = TUNE[place % len(TUNE)]
        velocity = 110 if at % 8 in loud else 70
        events += [on(pitch, velocity=velocity), off(pitch, delta=length * QUARTER // 2)]
        at += length
    return midi_file(track(metre(4, 2), key(0), *events))


def test_a_short_first_metre_is_a_pickup() -> None:
    data = midi_file(track(metre(1, 2), key(0), *notes((67,)), metre(4, 2), *notes(TUNE)))
    piece = read(data)
    assert format_score(piece.score).startswith("0 |4/4 r:72G4:24|C4:24E4:24G4:24F4:24|")
    assert piece.told == ("begins with a pickup of 1 beat: filled up with rests",)


def test_a_change_of_metre_after_a_long_bar_is_none() -> None:
    text = "0 |2/4 C4:24E4:24|4/4 C4:96|D4:96|E4:96"
    piece = read(to_midi(parse_score(text)))
    assert format_score(piece.score) == text
    assert piece.told == ()


@pytest.mark.parametrize(
    "text",
    [
        "0 |1/4 G4:24|4/4 C4:24E4:24G4:24F4:24|D4:96|E4:96",
        "0 |4/4 C4:24E4:48G4:12F4:12" + "|D4:12E4:12C4:48G4:12F4:12" * 10,
    ],
)
def test_no_pickup_is_looked_for_in_what_was_written_here(text: str) -> None:
    piece = read(to_midi(parse_score(text)))
    assert format_score(piece.score) == text
    assert piece.told == ()


def test_bar_lines_stand_where_accents_recur() -> None:
    data = played([2] + [2, 2, 2, 2] * 9, loud={2})
    piece = read(data)
    assert piece.told == ("begins with a pickup of 1 beat: bars moved",)
    assert format_score(piece.score).startswith("0 |4/4 r:72C4:24|E4:24")


def test_bar_lines_stand_where_long_notes_begin() -> None:
    data = played([2, *[4, 1, 1, 1, 1] * 10, 6])
    piece = read(data)
    assert piece.told == ("begins with a pickup of 1 beat: bars moved",)
    assert format_score(piece.score).startswith("0 |4/4 r:72C4:24|E4:48")


@pytest.mark.parametrize(
    "lengths", [[4, 1, 1, 1, 1] * 10, [2] * 40, [1, 1, 2, 4] * 10, [2, 4, 1, 1, 1, 1]]
)
def test_bars_stay_where_nothing_speaks_against_them(lengths: list[int]) -> None:
    assert read(played(lengths)).told == ()


def test_notes_off_the_grid_are_told_and_put_on_it() -> None:
    events = []
    late, before = (7, 3, 11, 8, 2, 9, 5, 6), 0
    for place, pitch in enumerate(TUNE):
        start = place * 480 + 20 + 3 * late[place]
        events += [on(pitch, delta=start - before), off(pitch, delta=395)]
        before = start + 395
    data = midi_file(track(metre(4, 2), key(0), *events), ticks=480)
    piece = read(data)
    assert "from sixteenths and triplets on average: try --grid 16" in piece.told[0]
    piece = read(data, grid=16)
    assert format_score(piece.score) == ("0 |4/4 C4:24E4:24G4:24F4:24|E4:24D4:24C4:24B3:18r:6")
    assert piece.told[0].startswith("put on a grid of 1/16: notes lay ")
    assert "steps late" in piece.told[0]


def test_triplets_stay_triplets_on_a_grid() -> None:
    text = "0 |4/4 C4:8D4:8E4:8F4:24G4:6A4:6B4:6C5:6C5:24|C5:96"
    piece = read(to_midi(parse_score(text)), grid=16)
    assert format_score(piece.score) == text
    assert piece.told == ()


def test_grids_estimate_how_late_notes_are() -> None:
    onsets = np.arange(40) * 6 + 2.0
    assert grid_for(onsets, 16).offset == pytest.approx(2.0)
    assert grid_for(np.array([]), 16) == Grid(6, 0.0)
    assert off_grid(onsets) == pytest.approx(np.mean([0.0, 2.0, 2.0, 2.0]), abs=0.6)
    assert off_grid(np.array([0, 8, 12, 18])) == 0.0


def test_long_pieces_are_read_in_stretches_where_asked() -> None:
    pitches = [60 + n % 12 for n in range(4 * (MAX_BARS + 6))]
    data = midi_file(track(*notes(pitches)))
    reading = read_file(data, "a.mid", most_bars=2 * MAX_BARS)
    assert [len(piece.score.metres) for piece in reading.pieces] == [515, 515]
    assert {piece.source for piece in reading.pieces} == {"a.mid"}
