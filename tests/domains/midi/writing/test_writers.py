"""MIDI and MusicXML files, as other programs read them."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

import mido
import pretty_midi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from music21 import converter

from domains.midi.examples import EXAMPLES
from domains.midi.notation import Event, Score, bar_length, parse_score
from domains.midi.writing.medley import Medley
from domains.midi.writing.writers import TICKS_PER_QUARTER, symbols, to_midi, to_musicxml
from tests.domains.midi.pieces import PIECES

ABOUT = {"bundle": "1a2b", "seed": 7, "fidelity": 0.5, "words": "é\n"}
Notes = list[tuple[Any, Any, int]]


def midi(music: Score | Medley, **settings: Any) -> mido.MidiFile:
    return mido.MidiFile(file=io.BytesIO(to_midi(music, **settings)))


def messages(file: mido.MidiFile, kind: str) -> Iterator[tuple[float, Any]]:
    """Messages of a kind, each with its place in steps of the notation."""
    for track in file.tracks:
        now = 0
        for message in track:
            now += message.time
            if message.type == kind:
                yield now * 24 / file.ticks_per_beat, message


def notes_of_midi(file: mido.MidiFile) -> Notes:
    found, running = [], {}
    for number, track in enumerate(file.tracks):
        now = 0
        for message in track:
            now += message.time
            if message.type == "note_on" and message.velocity:
                assert (number, message.note) not in running
                running[number, message.note] = now
            elif message.type in ("note_on", "note_off"):
                start = running.pop((number, message.note))
                steps = TICKS_PER_QUARTER // 24
                found.append((start / steps, (now - start) / steps, message.note))
    assert not running
    return sorted(found)


def parts_of(xml: bytes) -> Any:
    return converter.parseData(xml, format="musicxml").parts


def notes_of_xml(xml: bytes) -> Notes:
    return sorted(
        (note.offset * 24, note.quarterLength * 24, pitch.midi)
        for part in parts_of(xml)
        for note in part.stripTies().flatten().notes
        for pitch in note.pitches
    )


@pytest.mark.parametrize("name", PIECES)
def test_midi_has_the_notes_for_a_second_library(name: str) -> None:
    score = PIECES[name]
    file = midi(score, tempo=90, program=73)
    assert notes_of_midi(file) == list(score.notes)
    assert len([t for t in file.tracks if t]) >= len(score.voices)
    assert [(at, m.tempo) for at, m in messages(file, "set_tempo")] == [(0, 666_667)]
    metres = [(at, (m.numerator, m.denominator)) for at, m in messages(file, "time_signature")]
    bars = score.bars
    assert metres == [
        (bar.start, bar.metre)
        for before, bar in zip((None, *bars), bars, strict=False)
        if before is None or before.metre != bar.metre
    ]
    assert {m.program for _, m in messages(file, "program_change")} == {73}
    channels = {m.channel for _, m in messages(file, "note_on")}
    assert len(channels) == len([v for v in score.voices if v])
    assert 9 not in channels


@pytest.mark.parametrize(("key", "name"), [(-7, "Cb"), (-3, "Eb"), (0, "C"), (2, "D"), (7, "C#")])
def test_midi_has_the_key_signature(key: int, name: str) -> None:
    score = Score(key, ((4, 4),), ((Event(0, 96, (60,)),),))
    assert [(at, m.key) for at, m in messages(midi(score), "key_signature")] == [(0, name)]


def test_midi_for_a_third_library() -> None:
    score = PIECES["voices"]
    read = pretty_midi.PrettyMIDI(io.BytesIO(to_midi(score, tempo=120)))
    found = sorted(
        (round(n.start * 48), round((n.end - n.start) * 48), n.pitch)
        for instrument in read.instruments
        for n in instrument.notes
    )
    assert found == list(score.notes)
    assert [round(t) for t in read.get_tempo_changes()[1]] == [120]
    assert [(s.numerator, s.denominator) for s in read.time_signature_changes] == [(7, 8), (3, 4)]
    assert [k.key_number for k in read.key_signature_changes] == [3]


def test_midi_says_where_it_is_from() -> None:
    file = midi(PIECES["tune"], title="Tune \ud800 1", about=ABOUT)
    assert next(m.name for _, m in messages(file, "track_name")) == "Tune   1"
    (text,) = [m.text for _, m in messages(file, "text")]
    assert json.loads(text) == ABOUT
    long = midi(PIECES["tune"], about={"words": "x" * 20_000})
    assert len(next(messages(long, "text"))[1].text) > 20_000
    assert notes_of_midi(long) == list(PIECES["tune"].notes)
    assert not list(messages(midi(PIECES["tune"]), "text"))
    assert to_midi(PIECES["tune"], about=ABOUT) == to_midi(PIECES["tune"], about=ABOUT)


def test_refused_settings() -> None:
    for wrong in (0, 9.9, 401, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="not within 10 to 400"):
            to_midi(PIECES["tune"], tempo=wrong)
    with pytest.raises(ValueError, match="program 128"):
        to_midi(PIECES["tune"], program=128)
    with pytest.raises(ValueError, match="without a piece"):
        Medley.of([])


def test_medley_as_midi() -> None:
    first, second = PIECES["tied"], PIECES["voices"]
    file = midi(Medley.of([first, second], ["one", "two"]))
    start = first.length + bar_length((3, 4))
    assert notes_of_midi(file) == sorted(
        [*first.notes, *((at + start, length, pitch) for at, length, pitch in second.notes)]
    )
    assert [(at, m.text) for at, m in messages(file, "marker")] == [(0, "one"), (start, "two")]
    assert [(at, m.key) for at, m in messages(file, "key_signature")] == [(0, "C"), (start, "Eb")]


@pytest.mark.parametrize("name", PIECES)
def test_musicxml_has_the_notes(name: str) -> None:
    score = PIECES[name]
    xml = to_musicxml(score, title=name)
    assert notes_of_xml(xml) == list(score.notes)
    parts = parts_of(xml)
    assert len(parts) == len(score.voices)
    for part in parts:
        measures = list(part.getElementsByClass("Measure"))
        assert [m.offset * 24 for m in measures] == [bar.start for bar in score.bars]
        found = [m.timeSignature for m in measures if m.timeSignature is not None]
        assert found[0].ratioString == "{}/{}".format(*score.metres[0])
        assert [m.keySignature.sharps for m in measures if m.keySignature] == [score.key]
        assert all(
            m.duration.quarterLength * 24 == m.barDuration.quarterLength * 24 for m in measures
        )
        assert measures[-1].rightBarline.type == "final"


def test_musicxml_spells_notes_by_the_key() -> None:
    def spelt(text: str) -> list[str]:
        return [n.name for n in parts_of(to_musicxml(parse_score(text)))[0].flatten().notes]

    assert spelt("3b |4/4 C4:24D4:24E4:24B4:24") == ["E-", "F", "G", "D"]
    assert spelt("3b |4/4 F4:24A#4:24D#4:24F#4:24") == ["A-", "D-", "G-", "A"]
    assert spelt("4# |4/4 C4:24F#4:24G#4:24B4:24") == ["E", "A#", "B#", "D#"]
    assert spelt("5b |4/4 C4:24F4:24C4:24F4:24") == ["D-", "G-", "D-", "G-"]


def test_musicxml_ties_only_what_belongs_together() -> None:
    xml = to_musicxml(PIECES["tied"])
    (part,) = parts_of(xml)
    ties = [n.tie.type if n.tie else None for n in part.flatten().notes]
    assert ties == ["start", "continue", "stop", "start", "stop"]
    assert to_musicxml(PIECES["tied"]) == xml


def test_musicxml_says_where_it_is_from() -> None:
    xml = to_musicxml(PIECES["tune"], title="A & <B> \x00", about=ABOUT)
    root = ET.fromstring(xml)
    (field,) = root.iter("miscellaneous-field")
    assert field.get("name") == "tvae-provenance"
    assert json.loads(field.text or "") == ABOUT
    assert (root.findtext("work/work-title") or "").strip() == "A & <B>"
    assert root.find(".//encoding-date") is None
    assert root.find(".//creator") is None


def test_medley_as_musicxml() -> None:
    first, second = PIECES["tied"], PIECES["voices"]
    xml = to_musicxml(Medley.of([first, second], ["one", "two"]))
    assert notes_of_xml(xml) == sorted(
        [*first.notes, *((at + first.length, length, p) for at, length, p in second.notes)]
    )
    assert [e.text for e in ET.fromstring(xml).iter("words")] == ["one", "two"]


def test_low_voices_have_a_bass_clef() -> None:
    score = parse_score("0 |4/4 C5:96;C3:96|C5:96;C3:96")
    signs = [clef.findtext("sign") for clef in ET.fromstring(to_musicxml(score)).iter("clef")]
    assert signs == ["G", "F"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_tunes_survive_both_files(name: str) -> None:
    score = parse_score(EXAMPLES[name])
    assert notes_of_midi(midi(score)) == list(score.notes)
    assert notes_of_xml(to_musicxml(score)) == list(score.notes)


@given(st.integers(1, 3072), st.integers(0, 96))
@settings(deadline=None)
def test_symbols_add_up(length: int, at: int) -> None:
    parts = symbols(length, at)
    assert sum(parts) == length
    assert len(parts) <= 5 + length // 192
    assert parts == sorted(parts, reverse=at % 24 == 0)


def test_usual_lengths_are_one_or_two_symbols() -> None:
    one = {n for n in range(1, 193) if len(symbols(n)) == 1}
    assert {192, 144, 96, 72, 48, 36, 24, 18, 16, 12, 9, 8, 6, 4, 3, 2, 1} <= one
    assert symbols(60) == [48, 12]
    assert symbols(60, 12) == [12, 48]
    assert symbols(40) == [32, 8]
