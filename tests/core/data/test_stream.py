"""Streamed training items: every one once a pass, one order for all, exact continuation."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from tvae_core.data import stream as streaming
from tvae_core.data.batches import ROWS
from tvae_core.data.stream import Source, Stream, StreamError
from tvae_core.support import collectives

Batches = list[list[list[int]]]


@pytest.fixture
def shards(words: Callable[..., list[str]], tmp_path: Path) -> str:
    """Five parquet files of 240 texts in all, with what has to be left out among them."""
    texts: list[str | None] = list(words(240, shortest=2, longest=9))
    for i, (start, stop) in enumerate([(0, 100), (100, 101), (101, 170), (170, 205), (205, 240)]):
        part = [*texts[start:stop], None, "", "1" * 30]
        pq.write_table(pa.table({"text": part, "n": range(len(part))}), tmp_path / f"{i}.parquet")
    return str(tmp_path / "*.parquet")


def stream(shards: str, tokenizer: Any, **settings: Any) -> Stream:
    given = {"batch_size": 16, "max_length": 12, "buffer": 64, "seed": 1} | settings
    return Stream(Source(shards), tokenizer, **given)


def plain(batches: Any, n: int) -> Batches:
    return [[item["input_ids"].tolist() for item in batch] for batch in islice(iter(batches), n)]


def decoded(tokenizer: Any, batches: Batches) -> list[str]:
    return [tokenizer.decode(row).replace(" ", "") for batch in batches for row in batch]


def test_every_item_comes_once_a_pass(
    shards: str, toy_tokenizer: Any, words: Callable[..., list[str]]
) -> None:
    expected = words(240, shortest=2, longest=9)
    passes = decoded(
        toy_tokenizer, plain(stream(shards, toy_tokenizer), 30)
    )  # 480 items: two passes
    first, second = passes[:240], passes[240:]
    assert Counter(first) == Counter(second) == Counter(expected)
    assert first != second
    assert first != expected


def test_what_fills_no_batch_comes_with_the_next_pass(shards: str, toy_tokenizer: Any) -> None:
    seen = Counter(decoded(toy_tokenizer, plain(stream(shards, toy_tokenizer, batch_size=11), 240)))
    assert set(seen.values()) == {11}
    assert len(seen) == 240


def test_batches_are_of_one_length_and_numbered(shards: str, toy_tokenizer: Any) -> None:
    found = stream(shards, toy_tokenizer, buffer=1200)
    batches = list(islice(iter(found), 15))
    spread = [[len(item["input_ids"]) for item in batch] for batch in batches]
    assert sum(max(s) * len(s) for s in spread) < 1.1 * sum(map(sum, spread))
    assert spread != sorted(spread)
    numbers = [int(item[ROWS]) for batch in batches for item in batch]
    assert sorted(numbers) == list(range(240))
    row = batches[-1][0]
    assert found.texts([int(row[ROWS])]) == [toy_tokenizer.decode(row["input_ids"].tolist())]


@pytest.mark.parametrize("at", [0, 1, 3, 4, 14, 15, 16, 37])
def test_it_goes_on_exactly(shards: str, toy_tokenizer: Any, at: int) -> None:
    whole = stream(shards, toy_tokenizer, batch_size=13)
    unbroken = plain(whole, 60)
    first = stream(shards, toy_tokenizer, batch_size=13)
    plain(first, at + 5)  # read ahead of what is trained, as loaders are
    state = json.loads(json.dumps(first.state_at(at)))
    second = stream(shards, toy_tokenizer, batch_size=13)
    second.restore(state, at)
    assert plain(second, 20) == unbroken[at : at + 20]
    assert second.state_at(at + 7) == whole.state_at(at + 7)


def test_the_order_is_the_same_for_several_processes(
    shards: str, toy_tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three processes read their lanes, one after another here, and put the parts together."""
    expected = plain(stream(shards, toy_tokenizer), 4)
    one = stream(shards, toy_tokenizer)
    parts = []
    for rank in range(3):
        monkeypatch.setattr(collectives, "world", lambda: 3)
        monkeypatch.setattr(collectives, "rank", lambda rank=rank: rank)
        parts.append(one._read(one._place))
    assert [sorted(part) for part in parts] == [[0, 3], [1, 4], [2]]
    messages = [torch.from_numpy(streaming._packed(part)) for part in parts]
    monkeypatch.setattr(collectives, "gather_vectors", lambda own: messages)
    rows, _ = one._gathered({})
    batches, _ = one._batches(rows, one._place)
    assert plain(batches, 4) == expected[: len(batches)]


def test_a_sample_for_the_priors(shards: str, toy_tokenizer: Any) -> None:
    rows = stream(shards, toy_tokenizer).sample(50)
    assert len(rows) == 50
    assert rows.lengths.max() <= 12
    assert len(set(rows.texts(range(50)))) == 50


def test_all_kinds_of_files_hold_the_same(toy_tokenizer: Any, tmp_path: Path) -> None:
    texts = [f"{n}{n}" for n in range(40)]
    pq.write_table(pa.table({"text": texts}), tmp_path / "a.parquet")
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in texts))
    (tmp_path / "a.csv").write_text("text,n\n" + "".join(f'"{t}x",1\n' for t in texts))
    (tmp_path / "a.tsv").write_text("n\ttext\n" + "".join(f"1\t{t}x\n" for t in texts))
    (tmp_path / "a.txt").write_text("\n".join(texts) + "\n")
    with gzip.open(tmp_path / "b.txt.gz", "wt") as file:
        file.write("\n".join(texts) + "\n")
    for name in ("a.parquet", "a.jsonl", "a.csv", "a.tsv", "a.txt", "b.txt.gz"):
        source = Source(str(tmp_path / name))
        assert source.n_shards == 1
        found = [text for part in source.texts(0, 7) for text in part]
        assert [str(t).removesuffix("x") for t in found] == texts[7:], name


def test_what_cannot_be_streamed_is_told(toy_tokenizer: Any, tmp_path: Path, shards: str) -> None:
    tmp_path = tmp_path / "others"
    tmp_path.mkdir()
    (tmp_path / "x.docx").write_text("x")
    pq.write_table(pa.table({"a": [1, 2], "b": ["x", "y"]}), tmp_path / "two.pq.parquet")
    pq.write_table(pa.table({"text": [1, 2]}), tmp_path / "numbers.bin.parquet")
    (tmp_path / "cut.bad.parquet").write_bytes(b"PAR1 no more of it")
    refused = {
        "none-*.parquet": "there are no files",
        "x.docx": "cannot stream",
        "*": "of one kind",
        "two.pq.parquet": "--stream-column chooses one of a, b",
        "cut.bad.parquet": "cannot stream",
    }
    for name, told in refused.items():
        with pytest.raises(StreamError, match=told) as caught:
            Source(str(tmp_path / name))
        assert "\n" not in str(caught.value)
    with pytest.raises(StreamError, match="not text"):
        next(iter(stream(str(tmp_path / "numbers.bin.parquet"), toy_tokenizer)))
    with pytest.raises(StreamError, match="no items of 1 to 1 tokens"):
        next(iter(stream(shards, toy_tokenizer, max_length=1)))
    with pytest.raises(StreamError, match="1 shards side by side"):
        stream(shards, toy_tokenizer).restore(
            {"lanes": [[0, 0]], "carry": [], "epoch": 0, "pool": 0, "items": 0, "batch": 0}, 0
        )
    assert Source(str(tmp_path / "two.pq.parquet"), "b").column == "b"
