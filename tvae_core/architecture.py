"""Every architectural number of a Transformer-VAE: type, range and meaning; nothing of torch.

`ModelSettings` are those that presets and flags give, `Architecture` has those beside them that the
config of a bundle holds. `tvae_core.model.config.TVAEConfig` is one that transformers saves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tvae_core.support.settings import check, setting

MOST_BLOCKS, MOST_LAYERS = 64, 1 << 10
"""Of the encoder: blocks, and layers of all of them together."""
MOST_CODE = 1 << 16
"""Numbers in a joint code: a prior has the square of it."""
PRIORS = ("flow", "gaussian", "normal")
"""What codes can be drawn from, see `tvae_core.model.prior`."""
MOST_MEMORY = 1 << 28
"""Numbers in `mmd_memory` codes."""


@dataclass(kw_only=True)
class ModelSettings:
    """What a preset's table `[model]` and the flags of the model may give."""

    max_length: int = setting(
        256,
        "longest sequence that the model is asked for, without <eos>",
        taken="half as long again as the longest training item",
        unit="tokens",
        ge=1,
        le=1 << 20,
    )
    d_model: int = setting(
        256, "width of the hidden states, a multiple of 2 * n_heads", ge=1, le=1 << 15
    )
    n_heads: int = setting(4, "attention heads", ge=1, le=1 << 10)
    d_ff: int = setting(512, "width of the gated feed-forward", ge=1, le=1 << 17)
    encoder_blocks: tuple[int, ...] = setting(
        (1, 1, 1), "layers of each Funnel block; between blocks the sequence is halved"
    )
    decoder_layers: int = setting(3, "layers of the autoregressive decoder", ge=1, le=1 << 10)
    window_size: int = setting(
        0,
        "attention window in the decoder and in every Funnel block, 2 or more (0: full "
        "attention); every other layer's windows lie half a window further on, and the "
        "decoder always sees the whole latent memory",
        unit="positions",
        ge=0,
        le=1 << 20,
    )
    window_overlap: int = setting(
        0,
        "further positions that a window sees before it, in the encoder also after it; at "
        "most window_size",
        unit="positions",
        ge=0,
        le=1 << 20,
    )
    n_latent: int = setting(4, "latent tokens", ge=1, le=1 << 14)
    latent_size: int = setting(32, "numbers in a latent token", ge=1, le=1 << 14)
    latent_bound: Literal["none", "tanh"] = setting(
        "none", "tanh bounds the code, as the original system did"
    )
    latent_norm: Literal["none", "running"] = setting(
        "none",
        "running brings every number of the code to mean 0 and variance 1, see "
        "tvae_core.model.latent.RunningNorm; none leaves that to MMD alone",
    )
    noise: Literal["random", "fixed", "none"] = setting(
        "random",
        "what is added to the code while training: a level for each item, log-uniform in "
        "sigma_min..sigma_max but for sigma_tilt, told to the decoder; always sigma_max, "
        "not told; or nothing",
    )
    sigma_min: float = setting(
        0.1, "lowest noise level", unit="standard deviations of the prior", gt=0
    )
    sigma_max: float = setting(
        3.0, "highest noise level", unit="standard deviations of the prior", gt=0
    )
    sigma_tilt: float = setting(
        1.0,
        "how much more often high levels are drawn; 1 is log-uniform, at 2 the density over"
        " log sigma rises linearly from none at sigma_min",
        gt=0,
    )
    n_coarse: int = setting(
        0,
        "how many of the first latent tokens are coarse: they are anchored to what makes "
        "items alike (anchor_weight), and the fine tokens after them are often noisier, so "
        "that the decoder learns to write items of a coarse code alone",
        unit="tokens, at most n_latent",
        ge=0,
        le=1 << 14,
    )
    fine_drown: float = setting(
        0.25,
        "share of items, while training, whose fine tokens have the noise sigma_max; as "
        "many have a level between that of their coarse tokens and sigma_max, the rest one "
        "level for all tokens",
        ge=0,
        le=0.5,
    )
    anchor_weight: float = setting(
        0.0,
        "weight of the squared distance of the coarse code from the item's features, "
        "whitened (tvae_core.support.features); 0 trains without features",
        ge=0,
    )
    mmd_scope: Literal["joint", "token", "both"] = setting(
        "joint", "what MMD compares with N(0, I): the joint code, each token alone, or their sum"
    )
    mmd_kernel: Literal["multiscale", "original"] = setting(
        "multiscale",
        "inverse multiquadric at seven scales around the dimension, or the single wide "
        "Gaussian of the original system",
    )
    mmd_weight: float = setting(10.0, "weight of the MMD term once warmed up", ge=0)
    mmd_moment: float = setting(
        0.2,
        "weight, within the MMD term, of the second-moment kernel that keeps the code from "
        "spending its variance on few of its dimensions",
        ge=0,
    )
    mmd_memory: int = setting(
        1024,
        "codes of earlier batches that MMD also sees, so that length-bucketed batches do "
        "not pull every length to the prior on its own",
        unit="codes",
        ge=0,
        le=1 << 20,
    )
    encoder_mask: float = setting(
        0.0, "share of encoder input tokens replaced by <mask> while training", ge=0, lt=1
    )
    decoder_mask: float = setting(
        0.0, "share of decoder input tokens replaced by <mask> while training", ge=0, lt=1
    )
    dropout: float = setting(0.0, "dropout in attention output and feed-forward", ge=0, lt=1)
    rope_theta: float = setting(10_000.0, "base of the rotary positions", gt=0)


