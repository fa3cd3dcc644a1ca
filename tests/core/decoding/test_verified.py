"""Verified decoding: the text that has the code, nothing else where none can be verified."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch

from tests.core.conftest import Trained
from tvae_core.decoding.dial import fidelity_of
from tvae_core.decoding.generate import decode_candidates, decode_latents, search_batch
from tvae_core.decoding.verified import MAX_CYCLES, check_cycles, codes_of, decode_verified
from tvae_core.model.vae import TransformerVAE
from tvae_core.space import LatentSpace

SIGMA = 0.3
NOISE = 0.3


@pytest.fixture(scope="module")
def erring(trained_space: LatentSpace) -> LatentSpace:
    """The trained space with a decoder that errs: its weights are noisy, the encoder's are not."""
    model = copy.deepcopy(trained_space.model)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.decoder.parameters():
            weight += NOISE * weight.std() * torch.randn(weight.shape, generator=generator)
    known = trained_space
    return LatentSpace(model, known.tokenizer, known.priors, known.domain, known.defaults)


@pytest.fixture
def space(erring: LatentSpace) -> LatentSpace:
    """That space as it is at first: it searches nothing and verifies nothing."""
    erring.beams, erring.sample_beams, erring.cycles = 1, 1, 0
    return erring


@pytest.fixture(scope="module")
def items(trained: Trained, erring: LatentSpace) -> tuple[list[str], torch.Tensor]:
    """What the model was trained on, some of which does not come back, and the codes."""
    return trained.words, erring.encode(trained.words)


def share(found: list[str], wanted: list[str]) -> float:
    return sum(a == b for a, b in zip(found, wanted, strict=True)) / len(wanted)


def distance(space: LatentSpace, texts: list[str], codes: torch.Tensor) -> torch.Tensor:
    return (codes_of(space, texts, codes) - codes).flatten(1).square().mean(1)


def test_more_items_come_back_with_every_cycle(
    space: LatentSpace, items: tuple[list[str], torch.Tensor]
) -> None:
    texts, codes = items
    shares, near = [], []
    for cycles in range(MAX_CYCLES + 1):
        space.search(cycles=cycles)
        found = space.rebuild(codes)
        shares.append(share(found, texts))
        near.append(distance(space, found, codes))
    assert shares[0] == share(space.decode(codes, 1.0), texts) < 0.9
    assert shares == sorted(shares)
    assert shares[-1] > shares[0] + 0.1
    for before, after in itertools.pairwise(near):
        assert bool((after <= before * (1 + 1e-5) + 1e-9).all())


def test_what_is_right_at_once_stays(
    space: LatentSpace, items: tuple[list[str], torch.Tensor]
) -> None:
    _, codes = items
    plain = space.decode(codes, 1.0)
    right = distance(space, plain, codes) < 1e-4
    assert bool(right.any())
    space.search(cycles=MAX_CYCLES)
    again = space.rebuild(codes)
    assert [a for a, ok in zip(again, right, strict=True) if ok] == [
        p for p, ok in zip(plain, right, strict=True) if ok
    ]


