"""Decoding from latents: what a batch, a seed and the sampling settings do and do not change."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tvae_core.decoding.generate import choose, decode_latents, likeliest
from tvae_core.model.decoder import Decoder, DecoderCache
from tvae_core.model.vae import TransformerVAE
from tvae_core.space import LatentSpace

N = 40


def table(length: int = N, seed: int = 0) -> torch.Tensor:
    return torch.randn(length, 2, 4, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def model(ending_model: TransformerVAE) -> TransformerVAE:
    return ending_model


@pytest.fixture(scope="module")
def expected(model: TransformerVAE) -> dict[float, list[list[int]]]:
    """Rows decoded one at a time, by temperature."""
    return {
        heat: decode_latents(model, table(), 0.3, temperature=heat, seed=5, batch_size=1)
        for heat in (0.0, 1.0)
    }


def test_rows_end_at_many_lengths(expected: dict[float, list[list[int]]]) -> None:
    lengths = {len(row) for row in expected[1.0]}
    assert len(lengths) > 8
    assert max(lengths) > 32
    assert min(lengths) < 8


@settings(max_examples=6)
@given(batch_size=st.integers(2, N + 5), heat=st.sampled_from([0.0, 1.0]))
def test_the_batch_size_changes_nothing(
    model: TransformerVAE,
    expected: dict[float, list[list[int]]],
    batch_size: int,
    heat: float,
) -> None:
    rows = decode_latents(model, table(), 0.3, temperature=heat, seed=5, batch_size=batch_size)
    assert rows == expected[heat]


@settings(max_examples=6)
@given(cut=st.integers(0, N), heat=st.sampled_from([0.0, 1.0]))
def test_a_stream_gives_what_the_whole_gives(
    model: TransformerVAE, expected: dict[float, list[list[int]]], cut: int, heat: float
) -> None:
    given: dict[str, Any] = {"temperature": heat, "seed": 5, "batch_size": 32}
    first = decode_latents(model, table()[:cut], 0.3, **given)
    second = decode_latents(model, table()[cut:], 0.3, first_row=cut, **given)
    assert first + second == expected[heat]


def test_seeds_differ_and_repeat(model: TransformerVAE) -> None:
    def rows(seed: int) -> list[list[int]]:
        return decode_latents(model, table(20), 0.3, temperature=1.0, seed=seed)

    assert rows(1) == rows(1)
    assert rows(1) != rows(2)


def test_greedy_rows_are_what_the_full_pass_predicts(
    model: TransformerVAE, expected: dict[float, list[list[int]]]
) -> None:
    limit = model.config.max_length
    for row, latent in zip(expected[0.0][:10], table(10), strict=True):
        with torch.no_grad():
            logits = model.decode(torch.tensor([[1, *row]]), latent[None], 0.3)[0]
        logits[:, [0, 1, 3]] = -math.inf
        predicted = logits.argmax(-1).tolist()
        assert predicted[: len(row)] == row
        assert len(row) == limit or predicted[-1] == 2


def test_no_special_token_comes_out(expected: dict[float, list[list[int]]]) -> None:
    assert all(min(row, default=4) >= 4 for rows in expected.values() for row in rows)


def test_rows_that_finish_leave_the_batch(
    model: TransformerVAE,
    expected: dict[float, list[list[int]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes = []
    step = Decoder.step

    def spy(self: Decoder, x: torch.Tensor, cache: DecoderCache) -> torch.Tensor:
        sizes.append(len(x))
        return step(self, x, cache)

    monkeypatch.setattr(Decoder, "step", spy)
    decode_latents(model, table(), 0.3, temperature=1.0, seed=5, batch_size=N)
    longest = max(len(row) for row in expected[1.0])
    assert len(sizes) == min(longest + 1, model.config.max_length + 1)
    assert sizes[0] == N
    assert sizes == sorted(sizes, reverse=True)
    needed = sum(len(row) + 1 for row in expected[1.0])
    assert needed <= sum(sizes) + N < 1.5 * needed + N


@pytest.mark.parametrize("limit", [1, 7, 33])
def test_rows_are_cut_at_the_longest_length(
    limit: int, model: TransformerVAE, expected: dict[float, list[list[int]]]
) -> None:
    rows = decode_latents(model, table(), 0.3, max_length=limit)
    assert rows == [row[:limit] for row in expected[0.0]]
    assert max(len(row) for row in rows) == limit


def test_the_level_is_heard_row_by_row(model: TransformerVAE) -> None:
    levels = torch.tensor([0.1, 1.0]).repeat(15)
    mixed = decode_latents(model, table(30), levels)
    low, high = (decode_latents(model, table(30), level) for level in (0.1, 1.0))
    assert mixed[::2] == low[::2]
    assert mixed[1::2] == high[1::2]
    assert low != high


def test_no_latents_give_no_rows(model: TransformerVAE) -> None:
    assert decode_latents(model, torch.zeros(0, 2, 4), 0.3) == []


def test_progress_counts_rows(model: TransformerVAE) -> None:
    seen = []
    decode_latents(
        model, table(25), 0.3, batch_size=10, progress=lambda done, n: seen.append((done, n))
    )
    assert seen == [(10, 25), (20, 25), (25, 25)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"temperature": -0.1}, "temperature must be 0"),
        ({"temperature": math.inf}, "temperature must be 0"),
        ({"temperature": math.nan}, "temperature must be 0"),
        ({"top_p": 0.0}, "top_p must be above 0"),
        ({"top_p": 1.01}, "top_p must be above 0"),
        ({"top_p": math.nan}, "top_p must be above 0"),
    ],
)
def test_impossible_sampling_is_refused(
    given: dict[str, float], message: str, model: TransformerVAE
) -> None:
    with pytest.raises(ValueError, match=message):
        decode_latents(model, table(2), 0.3, **given)  # type: ignore[arg-type]


LOGITS = torch.tensor([2.0, -1.0, 0.5, 1.0, -math.inf, 0.0])


def frequencies(heat: float, top_p: float, n: int = 40_000) -> torch.Tensor:
    draws = torch.rand(n, generator=torch.Generator().manual_seed(1))
    chosen = choose(LOGITS.expand(n, -1), draws, heat, top_p)
    return torch.bincount(chosen, minlength=len(LOGITS)) / n


@pytest.mark.parametrize("heat", [0.3, 1.0, 2.5])
def test_draws_follow_the_softmax(heat: float) -> None:
    wanted = (LOGITS / heat).softmax(0)
    found = frequencies(heat, 1.0)
    error = (wanted * (1 - wanted) / 40_000).sqrt()
    assert ((found - wanted).abs() <= 4 * error + 1e-9).all()
    assert found[4] == 0


@pytest.mark.parametrize(("top_p", "nucleus"), [(0.4, [0]), (0.7, [0, 3]), (0.9, [0, 3, 2, 5])])
def test_nothing_is_drawn_outside_the_nucleus(top_p: float, nucleus: list[int]) -> None:
    found = frequencies(1.0, top_p)
    assert sorted(found.nonzero()[:, 0].tolist()) == sorted(nucleus)
    wanted = LOGITS.softmax(0)
    assert wanted[nucleus].sum() >= top_p > wanted[nucleus[:-1]].sum()
    inside = wanted[nucleus] / wanted[nucleus].sum()
    assert ((found[nucleus] - inside).abs() <= 4 * (inside * (1 - inside) / 40_000).sqrt()).all()


@pytest.mark.parametrize("heat", [1e-3, 1e-8, 1e-30, 1e-42])
def test_a_vanishing_temperature_is_greedy(heat: float) -> None:
    logits = torch.randn(50, 20, generator=torch.Generator().manual_seed(2)) * 5
    draws = torch.rand(50, generator=torch.Generator().manual_seed(3))
    assert torch.equal(choose(logits, draws, heat, 1.0), logits.argmax(-1))


@pytest.mark.parametrize("heat", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("top_p", [0.3, 0.9, 1.0])
def test_draws_are_those_of_sorting_every_token(heat: float, top_p: float) -> None:
    """Only the likeliest are looked at first: enough for some rows here, too few for others."""
    generator = torch.Generator().manual_seed(5)
    logits = torch.randn(600, 400, generator=generator) * torch.linspace(0.1, 6, 600)[:, None]
    draws = torch.rand(600, generator=generator)
    found = choose(logits, draws, heat, top_p)
    ranks = []
    for row, draw, token in zip((logits / heat).softmax(-1).double(), draws, found, strict=True):
        share, order = row.sort(descending=True)
        share[share.cumsum(0) - share >= top_p] = 0.0
        rank = int((share.cumsum(0) <= draw.double() * share.sum()).sum())
        assert token == order[rank]
        ranks.append(rank)
    assert min(ranks) == 0
    assert max(ranks) > 128 or heat * top_p < 0.9


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_the_likeliest_is_the_first_of_equals(kind: torch.dtype) -> None:
    logits = torch.tensor([[1.0, 3.0, 3.0, -math.inf], [-math.inf, -2.0, -5.0, -2.0]], dtype=kind)
    assert likeliest(logits).tolist() == [1, 1]


def test_draws_at_both_ends_of_the_range_are_possible_tokens() -> None:
    highest = math.nextafter(1.0, 0.0)
    draws = torch.tensor([0.0, highest], dtype=torch.float32).clamp(max=1 - 2**-24)
    chosen = choose(LOGITS.expand(2, -1), draws, 1.0, 1.0)
    assert chosen.tolist() == [0, 1]


@pytest.mark.parametrize("heat", [0.0, 1.0])
def test_auto_fidelity_does_not_depend_on_the_batch(
    heat: float, trained_space: LatentSpace
) -> None:
    """Each code goes on to the next setting with draws of its own."""
    codes = torch.randn(60, 2, 16, generator=torch.Generator().manual_seed(4))
    whole = trained_space.decode(codes, "auto", temperature=heat, seed=3)
    parts = [
        trained_space.decode(codes[i : i + 7], "auto", temperature=heat, seed=3, first_row=i)
        for i in range(0, 60, 7)
    ]
    assert [text for part in parts for text in part] == whole
    assert trained_space.decode(codes, "auto", temperature=heat, seed=3, batch_size=11) == whole


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("batch_size", [3, 64])
def test_rows_end_where_they_are_told_to(
    temperature: float, batch_size: int, tiny_model: Callable[..., TransformerVAE]
) -> None:
    wanted = [5, 1, 40, 17, 3, 40, 2, 9]
    rows = decode_latents(
        tiny_model(),
        torch.randn(8, 2, 4),
        0.3,
        temperature=temperature,
        batch_size=batch_size,
        lengths=wanted,
    )
    assert [len(row) for row in rows] == wanted
    assert min(min(row) for row in rows) > 3


def test_a_large_request_is_cut_to_bounded_caches(
    tiny_model: Callable[..., TransformerVAE], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, latents = tiny_model(decoder_layers=2), torch.randn(20, 2, 4)
    whole = decode_latents(model, latents, 0.3)
    sizes = []
    start = Decoder.start

    def counted(self: Decoder, memory: torch.Tensor, *rest: Any, **more: Any) -> DecoderCache:
        sizes.append(len(memory))
        return start(self, memory, *rest, **more)

    monkeypatch.setattr(Decoder, "start", counted)
    one = model.decoder.cache_bytes(41)
    assert one == 2 * 2 * 41 * 32 * 4
    monkeypatch.setattr("tvae_core.decoding.generate._CACHE_BYTES", 7 * one)
    assert decode_latents(model, latents, 0.3) == whole
    assert sizes == [7, 7, 6]
    windowed = tiny_model(decoder_layers=2, window_size=5, window_overlap=1)
    assert windowed.decoder.cache_bytes(41) == 2 * 2 * 6 * 32 * 4
