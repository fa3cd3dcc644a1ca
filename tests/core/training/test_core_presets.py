"""The core's presets: the original system's names as architectures and settings of this core."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tvae_core.bench.baseline import OriginalVAE
from tvae_core.model.config import TVAEConfig
from tvae_core.model.vae import TransformerVAE
from tvae_core.training.presets import CORE_PRESETS, TrainSettings, find_presets, load_preset, merge

NAMES = sorted(find_presets([CORE_PRESETS]))
VOCABULARY = 32_128


def merged(*names: str) -> tuple[TVAEConfig, TrainSettings]:
    found = merge(names, [CORE_PRESETS], {})
    return TVAEConfig(vocab_size=VOCABULARY, **found.model), TrainSettings(**found.train)


def test_the_names_of_the_original_are_there() -> None:
    assert set(NAMES) == {
        *("base", "large_model", "funnel_tiny", "funnel_small", "funnel_medium"),
        *("window60", "window120", "window200"),
        *("grad_check_pnt", "grad_check_pnt_enc", "adafactor", "muon"),
        *("full_1_tkn", "full_5_tkn", "full_30_tkn", "half_5_tkn", "qrtr_5_tkn"),
        *("eigth_5_tkn", "tenth_5_tkn", "16th_5_tkn", "cmp_5_tkn"),
        *("full_15_tkn", "32_latent", "grad_check_pnt_decoder"),
        *("batch_small", "batch_medium", "batch_large", "5Seq", "30Seq", "60Seq"),
        *("grad_accumulation_small", "grad_accumulation_medium"),
        *("eval", "no_reg", "cycle_loss", "interpolate_batch", "finetune", "coarse"),
    }


@pytest.mark.parametrize("name", NAMES)
def test_each_goes_on_top_of_base(name: str) -> None:
    tables = load_preset(name, [CORE_PRESETS])
    config, settings = merged("base", name)
    given: dict[str, Any] = tables["model"] | tables["train"]
    assert given
    for key, value in given.items():
        found = getattr(config if key in tables["model"] else settings, key)
        assert (list(found) if isinstance(value, list) else found) == value
    plain = merged("base")
    if name not in ("base", "tenth_5_tkn"):
        assert (config.to_dict(), settings) != (plain[0].to_dict(), plain[1])


def parameters(kind: Any, config: TVAEConfig) -> int:
    with torch.device("meta"):
        return sum(weight.numel() for weight in kind(config).parameters())


@pytest.mark.parametrize(
    ("names", "millions"),
    [
        (("base",), 276.3),
        (("large_model",), 764.1),
        (("base", "funnel_tiny"), 161.1),
        (("base", "funnel_medium"), 207.2),
    ],
    ids=["base", "large_model", "funnel_tiny", "funnel_medium"],
)
def test_about_as_many_weights_as_the_original(names: tuple[str, ...], millions: float) -> None:
    config, _ = merged(*names)
    original = parameters(OriginalVAE, config)
    assert original / 1e6 == pytest.approx(millions, abs=0.1)
    assert parameters(TransformerVAE, config) == pytest.approx(original, rel=0.03)
