"""The verbs of the midi domain on a small bundle: files that other programs open."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import datasets
import pytest

from domains.midi.commands import COMMANDS
from domains.midi.domain import MidiDomain
from domains.midi.examples import EXAMPLES
from tests.domains.midi.reading.midi_files import SCALE, key, midi_file, name, notes, track
from tvae_core.cli.evaluate import evaluate_command
from tvae_core.cli.interpolate import interpolate_command
from tvae_core.cli.neighbours import neighbours_command
from tvae_core.cli.optimise import optimise_command
from tvae_core.cli.parser import run_command
from tvae_core.cli.sample import sample_command
from tvae_core.space import LatentSpace

VERBS: dict[str, Any] = {
    "sample": sample_command,
    "interpolate": interpolate_command,
    "neighbours": neighbours_command,
    "optimise": optimise_command,
    "evaluate": evaluate_command,
}


def call(verb: str, *arguments: object) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    given = ["--threads", "1", *map(str, arguments)]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run_command(verb, lambda: VERBS[verb](COMMANDS, given))
    return code, out.getvalue(), err.getvalue()


def test_a_folder_of_samples(midi_bundle: Path, tmp_path: Path) -> None:
    pytest.importorskip("symusic")
    mido = pytest.importorskip("mido")
    folder = tmp_path / "out"
    code, told, errors = call(
        "sample", midi_bundle, "-n", 12, "--prior", "gaussian", "--seed", 1, "-o", f"{folder}/"
    )
    assert code == 0, errors
    assert "raw validity" in told
    with (folder / "verdicts.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    kept = [row for row in rows if row["valid"] == "True"]
    assert kept
    assert all(row["reason"] for row in rows if row not in kept)
    assert all(row["syncopation"] != "" for row in kept)
    names = {path.name for path in folder.iterdir()}
    assert names == {"verdicts.csv", *(row["file"] for row in kept)}
    for row in kept:
        played = mido.MidiFile(folder / row["file"])
        assert any(message.type == "note_on" and message.velocity for message in played)
    code, _, errors = call("sample", midi_bundle, "-n", 4, "--prior", "gaussian", "-o", folder)
    assert code == 0, errors  # its own folder is made anew
    (folder / "mine.txt").write_text("x")
    code, _, errors = call("sample", midi_bundle, "-n", 4, "-o", folder)
    assert (code, "other files are in it" in errors) == (1, True)


def test_the_way_from_a_tune_to_another(midi_bundle: Path, tmp_path: Path) -> None:
    pytest.importorskip("symusic")
    path = tmp_path / "way.mid"
    code, told, errors = call("interpolate", midi_bundle, "1", "3", "--steps", 4, "-o", path)
    assert code == 0, errors
    assert "D 4/4 F#4" in told
    assert "C 4/4 C4 C4 G4" in told
    assert path.read_bytes().startswith(b"MThd")
    code, _, errors = call("interpolate", midi_bundle, "1", "0 |4/4 C4:24")
    assert code == 2
    assert "bar 1: 24 of 96 steps filled (at character 13)" in errors


def test_a_bundle_of_one_voice_is_given_one_and_that_is_told(
    midi_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []
    monkeypatch.setattr("domains.midi.commands.holds_one_voice", lambda b: not asked.append(b))
    path = tmp_path / "song.mid"
    lead = track(name("Lead"), key(0), *notes(SCALE))
    path.write_bytes(midi_file(track(name("Bass"), *notes([p - 24 for p in SCALE])), lead))
    code, told, errors = call("neighbours", midi_bundle, path, "-n", 2)
    assert code == 0, errors
    assert "song.mid: 2 parts: 1 Bass (8 notes), 2 Lead (8 notes); Lead is taken" in errors
    assert asked == [midi_bundle]
    code, told, errors = call("neighbours", midi_bundle, f"{path}@Leed", "-n", 2)
    assert (code, told) == (2, "")
    assert "no part is called Leed; did you mean Lead?" in errors


def test_neighbours_and_a_search(midi_bundle: Path) -> None:
    code, told, errors = call("neighbours", midi_bundle, EXAMPLES["Ode to Joy"], "-n", 6)
    assert code == 0, errors
    assert "valid" in told
    code, told, errors = call(
        "optimise", midi_bundle, "--target", "density - key*key", "--budget", 6, "--start", "2"
    )
    assert code == 0, errors
    assert "calls of 6" in told
    assert "start 0" in told or "start -0" in told


def test_evaluate_adds_its_numbers(
    midi_bundle: Path, midi_space: LatentSpace, tmp_path: Path
) -> None:
    texts, tokenizer = list(EXAMPLES.values()), midi_space.tokenizer
    ids = tokenizer(texts, add_special_tokens=False)["input_ids"]
    table = datasets.Dataset.from_dict(
        {"text": texts, "input_ids": ids, "length": [len(row) for row in ids]},
        features=datasets.Features(
            {
                "text": datasets.Value("string"),
                "input_ids": datasets.List(datasets.Value("int32")),
                "length": datasets.Value("int32"),
            }
        ),
    )
    data, out = tmp_path / "data", tmp_path / "out.json"
    datasets.DatasetDict({"train": table, "test": table}).save_to_disk(str(data))
    tokenizer.save_pretrained(data)
    (data / "manifest.json").write_text(json.dumps({"domain": "midi", "format": 1}))
    few = ("--samples", 6, "--paths", 2, "--prior", "gaussian", "--no-geometry", "--no-probe")
    code, told, errors = call("evaluate", midi_bundle, "--data", data, *few, "--json", out)
    assert code == 0, errors
    flat = json.loads(out.read_text())
    assert flat["note_accuracy_free_low"] <= flat["note_accuracy_free"] <= 1
    assert flat["oa_notes_halves"] >= 0
    assert "note_accuracy_teacher_forced" in told
    assert "midi: 100%" in errors


def test_what_the_domain_tells() -> None:
    from domains.midi.writing import output

    assert COMMANDS.suffixes == output.SUFFIXES
    assert COMMANDS.folders
    assert set(COMMANDS.columns) <= set(MidiDomain().score([]))
    assert dataclasses.replace(COMMANDS).unit == "tune"
