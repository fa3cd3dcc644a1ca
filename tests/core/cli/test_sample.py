"""`sample` of any domain: what it prints and writes, and what its settings change."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from tvae_core.bundle import save_bundle
from tvae_core.data.known import known_of_bundle
from tvae_core.domain_commands import DomainCommands
from tvae_core.space import LatentSpace

Command = Callable[..., Any]
N = 200


@pytest.fixture(scope="module")
def texts(space: LatentSpace) -> list[str]:
    return space.sample(N, seed=3, prior="gaussian").texts


@pytest.fixture(scope="module")
def distinct(texts: list[str], space: LatentSpace) -> list[str]:
    """The canonical forms of the valid ones, as drawn."""
    return list(dict.fromkeys(v.canonical or "" for v in space.domain.check(texts) if v.ok))


def drawn(command: Command, *arguments: object, **changes: Any) -> Any:
    return command("sample", "-n", N, "--seed", 3, "--prior", "gaussian", *arguments, **changes)


def read(path: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The rows of a file and its provenance, as other programs read it."""
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        return table.to_pylist(), json.loads(table.schema.metadata[b"provenance"])
    if path.suffix == ".jsonl":
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        return rows, rows[0]["provenance"]
    if path.suffix == ".txt":
        first, *lines = path.read_text().splitlines()
        return [{"text": line} for line in lines], json.loads(first.removeprefix("# "))
    with path.open(newline="") as file:
        mark = "\t" if path.suffix == ".tsv" else ","
        rows = list(csv.DictReader(file, delimiter=mark))
    return rows, json.loads(rows[0]["provenance"])


def test_raw_is_every_text_as_it_came(
    texts: list[str], command: Command, space: LatentSpace, tmp_path: Path
) -> None:
    assert 0 < sum(v.ok for v in space.domain.check(texts)) < N
    result = drawn(command, "--raw")
    assert result.code == 0, result.err
    assert result.out == "".join(f"{text}\n" for text in texts)
    path = tmp_path / "raw.txt"
    filtered = drawn(command, "--raw", "-o", path, "--min", "total=1000", "--novel", "--top", 1)
    assert (filtered.code, filtered.out) == (0, "")
    assert path.read_text() == result.out
    assert [p.name for p in tmp_path.iterdir()] == ["raw.txt"]
    assert f"{N}/{N}" in filtered.err
    misnamed = drawn(command, "--raw", "-o", tmp_path / "raw.mid")
    assert misnamed.code == 2
    assert "--raw writes lines of text, not .mid" in misnamed.err
    assert [p.name for p in tmp_path.iterdir()] == ["raw.txt"]


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("--temperature", 0.7, "--top-p", 0.9),
        ("--fidelity", "auto"),
        ("--fidelity", "auto", "--temperature", 1),
        ("--fidelity", 0.2, "--prior", "normal"),
    ],
    ids=lambda given: " ".join(map(str, given)) or "plain",
)
def test_the_seed_decides_and_the_batch_size_does_not(
    settings: tuple[object, ...], command: Command
) -> None:
    settings = ("--raw", *settings, "-n", 50)
    one = drawn(command, *settings).out
    assert one.count("\n") == 50
    assert drawn(command, *settings, "--batch-size", 17).out == one
    assert drawn(command, *settings, "--seed", 4).out != one


def test_auto_is_valid_more_often(command: Command, space: LatentSpace) -> None:
    plain = drawn(command, "--raw").out.splitlines()
    auto = drawn(command, "--raw", "--fidelity", "auto").out.splitlines()
    valid = [sum(v.ok for v in space.domain.check(part)) for part in (plain, auto)]
    assert valid[0] < valid[1]
    assert drawn(command, "--fidelity", "auto").out.startswith("validity with a retry")


