"""`TVAEConfig`: what it refuses, and that it survives saving as plain data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModel

from tvae_core.model.config import TVAEConfig
from tvae_core.model.vae import TransformerVAE


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_latents": 1}, "n_latents.*did you mean n_latent"),
        ({"sigma_maximum": 1}, "sigma_maximum.*did you mean sigma_max"),
        ({"qqqqqq": 1}, "no setting 'qqqqqq'$"),
        ({"d_model": "wide"}, r"^TVAEConfig\.d_model must be a whole number, not 'wide'"),
        ({"encoder_blocks": 3}, r"^TVAEConfig\.encoder_blocks must be a list"),
        ({"vocab_size": 0}, r"^TVAEConfig\.vocab_size must be at least 1, not 0"),
        ({"n_heads": 3}, r"^TVAEConfig\.d_model must be a multiple"),
    ],
)
def test_what_the_schema_has_not_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TVAEConfig(**changes)


def test_round_trip_through_json(tiny_config: Callable[..., TVAEConfig], tmp_path: Path) -> None:
    config = tiny_config(encoder_blocks=(2, 1), noise="fixed", sigma_max=0.7, mmd_scope="both")
    config.save_pretrained(tmp_path)
    plain = json.loads((tmp_path / "config.json").read_text())
    assert plain["model_type"] == "tvae"
    assert plain["encoder_blocks"] == [2, 1]
    own = TVAEConfig.from_pretrained(tmp_path)
    by_type = AutoConfig.from_pretrained(tmp_path)
    for loaded in (own, by_type):
        assert isinstance(loaded, TVAEConfig)
        assert loaded.encoder_blocks == (2, 1)
        assert loaded.to_dict() | {"_name_or_path": ""} == config.to_dict()
    assert (own.code_size, own.head_size) == (8, 16)


def test_an_unknown_key_in_a_file_is_refused(
    tiny_config: Callable[..., TVAEConfig], tmp_path: Path
) -> None:
    tiny_config().save_pretrained(tmp_path)
    file = tmp_path / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"n_latnet": 9}))
    with pytest.raises(ValueError, match="did you mean n_latent"):
        TVAEConfig.from_pretrained(tmp_path)


def test_models_save_and_load_equal(
    tiny_model: Callable[..., TransformerVAE], tmp_path: Path
) -> None:
    model = tiny_model(seed=3)
    model.save_pretrained(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"config.json", "model.safetensors"}
    ids = torch.tensor([[5, 6, 7, 0], [8, 9, 10, 11]])
    for loaded in (TransformerVAE.from_pretrained(tmp_path), AutoModel.from_pretrained(tmp_path)):
        assert isinstance(loaded, TransformerVAE)
        for name, value in model.state_dict().items():
            assert torch.equal(loaded.state_dict()[name], value), name
        loaded.eval()
        # to the last bits alone: what a product's sums are split into depends on where weights lie
        torch.testing.assert_close(loaded.encode(ids), model.encode(ids), rtol=1e-5, atol=1e-6)
        ours, theirs = loaded(ids).reconstruction, model(ids).reconstruction
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_a_loaded_model_trains_with_its_memory(
    tiny_model: Callable[..., TransformerVAE], tmp_path: Path
) -> None:
    tiny_model().save_pretrained(tmp_path)
    model = TransformerVAE.from_pretrained(tmp_path).train()
    ids = torch.tensor([[5, 6, 7, 0], [8, 9, 10, 11]])
    for _ in range(3):
        loss = model(ids).loss
        assert torch.isfinite(loss)
        loss.backward()
    assert model.recent_count == 6
    assert torch.isfinite(model.recent_codes[:6]).all()
