"""`TransformerVAE.forward`: the loss and its parts, gradients, masks, and a training run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from tvae_core.model.mmd import latent_mmd
from tvae_core.model.vae import TransformerVAE

IDS = torch.tensor([[5, 6, 7, 0, 0], [8, 9, 10, 11, 12], [13, 4, 0, 0, 0]])
TARGETS = torch.tensor(
    [[5, 6, 7, 2, -100, -100], [8, 9, 10, 11, 12, 2], [13, 4, 2, -100, -100, -100]]
)
INPUTS = F.pad(IDS, (1, 0), value=1)


@pytest.mark.parametrize("training", [False, True])
def test_the_loss_is_reconstruction_plus_weighted_mmd(
    training: bool, tiny_model: Callable[..., TransformerVAE]
) -> None:
    model = tiny_model(mmd_weight=3.0, mmd_scope="both").train(training)
    model.mmd_scale = 0.4
    output = model(IDS)
    assert float(output.mmd_weight) == pytest.approx(1.2)
    torch.testing.assert_close(output.loss, output.reconstruction + 1.2 * output.mmd)
    assert output.loss.requires_grad


def test_the_parts_by_hand(tiny_model: Callable[..., TransformerVAE]) -> None:
    model = tiny_model()
    torch.manual_seed(3)
    output = model(IDS)
    latents = model.encode(IDS)
    logits = model.decode(INPUTS, latents, model.config.sigma_min)
    torch.manual_seed(3)
    discrepancy = latent_mmd(latents, "joint", moment=model.config.mmd_moment)
    torch.testing.assert_close(output.latents, latents)
    torch.testing.assert_close(output.mmd, discrepancy)
    picked = torch.stack(
        [
            -logits[row, place].log_softmax(-1)[TARGETS[row, place]]
            for row in range(3)
            for place in range(6)
            if TARGETS[row, place] >= 0
        ]
    )
    assert len(picked) == 13
    torch.testing.assert_close(output.reconstruction, picked.mean())


def test_accuracies_by_hand(
    tiny_model: Callable[..., TransformerVAE], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_model()
    predicted = TARGETS.clamp(min=0)
    predicted[0, 4:] = 9  # padding is not counted
    predicted[1, 2] = 4  # one wrong token of 13, and so one wrong row of 3
    with torch.no_grad():
        model.embed.weight.copy_(torch.eye(14, 32))
    monkeypatch.setattr(model.decoder, "forward", lambda *_: F.one_hot(predicted, 32).float() * 5)
    output = model(IDS)
    assert float(output.token_accuracy) == pytest.approx(12 / 13)
    assert float(output.sequence_accuracy) == pytest.approx(2 / 3)


def test_a_mask_and_padding_say_the_same(tiny_model: Callable[..., TransformerVAE]) -> None:
    model = tiny_model()
    mask = (IDS != 0).long()
    dirty = IDS.masked_fill(mask == 0, 13)
    torch.manual_seed(0)
    expected = model(IDS)
    for given in ((IDS, mask), (dirty, mask)):
        torch.manual_seed(0)
        output = model(*given)
        for name in ("reconstruction", "mmd", "token_accuracy", "sequence_accuracy"):
            torch.testing.assert_close(output[name], expected[name], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"latent_bound": "tanh", "noise": "none", "mmd_scope": "token", "mmd_kernel": "original"},
        {"noise": "fixed", "encoder_blocks": (2, 1, 1), "dropout": 0.1, "encoder_mask": 0.2},
    ],
)
def test_gradients_reach_every_parameter(
    changes: dict[str, Any], tiny_model: Callable[..., TransformerVAE]
) -> None:
    model = tiny_model(decoder_layers=2, **changes).train()
    model(IDS).loss.backward()
    for name, parameter in model.named_parameters():
        if name.startswith("memory.noise") and not model.memory.told:
            assert parameter.grad is None
        else:
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name


def test_embeddings_are_tied(tiny_model: Callable[..., TransformerVAE]) -> None:
    model = tiny_model()
    named = [name for name, p in model.named_parameters() if 14 in p.shape]
    assert named == ["embed.weight"]
    assert model.get_input_embeddings() is model.embed
    states = torch.randn(2, 32)
    torch.testing.assert_close(model.logits(states), states @ model.embed.weight.T)


def test_evaluation_repeats_and_training_has_noise(
    tiny_model: Callable[..., TransformerVAE],
) -> None:
    model = tiny_model()
    assert torch.equal(model(IDS).reconstruction, model(IDS).reconstruction)
    model.train()
    assert not torch.equal(model(IDS).reconstruction, model(IDS).reconstruction)
    quiet = tiny_model(noise="none").train()
    assert torch.equal(quiet(IDS).reconstruction, quiet(IDS).reconstruction)


def test_a_given_level_is_trained_with(tiny_model: Callable[..., TransformerVAE]) -> None:
    model = tiny_model().train()
    losses = []
    for level in (1e-6, 1e-6, 1.0, 1.0):
        losses.append(float(model(IDS, sigma=torch.full((3,), level)).reconstruction))
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)
    assert abs(losses[2] - losses[3]) > 1e-3


def test_masking_hides_tokens_while_training_only(
    tiny_model: Callable[..., TransformerVAE],
) -> None:
    clean, masked = tiny_model(), tiny_model(encoder_mask=0.5)
    long = torch.randint(4, 14, (4, 30))
    assert torch.equal(masked.encode(long), clean.encode(long))
    masked.train()
    assert (masked.encode(long) - clean.encode(long)).abs().max() > 1e-2
    words = tiny_model(decoder_mask=0.5, noise="none")
    assert torch.equal(words(long).reconstruction, words(long).reconstruction)
    words.train()
    assert not torch.equal(words(long).reconstruction, words(long).reconstruction)


def test_memory_holds_the_newest_codes(tiny_model: Callable[..., TransformerVAE]) -> None:
    model = tiny_model(mmd_memory=5).train()
    batches = [IDS, IDS.flip(0), torch.randint(4, 14, (2, 4))]
    codes = [model(batch).latents for batch in batches]
    assert model.recent_count == 5
    assert torch.equal(model.recent_codes, torch.cat((codes[2], codes[1])))
    model.eval()
    model(IDS)
    assert torch.equal(model.recent_codes[:2], codes[2])
    assert "recent_codes" not in model.state_dict()


def test_a_batch_larger_than_the_memory(tiny_model: Callable[..., TransformerVAE]) -> None:
    model = tiny_model(mmd_memory=2).train()
    for _ in range(2):
        assert torch.isfinite(model(IDS).loss)
    assert model.recent_codes.shape == (2, 2, 4)
    assert model.recent_count == 2


@pytest.mark.parametrize("memory", [0, 8])
def test_one_item_is_a_batch(memory: int, tiny_model: Callable[..., TransformerVAE]) -> None:
    model = tiny_model(mmd_memory=memory).train()
    for _ in range(2):
        model(IDS[:1]).loss.backward()


def test_an_empty_text_is_a_sequence(tiny_model: Callable[..., TransformerVAE]) -> None:
    model = tiny_model()
    assert torch.isfinite(model.encode(torch.zeros(1, 1, dtype=torch.long))).all()


def test_bf16_autocast(tiny_model: Callable[..., TransformerVAE]) -> None:
    model = tiny_model(noise="none")
    full = model(IDS)
    with torch.autocast("cpu", torch.bfloat16):
        half = model.train()(IDS)
    half.loss.backward()
    assert half.latents.dtype == torch.float32
    torch.testing.assert_close(half.reconstruction, full.reconstruction, atol=0.1, rtol=0.05)


def test_a_short_training_learns_its_strings_by_heart(trained: Any) -> None:
    assert trained.losses[0] > 2.0
    assert sum(trained.losses[-5:]) / 5 < 0.4
    with torch.no_grad():
        output = trained.model(trained.ids)
    assert float(output.sequence_accuracy) > 0.9
    assert float(output.mmd) < 0.2
    assert 0.6 < float(output.latents.std()) < 1.5


def test_the_trained_code_is_what_the_decoder_reads(trained: Any) -> None:
    """With the codes of other strings the same tokens are no longer predicted."""
    ids, model = trained.ids, trained.model
    inputs, counted = F.pad(ids, (1, 0), value=1)[:, :-1], ids != 0
    with torch.no_grad():
        codes = model.encode(ids)
        right = [
            float((model.decode(inputs, latents, 0.1).argmax(-1) == ids)[counted].float().mean())
            for latents in (codes, codes.roll(7, 0))
        ]
    assert right[0] > 0.95
    assert right[1] < 0.6