def test_line_breaks_and_backslashes_of_raw_texts(
    trained: Any, trained_space: LatentSpace, commands: DomainCommands, command: Command,
    tmp_path: Path,
) -> None:  # fmt: skip
    names = ["<pad>", "<bos>", "<eos>", "<mask>", *"01234", "\n", "\\", "n", "\r", "\u2028"]
    backend = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, "<mask>"))
    backend.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    backend.decoder = decoders.Fuse()
    special = dict(zip(("pad_token", "bos_token", "eos_token", "mask_token"), names, strict=False))
    odd = PreTrainedTokenizerFast(
        tokenizer_object=backend, clean_up_tokenization_spaces=False, **special
    )
    folder = save_bundle(
        tmp_path / "odd", trained.model, odd, trained_space.priors, {"domain": "toy"}, "# Odd\n"
    )
    texts = LatentSpace.load(folder, commands.domain).sample(N, seed=3, prior="gaussian").texts
    broken = [len(text.splitlines()) > 1 or text[-1:] in "\n\r\u2028" for text in texts]
    assert 10 < sum(broken) < N
    assert any("\\" in t for t, b in zip(texts, broken, strict=True) if b)
    assert any("\\" in t for t, b in zip(texts, broken, strict=True) if not b)
    result = drawn(command, folder, "--raw")
    lines = result.out.splitlines()
    assert result.out.count("\n") == len(lines) == N
    for text, line, escaped in zip(texts, lines, broken, strict=True):
        assert line == text if not escaped else line.encode().decode("unicode_escape") == text


def test_the_counts(
    texts: list[str], distinct: list[str], command: Command, space: LatentSpace, trained: Any
) -> None:
    result = drawn(command)
    lines = result.out.splitlines()
    verdicts = space.domain.check(texts)
    valid = sum(v.ok for v in verdicts)
    assert lines[0] == f"raw validity {valid / N:.4f} ({valid} of {N})"
    assert lines[1] == f"unique {len(distinct) / valid:.4f} ({len(distinct)} of {valid} valid)"
    novel = [text for text in distinct if text not in set(trained.words[:30])]
    told = int(lines[2].partition("(")[2].split()[0])  # one novel item in 256 is called known
    assert len(novel) - 2 <= told <= len(novel)
    reasons = [v.reason for v in verdicts if not v.ok]
    top = max(set(reasons), key=lambda reason: (reasons.count(reason), reason or ""))
    place = lines.index("invalid:")
    assert lines[place + 1].split(maxsplit=1)[0] == str(reasons.count(top))
    assert "other reasons" in lines[place + 6]
    counted = sum(int(line.split()[0]) for line in lines[place + 1 : place + 7])
    assert counted == N - valid
    table = lines[place + 8 :]
    assert table[0].split() == ["total", "length", "sum"]
    shown = [line.split() for line in table[1:-1]]
    assert [row[2] for row in shown] == [f"<{text}>" for text in distinct[:20]]
    assert [int(row[1]) for row in shown] == [len(text) for text in distinct[:20]]
    assert table[-1] == f"... and {len(distinct) - 20} more; -o FILE writes them all"


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "txt", "parquet"])
def test_files_hold_the_items_and_where_they_are_from(
    ending: str, distinct: list[str], command: Command, space: LatentSpace, tmp_path: Path
) -> None:
    path = tmp_path / f"out.{ending}"
    result = drawn(command, "-o", path)
    assert result.code == 0, result.err
    assert f"wrote {len(distinct)} sums to" in result.err
    rows, origin = read(path)
    assert [row["text"] for row in rows] == distinct
    assert (origin["bundle"], origin["seed"], origin["n"]) == (space.bundle.hash, 3, N)
    assert (origin["fidelity"], origin["prior"], origin["temperature"]) == (0.5, "gaussian", 0.0)
    if ending != "txt":
        scores = space.domain.score(distinct)
        for name in ("length", "total"):
            assert [float(row[name]) for row in rows] == scores[name].tolist()
        empty = [row["sevens"] in (None, "") for row in rows]
        assert empty == np.isnan(scores["sevens"]).tolist()
        assert [int(row["sample"]) for row in rows] == sorted(int(row["sample"]) for row in rows)
        assert {str(row["novel"]) for row in rows} == {"True", "False"}
    before = path.read_bytes()
    assert drawn(command, "-o", path, "--batch-size", 9).code == 0
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_the_format_may_be_named_and_the_domain_has_its_own(
    distinct: list[str], command: Command, tmp_path: Path
) -> None:
    path = tmp_path / "out.data"
    assert drawn(command, "-o", path, "--format", "jsonl").code == 0
    assert [json.loads(line)["text"] for line in path.read_text().splitlines()] == distinct
    assert drawn(command, "-o", tmp_path / "out.sheet").code == 0
    document = json.loads((tmp_path / "out.sheet").read_text())
    assert document["texts"] == distinct
    assert document["origin"]["command"] == "sample"


