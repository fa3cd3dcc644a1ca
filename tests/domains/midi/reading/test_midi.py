"""MIDI files as people have them: what is read, what is left out, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.midi.notation import format_score
from domains.midi.reading import Piece, read_file, read_music
from domains.midi.reading.midi.events import parse_midi
from tests.domains.midi.reading.midi_files import (
    QUARTER,
    SCALE,
    key,
    metre,
    midi_file,
    name,
    notes,
    off,
    on,
    track,
)
from tests.examples import examples
from tvae_core.domain import DomainError

CASES = Path(__file__).parents[3] / "cases" / "music"
UP = "0 |4/4 C4:24D4:24E4:24F4:24|G4:24A4:24B4:24C5:24"


def read(data: bytes, file: str = "a.mid", grid: int = 0) -> Piece:
    (piece,) = read_music(data, file, grid=grid)
    return piece


def case(file: str) -> Piece:
    return read((CASES / file).read_bytes(), file)


def refused(data: bytes) -> str:
    with pytest.raises(DomainError) as caught:
        read_music(data, "a.mid")
    return str(caught.value)


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("a10b_hanging_middle.mid", ("1 note without an end, sounding until the next",)),
        ("a13_drums_and_melody.mid", ("drums left out: 1 track, 8 notes",)),
        ("a28_rmid.rmi", ()),
        ("a29_karaoke.kar", ()),
    ],
)
def test_files_as_people_have_them(file: str, told: tuple[str, ...]) -> None:
    piece = case(file)
    assert format_score(piece.score) == UP
    assert len(piece.told) == len(told)
    assert all(phrase.startswith(start) for phrase, start in zip(piece.told, told, strict=True))


def test_a_note_of_no_length_beside_others_is_left_out() -> None:
    piece = case("a01_zero_length.mid")
    assert format_score(piece.score).startswith("0 |4/4 C4:24D4:24E4:24F4:24|")
    assert piece.told == ("1 note of no length left out",)


@pytest.mark.parametrize("length", [0, 1])
def test_a_tune_of_notes_of_no_length_is_heard_from_one_to_the_next(length: int) -> None:
    events = [e for p in SCALE for e in (on(p, delta=QUARTER - length), off(p, delta=length))]
    events[0] = on(SCALE[0])
    piece = read(midi_file(track(key(0), *events, end=QUARTER), ticks=QUARTER))
    assert format_score(piece.score) == UP
    assert piece.told == ("8 notes of no length, sounding until the next one",)


def test_notes_without_an_end() -> None:
    hanging = [on(60), on(62, delta=QUARTER), on(64, delta=QUARTER), on(65, delta=QUARTER)]
    more = [*notes((67, 69, 71)), on(72)]
    piece = read(midi_file(track(key(0), *hanging, (QUARTER, on(67)[1]), *more[1:], end=QUARTER)))
    assert format_score(piece.score) == UP
    assert piece.told == ("5 notes without an end, sounding until the next one of the part",)
    again = [on(60), on(60, delta=QUARTER), off(60), *notes(SCALE[2:])]
    piece = read(midi_file(track(key(0), *again)))
    assert format_score(piece.score).startswith("0 |4/4 C4:24C4:24E4:24F4:24|")


def test_all_notes_off_ends_notes() -> None:
    events = [on(60), on(64), (QUARTER, b"\xb0\x7b\x00"), *notes(SCALE[1:])]
    piece = read(midi_file(track(key(0), *events)))
    assert piece.told == ()
    assert format_score(piece.score).startswith("0 |4/4 C4+E4:24D4:24E4:24F4:24|")


def test_a_part_is_one_though_its_instrument_changes() -> None:
    events = [name("Lead"), key(0), *notes(SCALE[:3]), (0, b"\xc0\x05"), *notes(SCALE[3:])]
    piece = read(midi_file(track(*events)))
    assert format_score(piece.score) == UP
    assert [part.name for part in piece.parts] == ["Lead"]


def test_more_tracks_than_the_header_says_and_other_chunks() -> None:
    one, two = track(key(0), *notes(SCALE)), track(*notes(range(48, 56)))
    data = midi_file(one, b"XFIH\0\0\0\x04abcd", two, count=1)
    assert len(read(data).score.voices) == 2


def test_sequences_of_type_two_are_pieces() -> None:
    data = midi_file(track(metre(4, 2), key(0), *notes(SCALE)), track(metre(3, 2), key(1),
                     *notes(range(60, 66))), kind=2)  # fmt: skip
    reading = read_file(data, "a.mid")
    assert [piece.source for piece in reading.pieces] == ["a.mid#1", "a.mid#2"]
    assert format_score(reading.pieces[0].score) == UP.replace("|4/4", "|4/4")
    assert reading.pieces[1].score.metres == ((3, 4), (3, 4))
    assert "type 2" in reading.pieces[1].told[0]
    with pytest.raises(DomainError, match="sequence 1 of 2 of a MIDI file of type 2: only one bar"):
        case("a22_type2.mid")


def test_film_frames_are_refused_in_words() -> None:
    with pytest.raises(DomainError, match="counts time in film frames"):
        case("a17_smpte.mid")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (midi_file(track(metre(4, 33), *notes(SCALE))), "a metre of 4/2^33 cannot be written"),
        (midi_file(track(metre(4, 6), *notes(SCALE))), "a metre of 4/64 cannot be written"),
        (midi_file(track(metre(0, 2), *notes(SCALE))), "a metre of 0/4 cannot be written"),
        (midi_file(track(*notes(SCALE)), ticks=0), "0 ticks a quarter"),
        (midi_file(track(*notes(SCALE)), kind=3), "type 3"),
        (midi_file(track(*notes(SCALE)))[:-6], "a track is cut short"),
        (midi_file(track(*notes(SCALE[:4]))), "only one bar"),
        (midi_file(track(*notes(SCALE, channel=9))), "only drums"),
        (b"RIFF\x04\0\0\0WAVE", "a RIFF file of another kind"),
        (b"RIFF\x04\0\0\0RMIDINFO", "without a chunk of data"),
        (b"MThd\0\0", "its header is cut short"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(data: bytes, reason: str) -> None:
    assert reason in refused(data)


def test_metres_after_the_last_note_do_no_harm() -> None:
    piece = read(midi_file(track(key(0), *notes(SCALE), metre(4, 33, delta=1))))
    assert format_score(piece.score) == UP


def test_impossible_and_further_key_signatures_are_told() -> None:
    piece = read(midi_file(track(key(12), key(0), *notes(SCALE), key(2))))
    assert format_score(piece.score) == UP
    assert piece.told == (
        "1 key signature of impossible size left out",
        "1 change of key signature not kept: written in the first",
    )


def test_notes_struck_twice_are_told() -> None:
    twice = [on(60), on(60), off(60), off(60, delta=0), *notes(SCALE[1:])]
    piece = read(midi_file(track(key(0), *twice)))
    assert format_score(piece.score) == UP
    assert piece.told == ("1 note struck twice at once, read as one",)


@examples(60)
@given(st.binary(max_size=200))
def test_any_bytes_of_a_track_are_read_or_refused(body: bytes) -> None:
    data = midi_file(b"MTrk" + len(body).to_bytes(4, "big") + body)
    try:
        reading = read_file(data, "a.mid")
    except DomainError:
        return
    assert all(format_score(piece.score) for piece in reading.pieces)


def test_a_quantity_of_endless_bytes_is_refused() -> None:
    body = b"\x80" * 100_000
    with pytest.raises(DomainError, match="more than four bytes"):
        parse_midi(midi_file(b"MTrk" + len(body).to_bytes(4, "big") + body))
