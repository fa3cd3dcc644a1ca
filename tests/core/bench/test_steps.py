"""Full training steps and what they multiply."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from tvae_core.bench.steps import OriginalStep, OurStep, padded, random_rows
from tvae_core.model.config import TVAEConfig
from tvae_core.training.presets import TrainSettings

SETTINGS = TrainSettings(learning_rate=1e-2)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("optimizer", ["adamw", "adafactor", "muon"])
def test_our_step_trains(
    tiny_config: Callable[..., TVAEConfig], precision: str, optimizer: str
) -> None:
    config = tiny_config()
    step = OurStep(config, TrainSettings(learning_rate=1e-2, optimizer=optimizer), "cpu")
    before = {name: weight.clone() for name, weight in step.model.named_parameters()}
    (rows,) = random_rows(config, 4, 10, seed=0)
    step(padded(rows, 9), precision)
    same = [name for name, w in step.model.named_parameters() if torch.equal(w, before[name])]
    assert not same
    assert all(w.grad is None and w.dtype == torch.float32 for w in step.model.parameters())


def test_original_step_trains(tiny_config: Callable[..., TVAEConfig]) -> None:
    config = tiny_config()
    step = OriginalStep(config, SETTINGS, "cpu")
    before = step.model.t5.shared.weight.clone()
    (rows,) = random_rows(config, 4, 10, seed=0)
    step(padded(rows, 10, config.eos_token_id))
    assert not torch.equal(step.model.t5.shared.weight, before)


def test_checkpointing_is_set(tiny_config: Callable[..., TVAEConfig]) -> None:
    settings = TrainSettings(gradient_checkpoint_encoder=True, decoder_grad_chk_pnt_rate=2)
    model = OurStep(tiny_config(), settings, "cpu").model
    assert model.encoder.checkpoint is True
    assert model.decoder.checkpoint_rate == 2


@pytest.mark.parametrize("checkpoint", [False, True])
@pytest.mark.parametrize("length", [9, 80])
def test_flops_are_those_of_the_formula(
    tiny_config: Callable[..., TVAEConfig], length: int, checkpoint: bool
) -> None:
    config = tiny_config(
        encoder_blocks=(2, 1), decoder_layers=3, noise="none", mmd_weight=0.0, max_length=99
    )
    settings = TrainSettings(
        gradient_checkpoint_encoder=checkpoint, decoder_grad_chk_pnt_rate=int(checkpoint)
    )
    rows = random_rows(config, 3, length, seed=0)[0]
    counted = OurStep(config, settings, "cpu").flops(padded(rows, length - 1))
    # multiplications and additions of the products, read off the architecture
    b, d, f, n = 3, config.d_model, config.d_ff, config.n_latent
    whole, half = length + 1, (length + 2) // 2

    def layer(queries: int, keys: int) -> int:
        products = queries * (2 * d * d + 3 * d * f) + keys * 2 * d * d
        return products + 2 * queries * keys * d

    encoder = 2 * layer(whole, whole) + layer(half, whole)
    states = whole + half
    readout = states * 2 * d * d + n * d * d + 2 * n * states * d + n * d * config.latent_size
    memory = n * config.latent_size * d + config.code_size * d
    cross = length * 2 * d * d + n * 2 * d * d + 2 * length * n * d
    decoder = config.decoder_layers * (layer(length, length) + cross)
    logits = length * d * config.vocab_size
    each = encoder + readout + memory + decoder + logits
    queries = n * d * d  # of the readout, the same for all rows
    expected = 3 * 2 * (b * each + queries)
    # the distances of MMD come on top: a few rows of codes
    assert expected <= counted <= 1.02 * expected


def test_padded_rows() -> None:
    batch = padded([[5, 6], [7]], 4, end=2)
    assert batch["input_ids"].tolist() == [[5, 6, 2, 0], [7, 2, 0, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0], [1, 1, 0, 0]]


def test_random_rows_are_full_and_repeatable(tiny_config: Callable[..., TVAEConfig]) -> None:
    config = tiny_config()
    batches = random_rows(config, 3, 8, seed=1, batches=2)
    assert batches == random_rows(config, 3, 8, seed=1, batches=2)
    assert [[len(row) for row in rows] for rows in batches] == [[7] * 3] * 2
    tokens = {token for rows in batches for row in rows for token in row}
    assert min(tokens) > config.mask_token_id
    assert max(tokens) < config.vocab_size