def test_limits_order_and_top(
    distinct: list[str], command: Command, space: LatentSpace, tmp_path: Path
) -> None:
    scores = space.domain.score(distinct)
    inside = (scores["total"] >= 10) & (scores["total"] <= 24) & (scores["sevens"] >= 0)
    given = ("--min", "total=10", "sevens=0", "--max", "total=24", "-o", tmp_path / "out.csv")
    result = drawn(command, *given, "--sort", "-length")
    assert f"within total >= 10, sevens >= 0, total <= 24: {inside.sum()}" in result.out
    rows, _ = read(tmp_path / "out.csv")
    chosen = [(text, len(text)) for text, fits in zip(distinct, inside, strict=True) if fits]
    assert 1 < len(chosen) < len(distinct)
    assert [row["text"] for row in rows] == [t for t, _ in sorted(chosen, key=lambda p: p[1])]
    drawn(command, *given, "--sort", "total", "--top", 3)
    rows, origin = read(tmp_path / "out.csv")
    totals = [float(row["total"]) for row in rows]
    assert totals == sorted(scores["total"][inside], reverse=True)[:3]
    assert (origin["sort"], origin["top"]) == ("total", 3)
    drawn(command, "--sort", "sevens", "-o", tmp_path / "out.csv")  # NaN is never the best
    last = [row["sevens"] for row in read(tmp_path / "out.csv")[0]]
    numbers = int((~np.isnan(scores["sevens"])).sum())
    assert "" not in last[:numbers]
    assert set(last[numbers:]) == {""}


def test_novel_ones_alone(command: Command, trained: Any, tmp_path: Path) -> None:
    path, rejected = tmp_path / "out.csv", tmp_path / "rejected.csv"
    result = drawn(command, "--novel", "-o", path, "--rejected", rejected)
    assert result.code == 0, result.err
    rows, _ = read(path)
    known = set(trained.words[:30])
    assert {row["novel"] for row in rows} == {"True"}
    assert not known & {row["text"] for row in rows}
    dropped = [row["text"] for row in read(rejected)[0] if row["stage"] == "known"]
    assert len(known & set(dropped)) >= 5
    assert len(rows) + len(set(dropped)) == int(result.out.split("unique")[1].split()[1][1:])


def test_novelty_needs_the_known_set(command: Command, bundle: Path, sums: Any) -> None:
    result = command("sample", "-n", 3, "--novel", known=lambda folder: None)
    assert "--novel needs the set of training items" in result.refusal()
    assert result.code == 2
    told = command("sample", "-n", 3, known=lambda folder: None)
    assert told.code == 0
    assert "novel" not in told.out
    assert known_of_bundle(bundle / "none", sums) is None


def test_what_is_dropped_is_kept_apart(
    texts: list[str], command: Command, space: LatentSpace, tmp_path: Path
) -> None:
    path, rejected = tmp_path / "out.jsonl", tmp_path / "rejected.jsonl"
    drawn(command, "--max", "length=4", "-o", path, "--rejected", rejected)
    kept, _ = read(path)
    dropped, origin = read(rejected)
    assert origin["max"] == ["length=4"]
    samples = sorted(row["sample"] for row in [*kept, *dropped])
    assert samples == list(range(1, N + 1))
    for row in dropped:
        (verdict,) = space.domain.check([row["text"]])
        assert (row["stage"] == "invalid") == (not verdict.ok)
        if row["stage"] == "invalid":
            assert row["text"] == texts[row["sample"] - 1]
            assert row["reason"] == verdict.reason
            place = None if verdict.position is None else verdict.position + 1
            assert row["character"] == place
    assert {row["stage"] for row in dropped} == {"invalid", "repeated", "limits"}


def test_nothing_valid_is_no_failure(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    result = drawn(command, "--min", "total=1000", "-o", path)
    assert result.code == 0, result.err
    assert path.read_text().count("\n") == 1
    assert "within total >= 1000: 0" in result.out
