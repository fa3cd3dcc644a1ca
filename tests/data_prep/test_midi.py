"""`python -m data_prep.midi`: windows, splits, the cache, and files of one's own."""

from __future__ import annotations

import csv
import gzip
import json
from itertools import combinations
from pathlib import Path

import music21
import pytest

from data_prep.midi.command import keep_together, main
from data_prep.midi.corpus import (
    CHORALES,
    MELODIES,
    READING,
    Tune,
    corpus_files,
    own_files,
    read_corpus,
    stored,
    texts_of,
)
from data_prep.midi.windows import body, cut, distinct_tunes, melodies, windows
from domains.midi.notation import (
    MAX_BARS,
    MAX_CHARACTERS,
    Event,
    Score,
    format_score,
    parse_score,
)
from tests.data_prep.bundles import bundle_of
from tests.domains.midi.reading.midi_files import midi_file, name, notes, off, on, track
from tvae_core.data.known import KnownSet
from tvae_core.data.prepared import PreparedSet

CORPUS = Path(music21.__file__).parent / "corpus"


def folder_of_tunes(folder: Path) -> Path:
    """The corpus's tunes 721 to 730 of O'Neill, a chorale, and files that are none."""
    (folder / "deep").mkdir(parents=True)
    tunes = CORPUS / "oneills1850" / "0721-0730.abc"
    (folder / tunes.name).write_bytes(tunes.read_bytes())
    chorale = folder / "deep" / "bwv269.mxl"
    chorale.write_bytes((CORPUS / "bach/bwv269.mxl").read_bytes())
    (folder / "broken.mid").write_bytes(b"MThd")
    (folder / "read.me").write_text("not music")
    return folder


def prepare(folder: Path, *arguments: str) -> int:
    out = str(folder.parent / "data" / "mine")
    given = ["--input", str(folder), "--out", out, "--workers", "1", "--vocab-size", "400"]
    return main([*given, *arguments])


