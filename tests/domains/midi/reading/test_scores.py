"""MusicXML in all its wrappings, at sounding pitch; keys as music21 hears them."""

from __future__ import annotations

import io
import random
import zipfile
from fractions import Fraction

import music21
import pytest

from domains.midi.notation import format_score, parse_score
from domains.midi.reading import Piece, read_music
from domains.midi.reading.keys import estimated_key, key_of_stream
from domains.midi.writing.writers import to_musicxml
from tvae_core.domain import DomainError

FLAT = "<transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose>"
TENOR = "<transpose><chromatic>-2</chromatic><octave-change>-1</octave-change></transpose>"
GUITAR = "<transpose><chromatic>0</chromatic><octave-change>-1</octave-change></transpose>"
SHIFT = (
    '<direction><direction-type><octave-shift type="down" size="8"/></direction-type></direction>'
)
TENOR_CLEF = "<clef><sign>G</sign><line>2</line><clef-octave-change>-1</clef-octave-change></clef>"
TEXT = "2# |3/4 C5:24D5:24E5:24;C4:72|C5:72~;C4:72|C5:72;G3:72"


def note(step: str, octave: int, alter: int = 0) -> str:
    return (
        f"<note><pitch><step>{step}</step><alter>{alter}</alter><octave>{octave}</octave></pitch>"
        "<duration>4</duration></note>"
    )


def part(number: int, attributes: str = "", before: str = "", second: str = "") -> str:
    head = f"<divisions>1</divisions><key><fifths>2</fifths></key><time><beats>4</beats>{TAIL}"
    return (
        f'<part id="P{number}"><measure number="1"><attributes>{head}{attributes}</attributes>'
        f'{before}{note("D", 5)}</measure><measure number="2">{second}{note("E", 5)}</measure>'
        "</part>"
    )


TAIL = "<beat-type>4</beat-type></time>"


def score(*parts: str, names: tuple[str, ...] = ("Clarinet",)) -> bytes:
    listed = "".join(
        f'<score-part id="P{n}"><part-name>{name}</part-name></score-part>'
        for n, name in enumerate(names)
    )
    return (
        f'<?xml version="1.0"?><score-partwise version="3.1"><part-list>{listed}</part-list>'
        f"{''.join(parts)}</score-partwise>"
    ).encode()


def read(data: bytes, file: str = "a.musicxml") -> Piece:
    (piece,) = read_music(data, file)
    return piece


def archive(*entries: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, content in entries:
            file.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("attributes", "before", "second", "bars"),
    [
        (FLAT, "", "", "0 |4/4 C5:96|D5:96"),
        (TENOR, "", "", "0 |4/4 C4:96|D4:96"),
        (GUITAR, "", "", "2# |4/4 C4:96|D4:96"),
        (FLAT, SHIFT, "", "0 |4/4 C5:96|D5:96"),
        (TENOR_CLEF, "", "", "2# |4/4 C5:96|D5:96"),
        (FLAT, "", f"<attributes>{GUITAR}</attributes>", "0 |4/4 C5:96|E4:96"),
    ],
)
def test_transposing_instruments_sound(
    attributes: str, before: str, second: str, bars: str
) -> None:
    piece = read(score(part(0, attributes, before, second)))
    assert format_score(piece.score) == bars
    moved = "transpose" in attributes
    assert piece.told == (("read as it sounds, not as it is written: Clarinet",) if moved else ())


def test_the_key_is_of_a_part_that_does_not_transpose() -> None:
    data = score(part(0, FLAT), part(1), names=("Clarinet", "Flute"))
    piece = read(data)
    assert piece.score.key == 2
    assert [one.name for one in piece.parts] == ["Clarinet", "Flute"]
    assert [one.notes for one in piece.parts] == [2, 2]


def test_a_transposition_that_is_none_is_refused() -> None:
    with pytest.raises(DomainError, match="a transposition that is no number"):
        read(score(part(0, "<transpose><chromatic>x</chromatic></transpose>")))


def test_percussion_is_told() -> None:
    drum = "<note><unpitched/><duration>4</duration></note>"
    piece = read(score(part(0, before=""), part(1, second=drum * 0).replace(
        note("D", 5), drum).replace(note("E", 5), drum), names=("Flute", "Drums")))  # fmt: skip
    assert piece.told == ("2 notes without a pitch (percussion) left out",)
    assert len(piece.score.voices) == 1


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "latin-1"])
@pytest.mark.parametrize("file", ["a.xml", "a.mxl"])
def test_encodings(encoding: str, file: str) -> None:
    said = "ISO-8859-1" if encoding == "latin-1" else "UTF-16" if "16" in encoding else "UTF-8"
    text = score(part(0), names=("Flöte",)).decode()
    text = text.replace('version="1.0"?', f'version="1.0" encoding="{said}"?', 1)
    assert [one.name for one in read(text.encode(encoding), file).parts] == ["Flöte"]


def test_compressed_files_of_every_kind() -> None:
    data = to_musicxml(parse_score(TEXT))
    mac = ("__MACOSX/._s.xml", b"\0\5\x16\7")
    points = b'<container><rootfiles><rootfile full-path="%s"/></rootfiles></container>'
    meta = "META-INF/container.xml"
    for entries in (
        [mac, ("s.xml", data)],
        [(meta, points % b"missing.xml"), ("s.musicxml", data)],
        [(meta, points % b"a%20b.xml"), ("other.xml", b"<x/>"), ("a b.xml", data)],
        [(meta, points % b"S.XML"), ("other.xml", b"<x/>"), ("s.xml", data)],
        [(meta, points % b"score"), ("score", data)],
        [("._s.xml", b"\0\5\x16\7"), ("cover.xml", b"<cover/>"), ("in/s.xml", data)],
    ):
        assert format_score(read(archive(*entries), "a.mxl").score) == TEXT
        assert format_score(read(archive(*entries), "a.musicxml").score) == TEXT
    assert format_score(read(data, "a.mxl").score) == TEXT
    with pytest.raises(DomainError, match="an archive without a MusicXML score"):
        read(archive(mac, ("cover.xml", b"<cover/>")), "a.mxl")


def heard_by_music21(notes: list[tuple[int, int, int]]) -> int:
    stream = music21.stream.Stream()
    for _, duration, pitch in sorted(notes)[:2000]:
        one = music21.note.Note(pitch)
        one.quarterLength = duration / 24
        stream.append(one)
    key = int(stream.analyze("key").sharps)
    assert key_of_stream(stream) == key
    return key


def test_keys_are_those_of_music21_in_ties_too() -> None:
    draw = random.Random(0)
    every = [
        [(24 * n, 24, 60 + n) for n in range(12)],
        [(8 * n, 8, 60 + 3 * n) for n in range(8)],
        [(8 * n, 8, 60 + 4 * n) for n in range(6)],
    ]
    for _ in range(40):
        lengths = draw.choice(([1, 2, 5, 7, 8, 16], [3, 6, 12, 24], [8, 16, 24, 36]))
        step = draw.choice((1, 2, 3, 4))
        count = draw.randrange(1, 30)
        every.append(
            [(n, draw.choice(lengths), 40 + step * draw.randrange(12)) for n in range(count)]
        )
    assert [estimated_key(notes) for notes in every] == [heard_by_music21(n) for n in every]


def test_keys_of_scores_without_a_signature() -> None:
    stream = music21.corpus.parse("bach/bwv66.6")
    assert key_of_stream(stream) == stream.analyze("key").sharps
    assert isinstance(stream.flatten().notes[0].quarterLength, (float, Fraction))
