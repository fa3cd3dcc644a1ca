"""Parts of files: named, numbered, taken by default, and what is said where one is bad."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from domains.midi.commands import read_item_for
from domains.midi.domain import BUNDLE
from domains.midi.items import read_item
from domains.midi.notation import parse_score
from domains.midi.reading import read_music
from domains.midi.reading.parts import Part, default_part, find_part, is_melody, listing
from domains.midi.tokenizer import build_tokenizer, holds_one_voice
from tests.domains.midi.reading.midi_files import SCALE, key, midi_file, name, notes, off, on, track
from tvae_core.domain import DomainError

UP = "0 |4/4 C4:24D4:24E4:24F4:24|G4:24A4:24B4:24C5:24"
CASES = Path(__file__).parents[3] / "cases" / "music"


def song(*names: str, extra: tuple[bytes, ...] = ()) -> bytes:
    """A scale in each of the parts, each an octave or so lower."""
    tracks = [
        track(key(0), name(n), *notes([p - 3 * place for p in SCALE]))
        for place, n in enumerate(names)
    ]
    return midi_file(*tracks, *extra)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    path = tmp_path / "song.mid"
    path.write_bytes(song(*(f"Part {chr(65 + n)}" for n in range(9)), "MELODY", "Pad", "Pad"))
    return path


def test_a_piece_of_many_parts_says_which_there_are(many: Path) -> None:
    with pytest.raises(DomainError) as caught:
        read_item(str(many))
    said = str(caught.value)
    assert "more than 8 voices at once; 12 parts: 1 Part A (8 notes), 2 Part B (8 notes)" in said
    assert said.endswith(f"name one: {many}@MELODY")


@pytest.mark.parametrize(
    ("part", "first"),
    [("MELODY", "A1"), ("melody", "A1"), ("10", "A1"), ("1", "C4"), ("part b", "A3")],
)
def test_a_part_is_named_or_numbered(many: Path, part: str, first: str) -> None:
    text = read_item(f"{many}@{part}:1-2")
    assert text.startswith(f"0 |4/4 {first}:24")
    assert text.count("|") == 2
    assert ";" not in text


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ("Melodie", "no part is called Melodie; did you mean MELODY? There are 12 parts: 1 Part A"),
        ("13", "no part 13; 12 parts: 1 Part A"),
        ("0", "no part 0"),
        ("Pad", "2 parts are called Pad: give a number, one of 11, 12"),
        ("Part", "9 parts are called Part: give a number, one of 1, 2"),
    ],
)
def test_what_is_said_of_parts_that_are_not_there(many: Path, part: str, reason: str) -> None:
    with pytest.raises(DomainError) as caught:
        read_item(f"{many}@{part}")
    assert reason in str(caught.value)


def test_a_bundle_of_one_voice_gets_the_melody_and_it_is_told(
    many: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert read_item_for(str(many), str(BUNDLE)).startswith("0 |4/4 A1:24")
    said = capsys.readouterr().err
    assert "song.mid: 12 parts: 1 Part A (8 notes)" in said
    assert "MELODY is taken (name another: song.mid@Part A)" in said
    read_item_for(f"{many}@2", str(BUNDLE))
    assert capsys.readouterr().err == ""


def test_voices_of_one_part_are_told_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "two.abc"
    path.write_text("X:1\nM:4/4\nL:1/4\nK:C\nV:1\nCDEF|GABc|\nV:2\nC,4|z4|\n")
    assert (
        read_item(str(path), one_voice=True) == "0 |4/4 C4:24D4:24E4:24F4:24|G4:24A4:24B4:24C5:24"
    )
    assert "2 parts: 1" in capsys.readouterr().err
    assert read_item(f"{path}@2") == "0 |4/4 C3:96|r:96"


def test_a_bundle_says_by_its_tokenizer_how_many_voices_it_knows(tmp_path: Path) -> None:
    assert holds_one_voice(BUNDLE)
    assert not holds_one_voice(tmp_path)
    texts = [f"0 |4/4 C4:96;C3:96|D4:{n};C3:{n}r:{96 - n}" for n in (24, 48)] * 20
    (tmp_path / "tokenizer.json").write_text(build_tokenizer(texts, 800).backend_tokenizer.to_str())
    assert not holds_one_voice(tmp_path)


def test_a_bad_part_keeps_the_others(tmp_path: Path) -> None:
    low = track(name("Low"), *notes([5] * 8))
    data = song("Flute", extra=(low,))
    (piece,) = read_music(data, "a.mid")
    assert piece.refused == "part 2 Low: F-1 is out of the piano's range"
    assert [part.score is None for part in piece.parts] == [False, True]
    path = tmp_path / "a.mid"
    path.write_bytes(data)
    assert read_item(f"{path}@Flute").startswith("0 |4/4 C4:24")
    with pytest.raises(DomainError, match=r"part 2 Low: F-1 is out of .* 2 parts: .*@Flute"):
        read_item(str(path))
    with pytest.raises(DomainError, match="part 2 Low: F-1 is out of the piano's range"):
        read_item(f"{path}@Low")


def test_parts_of_musicxml_have_names(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(CASES / "x01_clarinet_bflat.musicxml")
    both = read_item(path)
    scale = read_item(f"{path}@clarinet in bb")
    assert scale == UP
    assert parse_score(both).voices[0] == parse_score(both).voices[1]
    assert "read as it sounds, not as it is written: Clarinet in Bb" in capsys.readouterr().err


def test_an_excerpt_begins_where_the_part_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "late.mid"
    late = [(96 * 20, notes([60])[0][1]), *notes([60, *SCALE])[1:]]
    path.write_bytes(midi_file(track(key(0), name("Piano"), *notes(SCALE * 4)),
                               track(name("Vocal"), *late)))  # fmt: skip
    assert read_item(f"{path}@vocal").startswith("0 |4/4 C4:24")
    assert "late.mid: silent until bar 6, where the excerpt begins" in capsys.readouterr().err
    with pytest.raises(DomainError, match=r"bars 1 to 2 are silent; .* \(it begins in bar 6\)"):
        read_item(f"{path}@vocal:1-2")


def test_grids_are_asked_for_after_the_name(tmp_path: Path) -> None:
    path = tmp_path / "late.mid"
    short = [e for p in SCALE for e in (on(p, delta=3), off(p, delta=93))]
    path.write_bytes(midi_file(track(key(0), on(SCALE[0]), *short[1:])))
    assert read_item(f"{path}~16") == UP
    with pytest.raises(DomainError, match="no grid ~7; there are ~4, ~8, ~16, ~32"):
        read_item(f"{path}~7")


def part(label: str, text: str) -> Part:
    score = parse_score(text)
    return Part(label, len(score.notes), score)


def test_the_melody_is_found_by_name_or_by_being_a_single_line() -> None:
    piano = part("Piano", "0 |4/4 C5+E5+G5:48D5+F5:48|C5:96|E5:96")
    bass = part("Bass", "0 |4/4 C2:96|r:96|r:96")
    line = part("Flute", "0 |4/4 C4:24D4:24E4:24F4:24|G4:96|C4:96")
    voice = part("Vocals", "0 |4/4 r:96|r:96|C4:48D4:48")
    assert default_part([piano, bass, line]) == 2
    assert default_part([piano, bass, line, voice]) == 3
    assert default_part([replace(piano, score=None), bass]) == 1
    assert [is_melody(n) for n in ("MELODY", "Lead guitar", "Soprano", "Backing vocals", "Bass")] \
        == [True, True, True, False, False]  # fmt: skip


def test_long_lists_are_cut() -> None:
    parts = [part(f"P{n}", "0 |4/4 C4:96|C4:96") for n in range(40)]
    assert listing(parts).endswith("24 P23 (2 notes), and 16 more")
    assert find_part(parts, "P7") == 7
    assert find_part([replace(parts[0], name="2"), parts[1], parts[2]], "2") == 0
    with pytest.raises(DomainError, match="not told apart"):
        find_part([], "P7")
