"""Files of every kind as scores, and what is said of those that are none."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import music21
import pytest
import symusic
from hypothesis import assume, given
from hypothesis import strategies as st

from domains.midi.notation import Event, Score, format_score, parse_score
from domains.midi.reading import MAX_BYTES, read_file, read_music
from domains.midi.reading.bars import RawBar, RawNote, from_notes, stretches
from domains.midi.reading.midi.piece import bars_until
from domains.midi.writing.writers import to_midi, to_musicxml
from tests.examples import examples
from tvae_core.domain import DomainError

CORPUS = Path(music21.__file__).parent / "corpus"
HEAD = "X:1\nT:A tune\nM:4/4\nL:1/4\nK:D\n"


def read(data: bytes | str, name: str) -> list[str]:
    data = data.encode() if isinstance(data, str) else data
    return [format_score(piece.score) for piece in read_music(data, name)]


def midi(
    *notes: tuple[int, int, int], drum: bool = False, tpq: int = 480
) -> symusic.core.ScoreTick:
    file = symusic.Score(tpq)
    track = symusic.Track("Flute", 73, drum)
    for start, duration, pitch in notes:
        track.notes.append(symusic.Note(start, duration, pitch, 80))
    file.tracks.append(track)
    return file


def refused(data: bytes | str, name: str) -> str:
    with pytest.raises(DomainError) as caught:
        read(data, name)
    assert str(caught.value).startswith(name)
    return str(caught.value)


@pytest.mark.parametrize(
    ("music", "bars"),
    [
        ("A|d e f g|d4|]", "4/4 r:72G4:24|C5:24D5:24E5:24F5:24|C5:96"),
        ("|:A|d4|d e f:|g|d4|]", "4/4 r:72G4:24|C5:96|C5:24D5:24E5:24F5:24|C5:96"),
        ("|:d e f g|1 a4:|2 b4|d4|]", "4/4 C5:24D5:24E5:24F5:24|A5:96|C5:96"),
        ("d4-|d2 e f|]", "4/4 C5:96~|C5:48D5:24E5:24"),
        ("d4-|e4|]", "4/4 C5:96|D5:96"),
        ("(3def {ab}d [df]|d>e z x|]", "4/4 C5:16D5:16E5:16C5:24C5+E5:24|C5:36D5:12r:48"),
        ("d4|[M:3/4]d3|\"Am\"e3|]", "4/4 C5:96|3/4 C5:72|D5:72"),
        ("_e e =e e|e4|]", "4/4 C#5:24C#5:24D5:24D5:24|D5:96"),
        ("d e f g a b c d e", "4/4 C5:24D5:24E5:24F5:24|G5:24A5:24B4:24C5:24|D5:24r:72"),
    ],
)  # fmt: skip
def test_abc(music: str, bars: str) -> None:
    assert read(HEAD + music, "a.abc") == [f"2# |{bars}"]


def test_a_bar_that_does_not_add_up_cuts_the_piece() -> None:
    pieces = read_music((HEAD + "d4|e4|f5|g4|a4|d2|d4|d4|]").encode(), "a.abc")
    assert [piece.title for piece in pieces] == [f"A tune ({n})" for n in (1, 2, 3)]
    assert {piece.source for piece in pieces} == {"a.abc"}
    assert format_score(pieces[1].score) == "2# |4/4 F5:96|G5:96"


def test_voices_of_abc_and_metres_that_are_odd() -> None:
    text = HEAD.replace("M:4/4\nL:1/4", "M:7/8\nL:1/8") + "V:1\ndefgabc|d7|\nV:2\nD7|D7|\n"
    (found,) = read(text, "a.abc")
    assert found == "2# |7/8 C5:12D5:12E5:12F5:12G5:12A5:12B4:12;C4:84|C5:84;C4:84"


def test_tunes_of_the_corpus_come_back_from_their_text() -> None:
    reading = read_file((CORPUS / "oneills1850/0721-0730.abc").read_bytes(), "oneill.abc")
    assert len({piece.source for piece in reading.pieces}) == 10
    assert not reading.rejected
    for piece in reading.pieces:
        assert parse_score(format_score(piece.score)) == piece.score
    chorale = (CORPUS / "bach/bwv269.mxl").read_bytes()
    (piece,) = read_music(chorale, "bwv269.mxl")
    assert len(piece.score.voices) == 4
    assert format_score(piece.score).startswith("1# |3/4 r:48C5:24;r:48G4:24;r:48E4:24;r:48C3:24|")


def test_free_metre_is_rejected_with_the_reason() -> None:
    text = HEAD + "d4|d4|\n\n" + HEAD.replace("X:1", "X:2").replace("4/4", "none") + "d4|d4|\n"
    reading = read_file(text.encode(), "two.abc")
    assert [piece.source for piece in reading.pieces] == ["two.abc#1"]
    assert reading.rejected == [("two.abc#2", "free metre")]


scores = st.builds(
    lambda key, metre, notes: from_notes(
        [[(start, duration, pitch) for start, duration, pitch in part] for part in notes],
        [metre] * 4,
        key,
    ),
    st.integers(-7, 7),
    st.sampled_from([(4, 4), (3, 4), (6, 8), (7, 8), (5, 4), (2, 2)]),
    st.lists(
        st.lists(
            st.tuples(st.integers(0, 250), st.integers(1, 100), st.integers(40, 90)),
            min_size=1,
            max_size=4,
            unique_by=lambda note: note[2],
        ),
        min_size=1,
        max_size=2,
    ),
)


def trimmed(score: Score) -> Score:
    """Without the bars after the last note, which a MIDI file does not tell."""
    end = max(start + duration for start, duration, _ in score.notes)
    return score.excerpt(0, sum(bar.start < end for bar in score.bars))


@examples(60)
@given(scores)
def test_midi_on_the_grid_comes_back_exactly(score: Score) -> None:
    assume(len(trimmed(score).metres) > 1)
    (piece,) = read_music(to_midi(score), "a.mid")
    assert piece.score.notes == score.notes
    assert (piece.score.key, piece.score.metres) == (score.key, trimmed(score).metres)


def test_musicxml_comes_back() -> None:
    text = "2# |3/4 C5:24D5:24E5:24;C4:72|C5:72~;C4:72|C5:72;G3:72"
    assert read(to_musicxml(parse_score(text)), "a.musicxml") == [text]


def test_humdrum() -> None:
    text = "**kern\n*k[f#]\n*M4/4\n=1\n4g\n4a\n4b\n4cc\n=2\n1g\n==\n*-\n"
    assert read(text, "a.krn") == ["1# |4/4 C5:24D5:24E5:24F5:24|C5:96"]


def test_played_midi_is_put_on_the_grid() -> None:
    played = ((3, 470, 60), (481, 485, 62), (955, 478, 64), (1443, 470, 65), (1921, 1919, 67))
    file = midi(*played, tpq=480)
    file.key_signatures.append(symusic.KeySignature(0, 0, 0))
    assert read(file.dumps_midi(), "a.mid") == ["0 |4/4 C4:24D4:24E4:24F4:24|G4:96"]


def test_midi_without_key_or_metre_and_with_drums() -> None:
    scale = [(i * 480, 480, pitch) for i, pitch in enumerate((67, 69, 71, 72, 74, 76, 78, 79))]
    file = midi(*scale)
    file.tracks.append(midi((0, 100, 36), drum=True).tracks[0])
    assert read(file.dumps_midi(), "a.mid") == ["1# |4/4 C5:24D5:24E5:24F5:24|G5:24A5:24B5:24C6:24"]
    only = midi((0, 100, 36), drum=True).dumps_midi()
    assert refused(only, "d.mid") == "d.mid: only drums, which are not read"


def test_a_change_of_metre_within_a_bar() -> None:
    assert bars_until(200, [(0, (4, 4)), (120, (3, 4))]) == [(4, 4), (1, 4), (3, 4), (3, 4)]
    assert bars_until(96, [(7, (3, 4))]) == [(4, 4)]
    assert bars_until(97, [(1, (3, 4))]) == [(4, 4), (3, 4)]


def zipped(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return packed.getvalue()


ENTITIES = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>'
    "<score-partwise>&b;</score-partwise>"
)


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (b"", "a.mid", "the file is empty"),
        (b"just text", "a.mid", "no MIDI file"),
        (b"just text", "a.abc", "no tune in it"),
        (b"just text", "a.musicxml", "no XML"),
        (b"just text", "a.mxl", "no readable compressed MusicXML"),
        (b"just text", "a.krn", "no Humdrum file"),
        (b"\0\1\2\3", "a.abc", "no text"),
        (b"x", "a.pdf", "no music file"),
        (b"x" * (MAX_BYTES + 1), "a.xml", "larger than 5 MB"),
        (HEAD + "d99999999999|d4|", "a.abc", "a note of impossible length"),
        (HEAD + "z4|z4|", "a.abc", "no notes"),
        (HEAD + "d5|d5|", "a.abc", "no two bars in a row add up"),
        (HEAD + "d" * 30_000, "a.abc", "a tune of more than 20,000 characters"),
        (ENTITIES, "a.xml", "XML that declares entities"),
        (ENTITIES.encode("utf-16"), "a.xml", "XML that declares entities"),
        (zipped("s.xml", ENTITIES.encode()), "a.mxl", "XML that declares entities"),
        (zipped("s.xml", b" " * 21_000_000), "a.mxl", "larger than 20 MB when unpacked"),
        (zipped("s.txt", b"none"), "a.mxl", "an archive without a MusicXML score"),
        (b"<score-partwise>" + b"<note>" * 20_000, "a.xml", "20,000 notes"),
        (b"<html></html>", "a.xml", "no MusicXML"),
        (midi().dumps_midi(), "a.mid", "no notes"),
        (midi((0, 480, 5)).dumps_midi(), "a.mid", "F-1 is out of the piano's range"),
        (midi((0, 480, 60), (10_000_000, 480, 60)).dumps_midi(), "a.mid", "more than 1,024 bars"),
        (midi((0, 480, 60)).dumps_midi()[:-9], "a.mid", "a damaged or truncated MIDI file"),
        (midi(*[(0, 480 + 20 * i, 50 + i) for i in range(9)]).dumps_midi(), "a.mid", "more than 8"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 60 else "",
)  # fmt: skip
def test_what_is_said_of_bad_files(data: bytes | str, name: str, reason: str) -> None:
    assert reason in refused(data, name)


@examples(100)
@given(st.data())
def test_damaged_midi_is_read_or_refused(data: st.DataObject) -> None:
    raw = bytearray(midi(*[(i * 240, 240, 60 + i) for i in range(12)]).dumps_midi())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    try:
        pieces = read_music(bytes(raw) + b" ", "a.mid")
    except DomainError:
        return
    for piece in pieces:
        assert parse_score(format_score(piece.score)) == piece.score


def test_stretches_join_and_fill() -> None:
    def bar(length: int, **more: bool) -> RawBar:
        return RawBar((2, 4), length, [[RawNote(0, length, 60)]], **more)

    found, lost = stretches([bar(12, opens=True), bar(48), bar(36, closes=True), bar(12)], 0)
    assert lost == 0
    (score,) = found
    assert score.metres == ((2, 4),) * 3
    assert score.voices[0] == (
        Event(36, 12, (60,)),
        Event(48, 48, (60,)),
        Event(96, 36, (60,)),
        Event(132, 12, (60,)),
    )
    assert stretches([bar(48), bar(48), bar(30), bar(48), bar(48)], 0)[1] == 1
