"""Rows to files and back, texts on one line, values that start with a hyphen."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st

from tests.examples import examples
from tvae_core.cli.options import with_values
from tvae_core.domain_commands import DomainCommands
from tvae_core.rows import check_output, item_rows, write_rows
from tvae_core.search.limits import bounds_of, parse_limits, window_text
from tvae_core.support.errors import OutputError
from tvae_core.support.words import one_line, raw_line, shortened, unknown_name

ORIGIN = {"bundle": "1a2b", "seed": 7, "command": "sample", "limits": {"low": 0.5}}
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
ODD = [
    "a,b\t\"c'",
    "two\nlines",
    "\r",
    "cr\rx",
    "\r\n",
    "",
    " ",
    "\x00\x1f",
    "\u2028",
    "=1+1",
    "\\n",
]


def read(path: Path) -> tuple[list[str], Any]:
    """The texts of a file and its provenance."""
    if path.suffix == ".parquet":
        found = pq.read_table(path)
        return found["text"].to_pylist(), json.loads(found.schema.metadata[b"provenance"])
    if path.suffix == ".json":
        whole = json.loads(path.read_bytes())
        return [row["text"] for row in whole["sums"]], whole["provenance"]
    if path.suffix == ".gz":
        with gzip.open(path, "rt", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    elif path.suffix == ".jsonl":
        rows = [json.loads(line) for line in path.read_bytes().decode().split("\n")[:-1]]
    else:
        with path.open(newline="", encoding="utf-8") as file:
            mark = "\t" if path.suffix == ".tsv" else ","
            rows = list(csv.DictReader(file, delimiter=mark))
    assert {(row["bundle"], str(row["seed"])) for row in rows} == {("1a2b", "7")}
    told = rows[0]["provenance"]
    return [row["text"] for row in rows], told if isinstance(told, dict) else json.loads(told)


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "json", "parquet", "csv.gz"])
@given(texts=st.lists(TEXTS, min_size=1, max_size=5))
@example(texts=ODD)
@examples(40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_text_comes_back(
    ending: str, texts: list[str], tmp_path: Path, commands: DomainCommands
) -> None:
    path = tmp_path / f"rows.{ending}"
    rows = [{"text": text, "score": float(i)} for i, text in enumerate(texts)]
    write_rows(path, rows, ORIGIN, commands)
    assert read(path) == (texts, ORIGIN)


def test_a_text_file_has_a_line_for_each(tmp_path: Path, commands: DomainCommands) -> None:
    path = tmp_path / "rows.TXT"
    write_rows(path, [{"text": text} for text in ODD], ORIGIN, commands, "txt")
    first, *lines = path.read_text(encoding="utf-8").splitlines()
    assert json.loads(first.removeprefix("# ")) == ORIGIN
    assert len(lines) == len(ODD)
    assert lines[ODD.index("two\nlines")] == "two\\nlines"
    assert lines[ODD.index("\\n")] == "\\n"
    write_rows(path, [{"text": "x"}], ORIGIN, commands)
    assert path.read_text().endswith("\nx\n")


def test_what_is_not_known_is_empty_and_files_replace_each_other(
    tmp_path: Path, commands: DomainCommands
) -> None:
    scores = {"a": np.array([0.123456789, np.nan]), "b": np.array([np.inf, 2.0])}
    rows = item_rows(["x", "y"], scores, reason=[None, "no"])
    path = tmp_path / "rows.csv"
    write_rows(path, rows, ORIGIN, commands)
    lines = path.read_text().splitlines()
    assert lines[0] == "text,a,b,reason,bundle,seed,provenance"
    assert lines[1].startswith('x,0.123457,,,1a2b,7,"{')
    assert lines[2] == "y,,2,no,1a2b,7,"
    write_rows(path, [], ORIGIN, commands)
    assert path.read_text() == "text,bundle,seed,provenance\n"
    write_rows(tmp_path / "rows.parquet", rows, ORIGIN, commands)
    assert pq.read_table(tmp_path / "rows.parquet")["a"].to_pylist() == [0.123456789, None]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["rows.csv", "rows.parquet"]


def test_places_that_cannot_be_written(tmp_path: Path, commands: DomainCommands) -> None:
    with pytest.raises(ValueError, match=r"unknown file ending; .*\.parquet, \.sheet; \.csv\.gz"):
        check_output(tmp_path / "x.doc", commands)
    check_output(tmp_path / "x.doc", commands, "csv")
    check_output(tmp_path / "new" / "x.sheet", commands)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(OutputError, match="it is a folder"):
        check_output(tmp_path / "folder.csv", commands)


@given(TEXTS)
@example("\ud800\n")
def test_any_text_is_one_line(text: str) -> None:
    for line in (one_line(text), raw_line(text)):
        assert len(f"{line}|".splitlines()) == 1
    assert one_line(text).isprintable()
    assert raw_line(text) == text or len(f"{text}|".splitlines()) > 1
    assert len(shortened(text * 50)) < 700


def test_values_may_start_with_a_hyphen() -> None:
    given = ["--sort", "-a", "x", "--", "--sort", "-b"]
    assert with_values(given, "--sort") == ["--sort=-a", "x", "--", "--sort", "-b"]
    assert with_values(["--sort"], "--sort") == ["--sort"]
    assert with_values(["--a", "--b", "--b", "-c"], "--a", "--b") == ["--a=--b", "--b=-c"]


def test_limits() -> None:
    low, high = parse_limits(["a=1", " b =2e1"], ["a", "b"]), parse_limits(["a=3"], ["a", "b"])
    assert (low, high) == ({"a": 1.0, "b": 20.0}, {"a": 3.0})
    assert bounds_of(low, high) == {"a": (1.0, 3.0), "b": (20.0, None)}
    assert window_text(low, high) == "a >= 1, b >= 20, a <= 3"
    assert str(unknown_name("score", "Lenght", ["length", "depth"])) == (
        "unknown score 'Lenght'; did you mean length?"
    )
