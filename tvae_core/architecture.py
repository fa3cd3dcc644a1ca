"""Every architectural number of a Transformer-VAE: type, range and meaning; nothing of torch.

`ModelSettings` are those that presets and flags give, `Architecture` has those beside them that the
config of a bundle holds. `tvae_core.config.TVAEConfig` is one that transformers saves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from tvae_core.support.settings import Layers, check, setting

MOST_BLOCKS, MOST_LAYERS = 64, 1 << 10
"""Of the encoder: blocks, and layers of all of them together."""
MOST_CODE = 1 << 16
"""Numbers in a joint code: a prior has the square of it."""
MOST_MEMORY = 1 << 28
"""Numbers in `mmd_memory` codes."""


@dataclass(kw_only=True)
class ModelSettings:
    """What a preset's table `[model]` and the flags of the model may give."""

    max_length: Annotated[
        int,
        setting(
            "longest sequence that the model is asked for, without <eos>",
            default="half as long again as the longest training item",
            unit="tokens", ge=1, le=1 << 20,
        ),
    ] = 256  # fmt: skip
    d_model: Annotated[
        int, setting("width of the hidden states, a multiple of 2 * n_heads", ge=1, le=1 << 15)
    ] = 256
    n_heads: Annotated[int, setting("attention heads", ge=1, le=1 << 10)] = 4
    d_ff: Annotated[int, setting("width of the gated feed-forward", ge=1, le=1 << 17)] = 512
    encoder_blocks: Annotated[
        Layers,
        setting("layers of each Funnel block; between blocks the sequence is halved"),
    ] = (1, 1, 1)
    decoder_layers: Annotated[
        int, setting("layers of the autoregressive decoder", ge=1, le=1 << 10)
    ] = 3
    window_size: Annotated[
        int,
        setting(
            "attention window in the decoder and in every Funnel block, 2 or more (0: full "
            "attention); every other layer's windows lie half a window further on, and the decoder "
            "always sees the whole latent memory",
            unit="positions", ge=0, le=1 << 20,
        ),
    ] = 0  # fmt: skip
    window_overlap: Annotated[
        int,
        setting(
            "further positions that a window sees before it, in the encoder also after it; at most "
            "window_size",
            unit="positions", ge=0, le=1 << 20,
        ),
    ] = 0  # fmt: skip
    n_latent: Annotated[int, setting("latent tokens", ge=1, le=1 << 14)] = 4
    latent_size: Annotated[int, setting("numbers in a latent token", ge=1, le=1 << 14)] = 32
    latent_bound: Annotated[
        Literal["none", "tanh"],
        setting("tanh bounds the code, as the original system did"),
    ] = "none"
    latent_norm: Annotated[
        Literal["none", "running"],
        setting(
            "running brings every number of the code to mean 0 and variance 1, see "
            "tvae_core.latent.RunningNorm; none leaves that to MMD alone"
        ),
    ] = "none"
    noise: Annotated[
        Literal["random", "fixed", "none"],
        setting(
            "what is added to the code while training: a level for each item, log-uniform in "
            "sigma_min..sigma_max but for sigma_tilt, told to the decoder; always sigma_max, not "
            "told; or nothing"
        ),
    ] = "random"
    sigma_min: Annotated[
        float, setting("lowest noise level", unit="standard deviations of the prior", gt=0)
    ] = 0.1
    sigma_max: Annotated[
        float, setting("highest noise level", unit="standard deviations of the prior", gt=0)
    ] = 3.0
    sigma_tilt: Annotated[
        float,
        setting(
            "how much more often high levels are drawn; 1 is log-uniform, at 2 the density over "
            "log sigma rises linearly from none at sigma_min",
            gt=0,
        ),
    ] = 1.0
    n_coarse: Annotated[
        int,
        setting(
            "how many of the first latent tokens are coarse: they are anchored to what makes items "
            "alike (anchor_weight), and the fine tokens after them are often noisier, so that the "
            "decoder learns to write items of a coarse code alone",
            unit="tokens, at most n_latent", ge=0, le=1 << 14,
        ),
    ] = 0  # fmt: skip
    fine_drown: Annotated[
        float,
        setting(
            "share of items, while training, whose fine tokens have the noise sigma_max; as many "
            "have a level between that of their coarse tokens and sigma_max, the rest one level "
            "for all tokens",
            ge=0, le=0.5,
        ),
    ] = 0.25  # fmt: skip
    anchor_weight: Annotated[
        float,
        setting(
            "weight of the squared distance of the coarse code from the item's features, whitened "
            "(tvae_core.support.features); 0 trains without features",
            ge=0,
        ),
    ] = 0.0
    mmd_scope: Annotated[
        Literal["joint", "token", "both"],
        setting("what MMD compares with N(0, I): the joint code, each token alone, or their sum"),
    ] = "joint"
    mmd_kernel: Annotated[
        Literal["multiscale", "original"],
        setting(
            "inverse multiquadric at seven scales around the dimension, or the single wide "
            "Gaussian of the original system"
        ),
    ] = "multiscale"
    mmd_weight: Annotated[float, setting("weight of the MMD term once warmed up", ge=0)] = 10.0
    mmd_moment: Annotated[
        float,
        setting(
            "weight, within the MMD term, of the second-moment kernel that keeps the code from "
            "spending its variance on few of its dimensions",
            ge=0,
        ),
    ] = 0.2
    mmd_memory: Annotated[
        int,
        setting(
            "codes of earlier batches that MMD also sees, so that length-bucketed batches do not "
            "pull every length to the prior on its own",
            unit="codes", ge=0, le=1 << 20,
        ),
    ] = 1024  # fmt: skip
    encoder_mask: Annotated[
        float,
        setting("share of encoder input tokens replaced by <mask> while training", ge=0, lt=1),
    ] = 0.0
    decoder_mask: Annotated[
        float,
        setting("share of decoder input tokens replaced by <mask> while training", ge=0, lt=1),
    ] = 0.0
    dropout: Annotated[
        float, setting("dropout in attention output and feed-forward", ge=0, lt=1)
    ] = 0.0
    rope_theta: Annotated[float, setting("base of the rotary positions", gt=0)] = 10_000.0


@dataclass(kw_only=True)
class Architecture(ModelSettings):
    """The settings of a model and what beside them its weights and tokens depend on."""

    vocab_size: Annotated[
        int, setting("entries of the tokenizer, special tokens included", ge=1, le=1 << 20)
    ] = 1024
    norm_eps: Annotated[float, setting("epsilon of RMSNorm", gt=0)] = 1e-6
    initializer_range: Annotated[float, setting("standard deviation of initial weights")] = 0.02
    pad_token_id: int = 0
    bos_token_id: int = 1
    eos_token_id: int = 2
    mask_token_id: int = 3


@dataclass(kw_only=True)
class PriorSize:
    """The network of the flow prior, as a bundle's manifest has it."""

    width: Annotated[int, setting("width of its layers", ge=1, le=1 << 15)] = 256
    depth: Annotated[int, setting("layers", ge=1, le=1 << 8)] = 3


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
