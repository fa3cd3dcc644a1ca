"""Refinement: pairs are valid and unbiased, the encoder stays, and validity off the data rises."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from tvae_core.cli.refine import RefineSettings, fitting_rows, refine
from tvae_core.data.prepared import PreparedSet
from tvae_core.domain import Verdict
from tvae_core.model.vae import TransformerVAE
from tvae_core.space import LatentSpace
from tvae_core.training.refine import Pairs, between, off_data_codes, pair_loss, valid_pairs


@pytest.fixture
def space(trained_space: LatentSpace) -> LatentSpace:
    """A copy of the trained space, to be changed."""
    model = copy.deepcopy(trained_space.model)
    return LatentSpace(model, trained_space.tokenizer, trained_space.priors, trained_space.domain)


def test_points_between_have_the_scale_of_noisy_codes(space: LatentSpace) -> None:
    codes = torch.randn(400, 2, 16)
    points, sigma = between(codes, 3000, space, torch.Generator().manual_seed(0))
    config = space.model.config
    assert points.shape == (3000, 2, 16)
    assert config.sigma_min <= float(sigma.min())
    assert float(sigma.max()) <= config.sigma_max + 1e-6
    unclamped = sigma < config.sigma_max * 0.999
    assert 0.5 < float(points[unclamped].std()) < 1.1


def test_codes_off_the_data_are_as_many_as_asked(space: LatentSpace, words: Any) -> None:
    codes = space.encode(words(60))
    for n in (1, 7, 64):
        latents, sigma = off_data_codes(space, codes, n, torch.Generator().manual_seed(1), 0.3)
        assert latents.shape == (n, 2, 16)
        assert sigma.shape == (n,)
    again = off_data_codes(space, codes, 64, torch.Generator().manual_seed(1), 0.3)
    assert torch.equal(latents, again[0])
    assert torch.equal(sigma, again[1])


def test_every_pair_is_valid_and_marked(space: LatentSpace, words: Any) -> None:
    codes = space.encode(words(60))
    latents, sigma = off_data_codes(space, codes, 200, torch.Generator().manual_seed(2), 0.3)
    seen: list[tuple[int, int]] = []
    pairs = valid_pairs(
        space,
        latents,
        sigma,
        tries=4,
        seed=3,
        progress=lambda done, total: seen.append((done, total)),
    )
    texts = space.tokenizer.batch_decode(pairs.rows)
    assert all(verdict.ok for verdict in space.domain.check(texts))
    assert 0 < len(pairs) <= 200
    assert 0 < pairs.first_valid < len(pairs) / 200
    assert seen[-1] == (4, 4)
    again = valid_pairs(space, latents, sigma, tries=4, seed=3)
    assert again.rows == pairs.rows


def test_the_loss_of_a_pair_is_that_of_its_tokens(
    tiny_model: Callable[..., TransformerVAE],
) -> None:
    model = tiny_model()
    rows = [[5, 6, 7], [8]]
    pairs = Pairs(torch.randn(2, 2, 4), torch.tensor([0.3, 0.8]), rows, 1.0)
    with torch.no_grad():
        both = float(pair_loss(model, pairs, torch.tensor([0, 1])))
        parts = []
        for i, row in enumerate(rows):
            inputs = torch.tensor([[1, *row]])
            logits = model.decode(inputs, pairs.latents[i : i + 1], pairs.sigma[i : i + 1])
            wanted = torch.tensor([*row, 2])
            parts.append(-logits[0].log_softmax(-1)[torch.arange(len(wanted)), wanted])
    assert both == pytest.approx(float(torch.cat(parts).mean()), abs=1e-5)


class NoSevens:
    """The toy domain with another idea of what is valid, which a small decoder can learn."""

    def __init__(self, toy: Any) -> None:
        self.toy, self.name = toy, toy.name

    def check(self, texts: Sequence[str]) -> list[Verdict]:
        return [
            Verdict(True, text)
            if text.isdigit() and "7" not in text
            else Verdict(False, reason="7")
            for text in texts
        ]


def valid_share(space: LatentSpace) -> float:
    codes = torch.randn(400, 2, 16, generator=torch.Generator().manual_seed(9))
    return sum(v.ok for v in space.domain.check(space.decode(codes, 0.0))) / 400


def test_refinement_raises_validity_and_leaves_the_codes(
    space: LatentSpace, prepared: Callable[..., Path], words: Any
) -> None:
    space.domain = NoSevens(space.domain)  # type: ignore[assignment]
    texts = [text for text in words(60) if "7" not in text]
    rows = PreparedSet(prepared({"train": texts}), "toy").rows("train")
    before, codes = valid_share(space), space.encode(texts)
    settings = RefineSettings(
        steps=40, rounds=2, pairs=300, batch_size=30, lowest=0.3, learning_rate=5e-3
    )
    refine(space, rows, settings, 4)
    assert torch.equal(space.encode(texts), codes)
    assert valid_share(space) > before + 0.15
    assert not space.model.training
    assert all(parameter.requires_grad for parameter in space.model.parameters())


class Never(NoSevens):
    """A domain that nothing pleases."""

    def check(self, texts: Sequence[str]) -> list[Verdict]:
        return [Verdict(False, reason="no")] * len(texts)


def test_a_decoder_that_is_never_valid_is_refused(
    space: LatentSpace, prepared: Callable[..., Path], words: Any
) -> None:
    space.domain = Never(space.domain)  # type: ignore[assignment]
    rows = PreparedSet(prepared({"train": words(40)}), "toy").rows("train")
    with pytest.raises(ValueError, match="only 0 of 40 codes gave a valid text"):
        refine(space, rows, RefineSettings(steps=2, rounds=1, pairs=40, batch_size=8))


def test_rows_that_are_too_long_are_left_out(
    trained_space: LatentSpace, prepared: Callable[..., Path], words: Any
) -> None:
    folder = prepared({"train": [*words(10), "1" * 80]})
    assert len(fitting_rows(trained_space, PreparedSet(folder, "toy").rows("train"))) == 10
    few = prepared({"train": words(3)}, name="few")
    with pytest.raises(ValueError, match="at least 4 items that fit, not 3"):
        fitting_rows(trained_space, PreparedSet(few, "toy").rows("train"))


@pytest.mark.parametrize(
    ("field", "value"),
    [("steps", 0), ("share", -1.0), ("learning_rate", 0.0), ("target_valid", 1.5), ("tries", 0)],
)
def test_impossible_settings_are_named(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"^{field} must"):
        RefineSettings(**{field: value})
