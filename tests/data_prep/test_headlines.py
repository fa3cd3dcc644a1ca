"""`python -m data_prep.headlines`: files of every kind, the bad ones among them, leaks, seeds."""

from __future__ import annotations

import csv
import gzip
import json
import random
import tracemalloc
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_from_disk

from data_prep.headlines import command as headlines
from tvae_core.support.reading.lines import MAX_LINE
from tvae_core.support.reading.tables import open_table

Run = Callable[..., int]
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "headlines" / "headlines.tsv.gz"
SUBJECTS = ("Council", "minister", "Local Team", "Bank", "Scientists", "police", "Farmers", "Star")
VERBS = ("rejects", "Finds", "wins", "asks for", "Plans", "welcomes", "warns of", "loses")
OBJECTS = ("new bridge", "Record Rainfall", "cup final", "lower rates", "old map", "more time")
PLACES = ("in Perth", "at the lake", "near Paris", "after vote", "this year", "on Monday")


def make_headlines(n: int) -> list[str]:
    parts = (SUBJECTS, VERBS, OBJECTS, PLACES)
    every = [
        f"{a} {b} {c} {d}" for a in parts[0] for b in parts[1] for c in parts[2] for d in PLACES
    ]
    return random.Random(0).sample(every, n)


ROWS = [(text, "sport" if i % 3 else "news") for i, text in enumerate(make_headlines(60))]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def command(path: Path, *arguments: str) -> int:
        given = ["--input", str(path), "--out", str(tmp_path / "out"), "--jobs", "1"]
        return headlines.main([*given, "--vocab-size", "200", *arguments])

    return command


def rows_of(folder: Path) -> dict[str, dict[str, list[Any]]]:
    prepared = load_from_disk(str(folder))
    return {split: prepared[split].to_dict() for split in prepared}


def manifest_of(tmp_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tmp_path / "out" / "manifest.json").read_text())
    return found


def rejected_of(tmp_path: Path) -> dict[int, tuple[str, str]]:
    with (tmp_path / "out" / "rejected.csv").open(newline="", encoding="utf-8") as file:
        return {int(row["line"]): (row["text"], row["reason"]) for row in csv.DictReader(file)}


def write(path: Path, columns: tuple[str, ...] = ("headline", "label")) -> None:
    name = path.name.removesuffix(".gz")
    if name.endswith(".parquet"):
        pq.write_table(pa.table(dict(zip(columns, zip(*ROWS, strict=True), strict=True))), path)
        data = path.read_bytes()
    elif name.endswith(".jsonl"):
        data = "".join(
            json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in ROWS
        ).encode()
    else:
        mark = "\t" if name.endswith(".tsv") else ","
        data = "".join(mark.join(row) + "\r\n" for row in (columns, *ROWS)).encode("utf-8-sig")
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_every_kind_of_file(run: Run, tmp_path: Path, kind: str, packed: bool) -> None:
    path = tmp_path / f"mine.{kind}{'.gz' if packed else ''}"
    write(path, ("title", "Category"))
    assert run(path, "--column", "title", "--label-column", "category") == 0
    splits = rows_of(tmp_path / "out")
    found = {(t, y) for s in splits.values() for t, y in zip(s["text"], s["label"], strict=True)}
    assert found == set(ROWS)
    manifest = manifest_of(tmp_path)
    assert manifest["domain"] == "headlines"
    assert manifest["labels"] == {"sport": 40, "news": 20}
    assert manifest["counts"] == {"train": 52, "validation": 4, "test": 4}
    assert (manifest["rejected"], manifest["licence"]) == (0, "as the input file")
    assert len(manifest["source_sha256"]) == 64


def test_shared_headlines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if not SHARED.is_file():
        pytest.skip("the shared headlines are not here")
    with gzip.open(SHARED, "rb") as file:
        (tmp_path / "part.tsv").write_bytes(b"".join(file.readline() for _ in range(3001)))
    given = ["--input", str(tmp_path / "part.tsv"), "--out", str(tmp_path / "out"), "--jobs", "1"]
    assert headlines.main([*given, "--vocab-size", "1000"]) == 0
    manifest = manifest_of(tmp_path)
    assert sum(manifest["counts"].values()) + manifest["rejected"] == 3000
    assert manifest["rejected"] < 0.005 * 3000
    assert "CC0" in manifest["licence"]
    assert "a headline" in capsys.readouterr().out


