"""Files and folders that the verbs write music to."""

from __future__ import annotations

import csv
import io
import json
import os
import wave
from pathlib import Path
from typing import Any

import mido
import pytest
from music21 import converter

from domains.midi.commands import COMMANDS
from domains.midi.notation import format_score, parse_score
from domains.midi.writing import output
from domains.midi.writing.output import heard, write_items
from domains.midi.writing.sound import seconds
from tests.domains.midi.pieces import PIECES
from tvae_core.domain import DomainError
from tvae_core.rows import check_output, write_rows
from tvae_core.support.errors import OutputError

ORIGIN = {"bundle": "1a2b", "seed": 7, "command": "sample", "fidelity": 0.5}
TUNE, TIED = format_score(PIECES["tune"]), format_score(PIECES["tied"])
ROWS: list[dict[str, Any]] = [
    {"text": TUNE, "notes": 12.0, "sample": 0},
    {"text": "0 |4/4 C4:95", "reason": "bar 1: 95 of 96 steps filled"},
    {"text": TIED, "notes": 2.0, "sample": 2},
    {"text": "0 |4/4 r:96"},
]


def texts_of(file: mido.MidiFile) -> list[str]:
    return [m.text for track in file.tracks for m in track if m.type == "text"]


def test_folder(tmp_path: Path) -> None:
    for _ in range(2):
        write_rows(f"{tmp_path}/out/", ROWS, ORIGIN, COMMANDS)
        names = sorted(path.name for path in (tmp_path / "out").iterdir())
        assert names == ["001.mid", "003.mid", "verdicts.csv"]
    file = mido.MidiFile(tmp_path / "out" / "003.mid")
    assert json.loads(texts_of(file)[0]) == {**ORIGIN, "item": 3}
    assert sum(m.type == "note_on" for track in file.tracks for m in track) == 2
    with (tmp_path / "out" / "verdicts.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert [row["text"] for row in rows] == [row["text"] for row in ROWS]
    assert [row["file"] for row in rows] == ["001.mid", "", "003.mid", ""]
    assert [row["valid"] for row in rows] == ["True", "False", "True", "False"]
    assert rows[1]["reason"] == "bar 1: 95 of 96 steps filled"
    assert "silent" in rows[3]["reason"]
    assert {(row["bundle"], row["seed"]) for row in rows} == {("1a2b", "7")}
    assert json.loads(rows[0]["provenance"]) == ORIGIN


def test_a_thousand_files_are_in_order(tmp_path: Path) -> None:
    write_items(tmp_path / "out", [{"text": "0 |1/4 C4:24"}] * 1000, ORIGIN)
    names = sorted(path.name for path in (tmp_path / "out").glob("*.mid"))
    assert (names[0], names[-1], len(names)) == ("0001.mid", "1000.mid", 1000)


def test_folders_of_others_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    check_output(mine, COMMANDS)
    (mine / "thesis").write_text("years of work")
    with pytest.raises(OutputError, match="other files are in it"):
        check_output(mine, COMMANDS)
    with pytest.raises(OutputError, match="other files are in it"):
        write_rows(mine, ROWS, ORIGIN, COMMANDS)
    assert (mine / "thesis").read_text() == "years of work"
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="it is a file"):
        check_output(tmp_path / "file", COMMANDS)
    work = tmp_path / "empty"
    work.mkdir()
    monkeypatch.chdir(work)
    for place in (".", "..", os.fspath(work)):
        with pytest.raises(OutputError, match="the command runs in it"):
            check_output(place, COMMANDS)


def test_pieces_one_after_another(tmp_path: Path) -> None:
    for ending in (".mid", ".musicxml", ".wav"):
        write_rows(tmp_path / f"x{ending}", ROWS, ORIGIN, COMMANDS)
    file = mido.MidiFile(tmp_path / "x.mid")
    assert sum(m.type == "note_on" for track in file.tracks for m in track) == 14
    assert [m.text for track in file.tracks for m in track if m.type == "marker"] == ["1", "3"]
    assert json.loads(texts_of(file)[0]) == {**ORIGIN, "pieces": "2 of 4"}
    (part,) = converter.parse(tmp_path / "x.musicxml").parts
    assert len(part.getElementsByClass("Measure")) == 8
    with wave.open(str(tmp_path / "x.wav")) as sound:
        length = sound.getnframes() / sound.getframerate()
    assert length == pytest.approx(seconds(PIECES["tune"]) + 2.4 + 4 * 3 * 0.6, abs=0.01)
    assert b'"seed": 7' in (tmp_path / "x.wav").read_bytes()[-600:]


def test_what_a_file_holds_is_told(tmp_path: Path) -> None:
    told = {
        "x.mid": "left out 2 that are none",
        "x.wav": "left out 2 that are none",
        "x.musicxml": "left out 2 that are none",
        "x.png": "crossed out 2 that are none",
        "out": "and 2 that are none in its table",
    }
    for name, rest in told.items():
        path = tmp_path / name
        written = write_rows(path, ROWS, ORIGIN, COMMANDS)
        assert written.line("tune", path) == f"wrote 2 tunes to {path}, {rest}"
        one = write_rows(path, ROWS[:2], ORIGIN, COMMANDS)
        rest = rest.replace("2 that are", "1 that is")
        assert one.line("tune", path) == f"wrote 1 tune to {path}, {rest}"
        assert write_rows(path, ROWS[:1], ORIGIN, COMMANDS).rest == ""


def test_sheet(tmp_path: Path) -> None:
    write_rows(tmp_path / "x.png", ROWS, ORIGIN, COMMANDS)
    data = (tmp_path / "x.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert b'"bundle": "1a2b"' in data


def test_nothing_to_write(tmp_path: Path) -> None:
    for ending in (".mid", ".musicxml", ".wav"):
        with pytest.raises(ValueError, match=f"nothing to write as {ending}"):
            write_items(tmp_path / f"x{ending}", ROWS[1:2], ORIGIN)
    with pytest.raises(ValueError, match="not 0"):
        write_items(tmp_path / "x.png", [], ORIGIN)
    write_items(tmp_path / "out", [], ORIGIN)
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "verdicts.csv"]


def test_more_sound_than_a_file_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(output, "MAX_SECONDS", 30)
    assert write_items(tmp_path / "x.wav", ROWS[:1] * 5, ORIGIN).held == 2
    assert "first 2 of 5 pieces" in capsys.readouterr().err
    data = (tmp_path / "x.wav").read_bytes()
    with wave.open(io.BytesIO(data)) as sound:
        assert sound.getnframes() / sound.getframerate() < 30
    assert b'"pieces": "2 of 5"' in data


def test_heard() -> None:
    assert heard(TUNE) == parse_score(TUNE)
    with pytest.raises(DomainError, match="silent"):
        heard("0 |4/4 r:96")