@dataclass(kw_only=True)
class Architecture(ModelSettings):
    """The settings of a model and what beside them its weights and tokens depend on."""

    vocab_size: int = setting(
        1024, "entries of the tokenizer, special tokens included", ge=1, le=1 << 20
    )
    norm_eps: float = setting(1e-6, "epsilon of RMSNorm", gt=0)
    initializer_range: float = setting(0.02, "standard deviation of initial weights")
    pad_token_id: int = 0
    bos_token_id: int = 1
    eos_token_id: int = 2
    mask_token_id: int = 3


@dataclass(kw_only=True)
class PriorSize:
    """The network of the flow prior, as a bundle's manifest has it."""

    width: int = setting(256, "width of its layers", ge=1, le=1 << 15)
    depth: int = setting(3, "layers", ge=1, le=1 << 8)


def check_model(model: Architecture, where: str = "") -> None:
    """Refuses settings that no model has, alone and together.

    Raises:
        ValueError: naming the setting, what it has to be, and its value.
    """
    values = vars(model)
    check(Architecture, values, where)
    blocks_and_code(values)
    for name, holds, wanted in (
        ("d_model", model.d_model % (2 * model.n_heads) == 0, "a multiple of 2 * n_heads"),
        ("sigma_min", model.sigma_min <= model.sigma_max, "positive and at most sigma_max"),
        ("window_size", model.window_size != 1, "0 (off) or at least 2"),
        ("window_overlap", model.window_overlap <= model.window_size, "at most window_size"),
        ("n_coarse", model.n_coarse <= model.n_latent, "0 to n_latent"),
        ("anchor_weight", not model.anchor_weight or model.n_coarse > 0, "0 where n_coarse is 0"),
    ):
        if not holds:
            raise ValueError(f"{where}{name} must be {wanted}, not {values[name]!r}")


def blocks_and_code(values: Mapping[str, Any]) -> None:
    """Refuses sizes that are in range each and together more than memory holds.

    Args:
        values: settings by name, in range; only those that are given are looked at.

    Raises:
        ValueError: naming the settings and the most they may be.
    """
    blocks = values.get("encoder_blocks", ())
    if len(blocks) > MOST_BLOCKS or sum(blocks) > MOST_LAYERS:
        raise ValueError(
            f"encoder_blocks must be at most {MOST_LAYERS:,} layers in {MOST_BLOCKS} blocks"
        )
    if "n_latent" in values and "latent_size" in values:
        size = values["n_latent"] * values["latent_size"]
        if size > MOST_CODE:
            raise ValueError(f"n_latent * latent_size must be at most {MOST_CODE:,}, not {size:,}")
        memory = values.get("mmd_memory", 0)
        if memory * size > MOST_MEMORY:
            raise ValueError(f"mmd_memory of {memory:,} codes of {size:,} numbers is too large")
