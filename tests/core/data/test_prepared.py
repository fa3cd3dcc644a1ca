"""Prepared sets: rows as stored, batches of every row once, errors that say what is missing."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tvae_core.data.batches import BucketBatchSampler, collate, pad_rows, padding_share
from tvae_core.data.prepared import PreparedSet, TokenRows
from tvae_core.support.errors import PreparedSetError

Words = Callable[..., list[str]]
Write = Callable[..., Path]


def ids_of(text: str) -> list[int]:
    return [int(c) + 4 for c in text]


def test_rows_are_those_of_the_dataset(prepared: Write, words: Words) -> None:
    texts = words(40)
    found = PreparedSet(prepared({"train": texts, "test": texts[:5]}), "toy")
    rows = found.rows("train")
    assert len(rows) == 40
    assert rows.lengths.tolist() == [len(text) for text in texts]
    assert [rows.row(i).tolist() for i in range(40)] == [ids_of(text) for text in texts]
    assert [item["input_ids"].tolist() for item in rows.__getitems__([3, 3, 39])] == [
        ids_of(texts[i]) for i in (3, 3, 39)
    ]
    assert rows[7]["input_ids"].dtype == torch.int64
    assert rows.texts([5, 2]) == [texts[5], texts[2]]


@pytest.mark.parametrize("parts", [[40], [1, 38, 1], [13, 13, 14]])
def test_rows_of_many_chunks_and_of_a_selection(
    parts: list[int], prepared: Write, words: Words
) -> None:
    texts = words(40)
    whole = datasets.load_from_disk(str(prepared({"train": texts})))["train"]
    edges = np.cumsum([0, *parts])
    split = datasets.concatenate_datasets(
        [whole.select(range(a, b)) for a, b in itertools.pairwise(edges)]
    )
    assert len(split.data.column("input_ids").chunks) == len(parts)
    for chosen, order in (
        (split, list(range(40))),
        (split.select([39, 0, 17, 17]), [39, 0, 17, 17]),
        (split.select(range(10, 30)), list(range(10, 30))),
        (split.shuffle(seed=1).select(range(5, 9)), None),
    ):
        rows = TokenRows(chosen)
        wanted = [ids_of(text) for text in chosen["text"]]
        if order is not None:
            assert wanted == [ids_of(texts[i]) for i in order]
        assert [rows.row(i).tolist() for i in range(len(rows))] == wanted
        assert rows.lengths.tolist() == [len(row) for row in wanted]


def test_padding_and_collation() -> None:
    rows = [torch.tensor(r) for r in ([5, 6, 7], [8], [9, 10])]
    batch = collate([{"input_ids": row} for row in rows])
    assert batch["input_ids"].tolist() == [[5, 6, 7], [8, 0, 0], [9, 10, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0], [1, 1, 0]]
    assert pad_rows(rows, pad=99)[1].tolist() == [8, 99, 99]
    assert pad_rows([torch.tensor([], dtype=torch.long)]).shape == (1, 1)


@examples(60)
@given(
    n=st.integers(1, 200),
    batch_size=st.integers(1, 40),
    pool=st.integers(1, 8),
    drop_last=st.booleans(),
    seed=st.integers(0, 99),
)
def test_an_epoch_has_every_row_once(
    n: int, batch_size: int, pool: int, drop_last: bool, seed: int
) -> None:
    lengths = np.random.default_rng(seed).integers(1, 30, n)
    sampler = BucketBatchSampler(lengths, batch_size, seed, pool, drop_last)
    batches = list(sampler)
    assert len(batches) == len(sampler)
    rows = [row for batch in batches for row in batch]
    assert len(set(rows)) == len(rows)
    if drop_last and n >= batch_size:
        assert {len(batch) for batch in batches} == {batch_size}
        assert n - len(rows) == n % batch_size
    else:
        assert sorted(rows) == list(range(n))
        assert sum(len(batch) < batch_size for batch in batches) <= 1
    assert list(sampler) == batches


def test_orders_follow_seed_and_epoch() -> None:
    lengths = np.random.default_rng(0).integers(1, 30, 5000)

    def order(seed: int, epoch: int) -> list[list[int]]:
        sampler = BucketBatchSampler(lengths, 16, seed, pool=32)
        sampler.set_epoch(epoch)
        return list(sampler)

    orders = [order(seed, epoch) for seed in (0, 1) for epoch in (0, 1, 2)]
    assert all(a != b for i, a in enumerate(orders) for b in orders[:i])
    assert order(1, 2) == orders[5]
    # not only the order of the batches: who shares a batch changes too
    together = [{frozenset(batch) for batch in found} for found in orders]
    assert not together[0] & together[1]


def test_rows_left_out_change_with_the_epoch() -> None:
    sampler = BucketBatchSampler(np.ones(19, dtype=np.int64), 10)
    kept = []
    for epoch in range(5):
        sampler.set_epoch(epoch)
        kept.append(frozenset(row for batch in sampler for row in batch))
    assert len(set(kept)) > 1


def test_batches_hold_hardly_any_padding() -> None:
    lengths = np.random.default_rng(0).integers(5, 40, 20_000)
    bucketed = padding_share(lengths, list(BucketBatchSampler(lengths, 64)))
    order = np.random.default_rng(1).permutation(20_000)[: 312 * 64].reshape(312, 64)
    assert bucketed < 0.02
    assert padding_share(lengths, order.tolist()) > 0.3
    assert padding_share(np.array([1, 3]), [[0, 1]]) == pytest.approx(1 / 3)
    assert padding_share(lengths, []) == 0


def test_batches_are_in_no_order_of_length() -> None:
    lengths = np.random.default_rng(0).integers(5, 40, 20_000)
    means = [float(lengths[batch].mean()) for batch in BucketBatchSampler(lengths, 64)]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.2


def test_a_batch_of_none_is_refused() -> None:
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        BucketBatchSampler(np.ones(3, dtype=np.int64), 0)


def test_splits(prepared: Write, words: Words) -> None:
    texts = words(6)
    found = PreparedSet(prepared({"test": texts[:2], "train": texts, "validation": texts[2:4]}))
    assert found.splits == ["train", "test", "validation"]
    assert (found.held_out, found.final) == ("validation", "test")
    dev = PreparedSet(prepared({"train": texts, "validation": texts}, name="dev"))
    assert (dev.held_out, dev.final) == ("validation", "validation")
    assert PreparedSet(prepared({"train": texts, "test": texts}, name="two")).held_out == "test"
    assert found.manifest["counts"]["train"] == 6
    assert found.tokenizer()("123", add_special_tokens=False)["input_ids"] == [5, 6, 7]
    with pytest.raises(PreparedSetError, match=r"no split 'dev'; it has \['train', 'test'"):
        found.rows("dev")


@pytest.mark.parametrize("name", ["manifest.json", "tokenizer.json", "dataset_dict.json"])
def test_a_missing_file_is_named(name: str, prepared: Write, words: Words) -> None:
    folder = prepared({"train": words(4)})
    (folder / name).unlink()
    with pytest.raises(PreparedSetError, match=rf"{folder} .*has no {name}.*data_prep\.toy"):
        PreparedSet(folder, "toy")


def test_a_missing_folder_and_another_domains_set(
    prepared: Write, words: Words, tmp_path: Path
) -> None:
    with pytest.raises(PreparedSetError, match="is not a prepared set"):
        PreparedSet(tmp_path / "nowhere", "toy")
    folder = prepared({"train": words(4)}, domain="midi")
    with pytest.raises(PreparedSetError, match="prepared for 'midi', not 'toy'"):
        PreparedSet(folder, "toy")
    assert PreparedSet(folder).manifest["domain"] == "midi"


@pytest.mark.parametrize("content", ["", "{", "[1]", '"x"'])
def test_a_damaged_manifest_is_named(content: str, prepared: Write, words: Words) -> None:
    folder = prepared({"train": words(4)})
    (folder / "manifest.json").write_text(content)
    with pytest.raises(PreparedSetError, match=r"manifest\.json"):
        PreparedSet(folder, "toy")


@pytest.mark.parametrize("cut", [True, False], ids=["truncated", "missing"])
def test_damaged_rows_are_named(cut: bool, prepared: Write, words: Words) -> None:
    folder = prepared({"train": words(40)})
    (file,) = (folder / "train").glob("*.arrow")
    if cut:
        file.write_bytes(file.read_bytes()[:100])
    else:
        file.unlink()
    with pytest.raises(PreparedSetError, match=str(folder)) as caught:
        PreparedSet(folder, "toy").rows("train")
    assert "\n" not in str(caught.value)