def test_only_the_faithful_end_of_the_dial_is_verified(
    space: LatentSpace, items: tuple[list[str], torch.Tensor]
) -> None:
    _, codes = items
    space.search(cycles=MAX_CYCLES)
    settings = torch.tensor([1.0, 0.5, 0.0]).repeat(len(codes) // 3)
    mixed = space.rebuild(codes, settings)
    plain, verified = space.decode(codes, settings), space.rebuild(codes, 1.0)
    assert mixed[0::3] == verified[0::3] != plain[0::3]
    assert mixed[1::3] == plain[1::3]
    assert mixed[2::3] == plain[2::3]
    assert space.rebuild(codes, "auto") == space.decode(codes, "auto")
    # the noise level of the end itself, as a path gives it
    end = fidelity_of(space.model.config, torch.zeros(len(codes)))
    assert space.rebuild(codes, end) == verified


def test_the_verbs_verify_items_and_not_samples(
    space: LatentSpace, items: tuple[list[str], torch.Tensor]
) -> None:
    texts, codes = items
    sampled, around = space.sample(20).texts, space.neighbours(texts[0], 8).texts
    space.search(cycles=MAX_CYCLES)
    assert space.reconstruct(texts) == space.rebuild(codes)
    assert space.sample(20).texts == sampled
    assert space.neighbours(texts[0], 8).texts == around
    walked = [space.interpolate(a, b, steps=5) for a, b in itertools.pairwise(texts[:13])]
    ends = [end for path in walked for end in (path[0].text, path[-1].text)]
    wanted = [end for a, b in itertools.pairwise(texts[:13]) for end in (a, b)]
    fixed = [space.interpolate(a, b, 3, fidelity=1.0) for a, b in itertools.pairwise(texts[:13])]
    assert [end for path in fixed for end in (path[0].text, path[-1].text)] == ends
    space.search(cycles=0)
    plain = [space.interpolate(a, b, steps=5) for a, b in itertools.pairwise(texts[:13])]
    before = [end for path in plain for end in (path[0].text, path[-1].text)]
    assert share(ends, wanted) > share(before, wanted)
    assert [p.text for path in walked for p in path[1:-1]] == [
        p.text for path in plain for p in path[1:-1]
    ]


def test_the_batch_size_and_the_order_change_nothing(
    space: LatentSpace, items: tuple[list[str], torch.Tensor]
) -> None:
    _, codes = items
    whole = decode_verified(space, codes, cycles=MAX_CYCLES)
    assert decode_verified(space, codes, cycles=MAX_CYCLES, batch_size=7) == whole
    assert decode_verified(space, codes.flip(0), cycles=MAX_CYCLES) == whole[::-1]


def test_progress_ends_with_all_and_never_falls(
    space: LatentSpace, items: tuple[list[str], torch.Tensor]
) -> None:
    _, codes = items
    seen: list[tuple[int, int]] = []
    space.search(cycles=MAX_CYCLES)
    settings = torch.tensor([1.0, 0.5]).repeat(len(codes) // 2)
    space.rebuild(codes, settings, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (len(codes), len(codes))
    assert space.rebuild(codes[:0]) == []


def test_texts_that_the_model_does_not_take_are_infinitely_far(space: LatentSpace) -> None:
    like = space.encode(["12"])
    codes = codes_of(space, ["", "12", "1" * 99], like)
    assert torch.equal(codes[1], like[0])
    assert bool(codes[[0, 2]].isinf().all())
    assert codes_of(space, [], like).shape == (0, *like.shape[1:])


@pytest.mark.parametrize("beams", [2, 5])
def test_candidates_are_the_rows_of_the_search_best_first(
    ending_model: TransformerVAE, beams: int
) -> None:
    codes = torch.randn(12, 2, 4, generator=torch.Generator().manual_seed(1))
    found = decode_candidates(ending_model, codes, SIGMA, beams)
    assert [rows[0] for rows in found] == decode_latents(ending_model, codes, SIGMA, beams=beams)
    assert decode_candidates(ending_model, codes, SIGMA, beams, batch_size=beams) == found
    for rows in found:
        assert len(rows) == beams
        assert len({tuple(row) for row in rows}) == beams
    level = torch.full((12,), SIGMA)
    limit = ending_model.config.max_length
    best = search_batch(ending_model, codes, level, beams, limit)
    assert [len(rows) for rows in best] == [1] * 12


@pytest.mark.parametrize("cycles", [-1, MAX_CYCLES + 1])
def test_impossible_numbers_are_refused(space: LatentSpace, cycles: int) -> None:
    with pytest.raises(ValueError, match="cycles must be in 0"):
        check_cycles(cycles)
    with pytest.raises(ValueError, match="cycles must be in 0"):
        space.search(cycles=cycles)