def test_bad_rows_are_counted_and_told(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = {
        "NUL": b"Rain\0 ends drought,x",
        "control": b"Rain \x07ends drought,x",
        "not UTF-8": b"Caf\x81 opens again,x",
        "replacement": "Caf\ufffd opens again,x".encode(),
        "empty": b",x",
        "fields, the header has": b"Rain, wind and snow ahead,x",
        "not well quoted": b'"Rain" ends drought,x',
        "never closed": b'"Rain ends drought,x',
        "KB": b"Rain " * (MAX_LINE // 4) + b",x",
        "longer than 250 characters": b"Rain ends drought again " * 40 + b",x",
        "in a row": b"Rain rain rain again,x",
        "fewer than 2 words": b"Rain,x",
        "a label": b"Rain ends long drought,\xff",
        "tokens": b"Zqxj kvwzq jxqkz vbqxz kjqzx wvqxj zkqjx vqzxk,x",
    }
    good = [",".join(row).encode() for row in ROWS]
    lines = [b"headline,label", *chain.from_iterable(zip(bad.values(), good, strict=False))]
    lines += [*good[len(bad) :], b"", good[0].upper(), b'" ' + good[1].replace(b",", b'",')]
    (tmp_path / "mine.csv").write_bytes(b"\n".join(lines))
    assert run(tmp_path / "mine.csv", "--max-tokens", "40") == 0
    rejected = rejected_of(tmp_path)
    assert list(rejected) == [2 + 2 * i for i in range(len(bad))]
    for name, (text, reason) in zip(bad, rejected.values(), strict=True):
        assert name in reason, (name, reason)
        assert len(text) <= 200
    manifest = manifest_of(tmp_path)
    assert (manifest["rejected"], manifest["duplicates"]) == (len(bad), 2)
    assert sum(manifest["rejected_reasons"].values()) == len(bad)
    assert sum(manifest["counts"].values()) == len(ROWS)
    errors = capsys.readouterr().err
    assert "mine.csv:2: rejected 'Rain\\x00 ends drought': a NUL character" in errors
    assert f"{len(bad)} rejected, all in rejected.csv" in errors


def test_json_rows(run: Run, tmp_path: Path) -> None:
    lines = [json.dumps({"headline": text, "label": i % 2}) for i, (text, _) in enumerate(ROWS)]
    odd = ["[1, 2]", "{", "[" * 100_000, '{"headline": ["a"]}', '{"label": 1}', '{"headline": 7}']
    odd += ['{"headline": "half \\ud800 of a pair"}', '{"headline": null}', "1" * 5000]
    (tmp_path / "mine.jsonl").write_text("\n".join([*lines, *odd]))
    assert run(tmp_path / "mine.jsonl") == 0
    rejected = rejected_of(tmp_path)
    assert list(rejected) == list(range(len(ROWS) + 1, len(ROWS) + len(odd) + 1))
    assert manifest_of(tmp_path)["labels"] == {"0": 30, "1": 30}


def test_quotes_and_lines_within_a_row(run: Run, tmp_path: Path) -> None:
    extra = '"Rain, ""at last"", says\nminister",news\n'
    path = tmp_path / "mine.csv"
    path.write_text("headline,label\n" + extra + "\n".join(map(",".join, ROWS)))
    assert run(path) == 0
    found = list(chain.from_iterable(s["text"] for s in rows_of(tmp_path / "out").values()))
    assert 'Rain, "at last", says minister' in found
    assert len(found) == len(ROWS) + 1


def test_a_line_of_twenty_megabytes_takes_bounded_memory(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv.gz"
    lines = [b"headline,label", *(",".join(row).encode() for row in ROWS[:5])]
    lines += [b"Rain " * 4_000_000 + b",x", b'"' + b"a" * 20_000_000, b'"Rain ends drought",x']
    path.write_bytes(gzip.compress(b"\n".join(lines), 1))
    tracemalloc.start()
    rows = list(open_table(path).rows([0, 1]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [bool(row.problem) for row in rows] == [False] * 5 + [True, True, False]
    assert peak < 6 * MAX_LINE
    assert run(path) == 0
    assert manifest_of(tmp_path)["rejected"] == 2


def test_no_copy_is_in_two_splits(run: Run, tmp_path: Path) -> None:
    texts = [text for text, _ in ROWS]
    copies = [*texts, *(t.upper() for t in texts), *(f" {t.lower()}  " for t in texts)]
    random.Random(1).shuffle(copies)
    (tmp_path / "mine.csv").write_text("headline\n" + "\n".join(copies))
    assert run(tmp_path / "mine.csv") == 0
    splits = {
        name: [t.casefold() for t in s["text"]] for name, s in rows_of(tmp_path / "out").items()
    }
    found = list(chain.from_iterable(splits.values()))
    assert len(found) == len(set(found)) == len(texts)
    assert manifest_of(tmp_path)["duplicates"] == 2 * len(texts)
    assert "label" not in rows_of(tmp_path / "out")["train"]


def test_seeds_limits_and_case(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "mine.csv")
    assert run(tmp_path / "mine.csv", "--limit", "40") == 0
    first = rows_of(tmp_path / "out")
    assert sum(len(s["text"]) for s in first.values()) == 40
    assert run(tmp_path / "mine.csv", "--limit", "40") == 0
    assert rows_of(tmp_path / "out") == first
    assert run(tmp_path / "mine.csv", "--limit", "40", "--seed", "1", "--case", "lower") == 0
    second = rows_of(tmp_path / "out")
    assert second["test"] != first["test"]
    assert all(t == t.lower() for s in second.values() for t in s["text"])


def test_labels_can_be_chosen(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "mine.tsv")
    assert run(tmp_path / "mine.tsv", "--keep-labels", "news") == 0
    assert manifest_of(tmp_path)["labels"] == {"news": 20}
    assert sum(manifest_of(tmp_path)["counts"].values()) == 20
    assert run(tmp_path / "mine.tsv", "--keep-labels", "news", "--other-labels", "blank") == 0
    manifest = manifest_of(tmp_path)
    assert (manifest["labels"], manifest["other_labels"]) == ({"news": 20}, 40)
    assert sum(manifest["counts"].values()) == 60
    assert run(tmp_path / "mine.tsv", "--keep-labels", "weather") == 2
    assert "no label 'weather'; it has: news, sport" in capsys.readouterr().err
    assert run(tmp_path / "mine.tsv", "--keep-labels", "news", "--label-column", "none") == 2


PARQUET = {"numbers.parquet": {"headline": [1, 2]}, "lists.parquet": {"headline": [["a"], ["b"]]}}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"id,title\n1,Rain ends\n", "no column 'headline'; it has: id, title"),
        ("a.tsv", b"Headline\tHEADLINE\nx\ty\n", "more than one column"),
        ("a.jsonl", b'{"title": "Rain ends"}\n', "no column 'headline'; it has: title"),
        ("a.json", b'[{"headline": "Rain ends"}]', "no JSON objects, one on each line"),
        ("a.jsonl", b"\n\n", "is empty"),
        ("a.csv", b"", "is empty"),
        ("a.csv", b"headline,label\n", "a header but no rows"),
        ("a.csv", b"headline\nRain ends\nWind rises\n", "at least 3"),
        ("a.csv", b"headline\n\0\nx\n", "holds no headlines: 2 rows rejected"),
        ("a.csv", "headline\nRain\n".encode("utf-16"), "holds no headlines: 1 rows rejected"),
        ("a.csv", b"PK\x03\x04 of a workbook", "is a zip archive or an Excel workbook"),
        ("a.csv", b"x" * (MAX_LINE + 1), "the header of"),
        ("a.xlsx", b"x", "none of .csv"),
        ("a.parquet", b"", "not a readable parquet file"),
        ("a.parquet", b"PAR1 no more", "not a readable parquet file"),
        ("numbers.parquet", None, "holds int64, not text"),
        ("lists.parquet", None, "not text"),
        ("folder.csv", None, "is a folder"),
        ("missing.csv", None, "no such file"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_input_is_one_clear_line(
    run: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: bytes | None,
    said: str,
) -> None:
    (tmp_path / "folder.csv").mkdir()
    for file, columns in PARQUET.items():
        pq.write_table(pa.table(columns), tmp_path / file)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert run(tmp_path / name) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert said in last
    assert last.startswith("data_prep.headlines: ")
    assert len(last) < 400
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "either --input FILE or --dataset NAME"),
        (["--input", "a.csv", "--dataset", "ag_news"], "either --input FILE or --dataset NAME"),
        (["--dataset", "agnews"], "invalid choice"),
        (["--input", "a.csv", "--vocab-size", "50"], "--vocab-size must be from 100"),
        (["--input", "a.csv", "--max-characters", "251"], "--max-characters must be at most 250"),
        (["--input", "a.csv", "--seed", "-1"], "--seed must not be negative"),
    ],
)
def test_bad_flags(given: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert headlines.main(given) == 2
    assert said in capsys.readouterr().err


def test_a_truncated_gzip(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "a.csv.gz")
    (tmp_path / "a.csv.gz").write_bytes((tmp_path / "a.csv.gz").read_bytes()[:-12])
    assert run(tmp_path / "a.csv.gz") == 1
    assert "cannot be read" in capsys.readouterr().err
