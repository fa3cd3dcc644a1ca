"""Beam search: equal to greedy for one beam, to exhaustive search for many, and never mixed up."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tvae_core.decoding.generate import decode_latents, search_batch
from tvae_core.decoding.ranges import MAX_BEAMS, check_beams
from tvae_core.model.vae import TransformerVAE
from tvae_core.space import LatentSpace

N = 24
SIGMA = 0.3


def table(length: int = N, seed: int = 0) -> torch.Tensor:
    return torch.randn(length, 2, 4, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def model(ending_model: TransformerVAE) -> TransformerVAE:
    return ending_model


@torch.no_grad()
def log_probability(model: TransformerVAE, code: torch.Tensor, row: list[int]) -> float:
    """Of a whole row and its end, by teacher forcing; tokens that cannot come are left out."""
    ids = torch.tensor([[model.config.bos_token_id, *row]])
    logits = model.decode(ids, code[None], SIGMA)[0].float()
    logits[:, [model.config.pad_token_id, 1, model.config.mask_token_id]] = float("-inf")
    wanted = torch.tensor([*row, model.config.eos_token_id])
    return float(logits.log_softmax(-1).gather(1, wanted[:, None]).sum())


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_many_beams_find_the_likeliest_row_of_all(
    tiny_model: Callable[..., TransformerVAE], seed: int
) -> None:
    # 4 special tokens and 3 others: 40 rows of at most 3 tokens
    model = tiny_model(seed, vocab_size=7, max_length=3)
    with torch.no_grad():
        model.embed.weight *= 8
    rows = [list(row) for k in range(4) for row in itertools.product((4, 5, 6), repeat=k)]
    codes = table(8, seed)
    found = decode_latents(model, codes, SIGMA, beams=27)
    greedy = decode_latents(model, codes, SIGMA)
    for code, row in zip(codes, found, strict=True):
        assert row == max(rows, key=lambda each: log_probability(model, code, each))
    assert found != greedy


def test_a_search_finds_likelier_rows_than_greedy_decoding(model: TransformerVAE) -> None:
    codes = table()
    greedy = decode_latents(model, codes, SIGMA)
    gains = []
    for beams in (4, 16):
        found = decode_latents(model, codes, SIGMA, beams=beams)
        better = [
            log_probability(model, code, a) - log_probability(model, code, b)
            for code, a, b in zip(codes, found, greedy, strict=True)
        ]
        gains.append(sum(better) / len(better))
    assert gains[0] > 0.5
    assert gains[1] >= gains[0]


@pytest.mark.parametrize("window", [0, 6])
def test_one_beam_is_greedy(tiny_model: Callable[..., TransformerVAE], window: int) -> None:
    model = tiny_model(3, window_size=window, window_overlap=window // 2)
    codes, sigma = table(), torch.full((N,), SIGMA)
    limit = model.config.max_length
    searched = [best for (best,) in search_batch(model, codes, sigma, 1, limit)]
    greedy = decode_latents(model, codes, SIGMA)
    ended = [index for index, row in enumerate(greedy) if len(row) < limit]
    assert [searched[index] for index in ended] == [greedy[index] for index in ended]


@settings(max_examples=6)
@given(batch_size=st.integers(1, 4 * N), beams=st.sampled_from([2, 5]))
def test_the_batch_size_changes_nothing(model: TransformerVAE, batch_size: int, beams: int) -> None:
    whole = decode_latents(model, table(), SIGMA, beams=beams, batch_size=8 * N)
    parts = decode_latents(model, table(), SIGMA, beams=beams, batch_size=batch_size)
    assert parts == whole


def test_windows_give_what_the_score_of_the_whole_row_says(
    tiny_model: Callable[..., TransformerVAE],
) -> None:
    """The ring of keys follows each row's own past: its score is that of teacher forcing."""
    model = tiny_model(5, window_size=6, window_overlap=3, max_length=24)
    with torch.no_grad():
        model.embed.weight[2] *= 1.5
    codes = table()
    one = decode_latents(model, codes, SIGMA)
    many = decode_latents(model, codes, SIGMA, beams=8)
    gain = [
        log_probability(model, code, a) - log_probability(model, code, b)
        for code, a, b in zip(codes, many, one, strict=True)
    ]
    assert sum(value >= -1e-3 for value in gain) > 0.9 * N
    assert max(gain) > 0.1


def test_rows_hold_no_special_tokens_and_keep_the_limit(model: TransformerVAE) -> None:
    rows = decode_latents(model, table(), SIGMA, beams=3, max_length=7)
    assert all(len(row) <= 7 for row in rows)
    assert all(token > 3 for row in rows for token in row)
    assert decode_latents(model, table(0), SIGMA, beams=3) == []


def test_progress_counts_codes(model: TransformerVAE) -> None:
    seen: list[tuple[int, int]] = []
    decode_latents(
        model, table(), SIGMA, beams=4, batch_size=32, progress=lambda a, b: seen.append((a, b))
    )
    assert seen == [(8, N), (16, N), (24, N)]


@pytest.mark.parametrize("beams", [0, -1, MAX_BEAMS + 1])
def test_impossible_numbers_are_refused(model: TransformerVAE, beams: int) -> None:
    with pytest.raises(ValueError, match="beams must be in 1"):
        decode_latents(model, table(2), SIGMA, beams=beams)
    with pytest.raises(ValueError, match="beams must be in 1"):
        check_beams(beams)


def test_a_space_searches_where_nothing_is_drawn(trained_space: LatentSpace) -> None:
    space = trained_space
    codes = space.sample_latents(40, 1, "normal")
    greedy, searched = space.decode(codes, 0.5), space.decode(codes, 0.5, beams=8)
    assert greedy != searched
    drawn = space.decode(codes, 0.5, temperature=1.0, seed=3)
    sampled = space.sample(20, temperature=0.0).texts
    before = space.beams, space.sample_beams
    assert before == (1, 1)
    try:
        space.beams = 8
        assert space.decode(codes, 0.5) == searched
        assert space.decode(codes, 0.5, beams=1) == greedy
        assert space.decode(codes, 0.5, temperature=1.0, seed=3) == drawn
        assert space.sample(20, temperature=0.0).texts == sampled
        space.search(8)
        assert space.sample(20, temperature=0.0).texts != sampled
    finally:
        space.beams, space.sample_beams = before
    with pytest.raises(ValueError, match="beams must be in 1"):
        space.search(0)
