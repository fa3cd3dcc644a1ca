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
    ("wrong", "nearest"),
    [
        ("n_latents", "n_latent"),
        ("dmodel", "d_model"),
        ("sigma_maximum", "sigma_max"),
        ("latent_bounds", "latent_bound"),
    ],
)
def test_an_unknown_setting_is_refused_with_the_nearest(wrong: str, nearest: str) -> None:
    with pytest.raises(ValueError, match=f"{wrong}.*did you mean {nearest}"):
        TVAEConfig(**{wrong: 1})


def test_a_setting_like_no_other_is_refused_without_a_guess() -> None:
    with pytest.raises(ValueError, match=r"no setting 'qqqqqq'$"):
        TVAEConfig(qqqqqq=1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vocab_size", 0),
        ("max_length", 0),
        ("d_model", -8),
        ("d_model", 6),
        ("n_heads", 0),
        ("n_heads", 3),
        ("d_ff", 0),
        ("decoder_layers", 0),
        ("encoder_blocks", ()),
        ("encoder_blocks", (2, 0, 1)),
        ("n_latent", 0),
        ("latent_size", 0),
        ("latent_bound", "sigmoid"),
        ("noise", "gaussian"),
        ("mmd_scope", "code"),
        ("mmd_kernel", "rbf"),
        ("mmd_weight", -1.0),
        ("mmd_weight", float("nan")),
        ("mmd_moment", -0.1),
        ("mmd_memory", -1),
        ("sigma_min", 0.0),
        ("sigma_min", 9.0),
        ("sigma_max", 0.01),
        ("sigma_max", float("nan")),
        ("encoder_mask", 1.0),
        ("decoder_mask", -0.1),
        ("dropout", 1.5),
    ],
)
def test_impossible_values_name_the_setting(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"TVAEConfig\.\w+ must be") as caught:
        TVAEConfig(**{name: value})
    blamed = "sigma_min" if name.startswith("sigma") else name
    # heads that do not divide the width are told as a wrong width
    assert f"TVAEConfig.{blamed} " in str(caught.value) or "2 * n_heads" in str(caught.value)


def test_values_of_the_wrong_type_are_refused() -> None:
    with pytest.raises((ValueError, TypeError)):
        TVAEConfig(d_model="wide")


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