def test_a_folder_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = folder_of_tunes(tmp_path / "tunes"), tmp_path / "data" / "mine"
    assert prepare(folder, "--transpositions", "2") == 0
    told = capsys.readouterr()
    assert "equal through the tokenizer" in told.out
    assert "3 files parsed" in told.err
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["domain"] == "midi"
    assert manifest["licence"] == "as the files"
    assert manifest["reader"] == READING
    assert set(manifest["labels"]) == {"tunes", "deep"}
    with (out / "rejected.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == ["broken.mid"]
    assert "damaged or truncated" in rows[0]["reason"]
    prepared = PreparedSet(out, "midi")
    texts = {n: list(prepared.rows(n).split["text"]) for n in ("train", "validation", "test")}
    for one, other in combinations(texts, 2):
        assert not set(map(body, texts[one])) & set(map(body, texts[other]))
    for split in texts.values():
        for text in split:
            score = parse_score(text)
            assert len(score.metres) == 4
            assert len(score.voices) == 1
    held_out = texts["validation"] + texts["test"]
    assert len(set(map(body, held_out))) == len(held_out)
    assert manifest["transposed_windows"] == 2 * len(set(map(body, texts["train"])))
    assert len(texts["train"]) == 3 * len(set(map(body, texts["train"])))

    first = {file.name: file.read_bytes() for file in out.glob("train/*.arrow")}
    assert prepare(folder, "--transpositions", "2") == 0
    assert "0 files parsed, 3 from the cache" in capsys.readouterr().err
    assert {file.name: file.read_bytes() for file in out.glob("train/*.arrow")} == first


def songs(folder: Path) -> Path:
    """A song of ten parts, one of them out of range, a long one, and one off the grid."""
    folder.mkdir()
    many = [track(name(f"P{n}"), *notes([60 + n + p % 7 for p in range(20)])) for n in range(9)]
    (folder / "many.mid").write_bytes(midi_file(*many, track(name("Low"), *notes([3] * 20))))
    long = track(name("Long"), *notes([60 + p % 11 for p in range(4 * MAX_BARS + 40)]))
    (folder / "long.mid").write_bytes(midi_file(long))
    late = [e for p in range(40) for e in (on(60 + p % 9, delta=7), off(60 + p % 9, delta=89))]
    (folder / "late.mid").write_bytes(midi_file(track(name("Late"), *late)))
    return folder


def test_one_bad_part_or_long_file_refuses_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = songs(tmp_path / "songs"), tmp_path / "data" / "mine"
    assert prepare(folder, "--bars", "2") == 0
    said = capsys.readouterr().err
    assert "3 tunes (0 of them copies), 1 rejected" in said
    assert "files: 3 hold music, 0 none that can be read; of 1 tunes the parts are read one" in said
    assert "late.mid: notes lie 1.0 steps" in said
    with (out / "rejected.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    reason = "D#-1 is out of the piano's range"
    assert [(row["text"], row["reason"]) for row in rows] == [("many.mid@Low", reason)]
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["files"] == {"read": 3, "all": 3}
    assert prepare(folder, "--bars", "2", "--grid", "16") == 0
    assert "late.mid: put on a grid of 1/16" in capsys.readouterr().err
    assert prepare(folder, "--bars", "2", "--grid", "5") == 2


def test_parts_that_cannot_stand_together_are_no_chorale(tmp_path: Path) -> None:
    corpus = read_corpus(own_files(songs(tmp_path / "songs")), tmp_path / "cache", 1)
    keep_together(corpus, together=True)
    assert [tune.source for tune in corpus.tunes] == ["late.mid", "long.mid"]
    assert ("many.mid", "its parts cannot be written together") in corpus.rejected


def test_texts_too_long_for_the_notation_are_cut() -> None:
    score = Score(0, ((4, 4),) * 600, (tuple(
        Event(step, 1, (60 + step % 2,)) for step in range(600 * 96)
    ),))  # fmt: skip
    assert len(format_score(score)) > MAX_CHARACTERS
    texts = texts_of(score)
    assert [len(parse_score(one).metres) for one in texts] == [150] * 4


def test_a_cache_that_was_cut_off_is_mended(tmp_path: Path) -> None:
    files = own_files(folder_of_tunes(tmp_path / "tunes"))
    whole = read_corpus(files, tmp_path / "cache", 1)
    assert (whole.parsed, whole.cached, len(whole.tunes), len(whole.rejected)) == (3, 0, 11, 1)
    (store,) = (tmp_path / "cache").iterdir()
    assert len(stored(store)) == 3
    store.write_bytes(store.read_bytes()[:-20])
    assert len(stored(store)) == 2
    with gzip.open(store, "rt") as lines:
        assert len(list(lines)) == 2
    again = read_corpus(files, tmp_path / "cache", 1)
    assert (again.parsed, again.cached) == (1, 2)
    assert (again.tunes, again.sha256) == (whole.tunes, whole.sha256)


def test_windows_and_melodies() -> None:
    score = parse_score("2# |4/4 C5+E5:48r:48;C4:96~|r:96;C4:96|D5:96;r:96|r:96;r:96")
    top, low = melodies(score)
    assert format_score(top) == "2# |4/4 E5:48r:48|r:96|D5:96|r:96"
    assert [format_score(w) for w in windows(low, 2, 1)] == [
        "2# |4/4 C4:96~|C4:96",
        "2# |4/4 C4:96|r:96",
    ]
    assert [format_score(w) for w in windows(score, 2, 2)] == [
        "2# |4/4 C5+E5:48r:48;C4:96~|r:96;C4:96",
        "2# |4/4 D5:96|r:96",
    ]


def test_no_window_is_in_two_splits() -> None:
    same = "|4/4 C5:96|D5:96|E5:96|F5:96"
    tunes = [
        Tune(f"{n}", "", "a", [f"0 {same}|G4:{96 - n}r:{n}|C4:{n}r:{96 - n}"]) for n in range(1, 41)
    ]
    tunes.append(Tune("copy", "", "a", ["2# " + body(tunes[0].texts[0])]))
    kept, copies = distinct_tunes(tunes)
    assert (len(kept), copies) == (40, 1)
    found = cut(kept, bars=4, hop=1, transpositions=1, voices=False, seed=0)
    assert found.tunes == {"train": 32, "validation": 4, "test": 4}
    assert found.splits["validation"].num_rows == found.splits["test"].num_rows == 0
    train = found.splits["train"]["text"].to_pylist()
    assert len(train) == 2 * found.transposed == 2 * (1 + 2 * 32)
    for text, copy in zip(train[::2], train[1::2], strict=True):
        assert body(text) == body(copy)
        assert text != copy


def test_files_are_found(tmp_path: Path) -> None:
    files = own_files(folder_of_tunes(tmp_path / "tunes"))
    names = ["0721-0730.abc", "broken.mid", "deep/bwv269.mxl"]
    assert [file.name for file in files] == names
    labels = [file.label for file in corpus_files(MELODIES | CHORALES)]
    assert {label: labels.count(label) for label in set(labels)} == {
        "essen": 31,
        "oneill": 39,
        "aird": 6,
        "ryan": 1059,
        "bach": len(list((CORPUS / "bach").glob("bwv*.mxl"))),
    }


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--input", "nowhere"], "nowhere does not exist"),
        (["--vocab-size", "100"], "--vocab-size"),
        (["--bars", "2000"], "--bars"),
        (["--transpositions", "12"], "--transpositions"),
        (["--seed", "-1"], "--seed"),
        (["--licence", "CC0"], "--input"),
    ],
)
def test_bad_settings(
    arguments: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 2
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_without_music(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tunes").mkdir()
    assert prepare(tmp_path / "tunes") == 2
    assert "no .mid" in capsys.readouterr().err
    (tmp_path / "tunes" / "a.mid").write_bytes(b"text")
    assert prepare(tmp_path / "tunes") == 2
    assert "no music in 1 files" in capsys.readouterr().err


def test_no_tune_is_held_out_of_which_a_bundle_knows_a_window(tmp_path: Path) -> None:
    folder, out = folder_of_tunes(tmp_path / "tunes"), tmp_path / "data" / "mine"
    assert prepare(folder) == 0
    plain = PreparedSet(out, "midi")
    tokenizer = plain.tokenizer()
    tunes = distinct_tunes(read_corpus(own_files(folder), out.parent / ".midi", 1).tunes)[0]
    of_tune = {
        tune.source: {
            format_score(window)
            for text in tune.texts
            for voice in melodies(parse_score(text))
            for window in windows(voice, 4, 1)
        }
        for tune in tunes
    }
    sources = sorted(source for source, texts in of_tune.items() if texts)
    new = sources[:3]
    # of the others one window in the middle of each is enough
    seen = {sorted(of_tune[source])[len(of_tune[source]) // 2] for source in sources[3:]}
    assert not seen & {text for source in new for text in of_tune[source]}
    bundle = bundle_of(tmp_path / "b" / "bundle", "midi", tokenizer, KnownSet.build(seen))
    given = ["--input", str(folder), "--out", str(out), "--workers", "1"]
    assert main([*given, "--bundle", str(bundle)]) == 0
    fair = PreparedSet(out, "midi")
    held = {text for name in ("validation", "test") for text in fair.rows(name).split["text"]}
    assert held
    assert held <= {text for source in new for text in of_tune[source]}
    assert (out / "tokenizer.json").read_bytes() == (bundle / "tokenizer.json").read_bytes()
    assert fair.manifest["new_to_bundle"] == 3
    assert main([*given, "--bundle", str(bundle), "--vocab-size", "400"]) == 2
