"""`TVAEConfig`: every architectural number of a Transformer-VAE, validated, plain data."""

from __future__ import annotations

import difflib
import math
from dataclasses import fields
from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

_INHERITED = {
    "name_or_path",
    "transformers_version",
    "architectures",
    "model_type",
    "dtype",
    "torch_dtype",
    "attn_implementation",
    "tie_word_embeddings",
    "output_attentions",
    "use_cache",
}


@strict
class TVAEConfig(PreTrainedConfig):
    """Architecture, latent and training-noise settings; unknown keys are refused.

    Attributes:
        vocab_size: entries of the tokenizer, special tokens included.
        max_length: longest sequence, in tokens, that the model is asked for (without `<eos>`).
        d_model: width of the hidden states.
        n_heads: attention heads; divides `d_model` into even head sizes.
        d_ff: width of the gated feed-forward.
        encoder_blocks: layers of each Funnel block; between blocks the sequence is halved.
        decoder_layers: layers of the autoregressive decoder.
        window_size: positions of an attention window, in the decoder and in every Funnel block
            (0: full attention). A position sees its own window, every other layer's windows lie
            half a window further on, and the decoder always sees the whole latent memory.
        window_overlap: further positions that a window sees before it (in the encoder also
            after it).
        n_latent: latent tokens.
        latent_size: numbers in a latent token; the joint code has `n_latent * latent_size`.
        latent_bound: `none`, or `tanh` for the bounded code of the original system.
        latent_norm: `running` brings every number of the code to mean 0 and variance 1, see
            `tvae_core.model.latent.RunningNorm`; `none` leaves that to MMD alone.
        noise: what is added to the code while training: `random` (a level per item, log-uniform
            in `sigma_min..sigma_max` but for `sigma_tilt`, told to the decoder), `fixed` (always
            `sigma_max`, not told) or `none`.
        sigma_min: lowest noise level, in units of the prior's standard deviation.
        sigma_max: highest noise level.
        sigma_tilt: how much more often high levels are drawn; 1 is log-uniform, at 2 the density
            over log sigma rises linearly from none at `sigma_min`.
        n_coarse: how many of the first latent tokens are coarse (0: none): they are anchored to
            what makes items alike (`anchor_weight`), and the fine tokens after them are often
            noisier, so that the decoder learns to write items of a coarse code alone.
        fine_drown: share of items, while training, whose fine tokens have the noise `sigma_max`;
            as many have a level between that of their coarse tokens and `sigma_max`, the rest
            one level for all tokens.
        anchor_weight: weight of the squared distance of the coarse code from the item's features,
            whitened (`tvae_core.support.features`); 0 trains without features.
        mmd_scope: distribution that MMD compares with N(0, I): the `joint` code, each `token`
            alone, or `both` (their sum).
        mmd_kernel: `multiscale` (inverse multiquadric at seven scales around the dimension) or
            `original` (the single wide Gaussian of the original system).
        mmd_weight: weight of the MMD term once warmed up.
        mmd_moment: weight, within the MMD term, of the second-moment kernel that keeps the code
            from spending its variance on few of its dimensions.
        mmd_memory: codes of earlier batches that MMD also sees, so that length-bucketed batches
            do not pull every length to the prior on its own.
        encoder_mask: share of encoder input tokens replaced by `<mask>` while training.
        decoder_mask: share of decoder input tokens replaced by `<mask>` while training.
        dropout: dropout in attention output and feed-forward.
        rope_theta: base of the rotary positions.
        norm_eps: epsilon of RMSNorm.
        initializer_range: standard deviation of initial weights.
    """

    model_type = "tvae"

    vocab_size: int = 1024
    max_length: int = 256
    d_model: int = 256
    n_heads: int = 4
    d_ff: int = 512
    encoder_blocks: list[int] | tuple[int, ...] = (1, 1, 1)
    decoder_layers: int = 3
    window_size: int = 0
    window_overlap: int = 0
    n_latent: int = 4
    latent_size: int = 32
    latent_bound: str = "none"
    latent_norm: str = "none"
    noise: str = "random"
    sigma_min: float = 0.1
    sigma_max: float = 3.0
    sigma_tilt: float = 1.0
    n_coarse: int = 0
    fine_drown: float = 0.25
    anchor_weight: float = 0.0
    mmd_scope: str = "joint"
    mmd_kernel: str = "multiscale"
    mmd_weight: float = 10.0
    mmd_moment: float = 0.2
    mmd_memory: int = 1024
    encoder_mask: float = 0.0
    decoder_mask: float = 0.0
    dropout: float = 0.0
    rope_theta: float = 10_000.0
    norm_eps: float = 1e-6
    initializer_range: float = 0.02
    pad_token_id: int = 0
    bos_token_id: int = 1
    eos_token_id: int = 2
    mask_token_id: int = 3
    tie_word_embeddings: bool = True

    def __post_init__(self, **kwargs: Any) -> None:
        """Refuses unknown keys and impossible values.

        Raises:
            ValueError: naming the field and what it has to be.
        """
        known = {f.name for f in fields(self)} | _INHERITED
        for key in kwargs:
            if key not in known and not key.startswith("_"):
                near = difflib.get_close_matches(key, sorted(known), n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise ValueError(f"TVAEConfig has no setting {key!r}{hint}")
        super().__post_init__(**kwargs)  # type: ignore[no-untyped-call]
        self.encoder_blocks = tuple(self.encoder_blocks)
        self._validate()

    def _validate(self) -> None:
        for name in ("vocab_size", "max_length", "d_model", "n_heads", "d_ff", "decoder_layers"):
            _require(getattr(self, name) >= 1, name, "at least 1", getattr(self, name))
        for name in ("n_latent", "latent_size"):
            _require(getattr(self, name) >= 1, name, "at least 1", getattr(self, name))
        blocks = self.encoder_blocks
        _require(
            len(blocks) >= 1 and min(blocks) >= 1,
            "encoder_blocks",
            "at least one layer each",
            blocks,
        )
        _require(
            self.d_model % (2 * self.n_heads) == 0,
            "d_model",
            "a multiple of 2 * n_heads",
            self.d_model,
        )
        for name, allowed in (
            ("latent_bound", ("none", "tanh")),
            ("latent_norm", ("none", "running")),
            ("noise", ("random", "fixed", "none")),
            ("mmd_scope", ("joint", "token", "both")),
            ("mmd_kernel", ("multiscale", "original")),
        ):
            _require(
                getattr(self, name) in allowed,
                name,
                "one of " + ", ".join(allowed),
                getattr(self, name),
            )
        _require(
            0 < self.sigma_min <= self.sigma_max,
            "sigma_min",
            "positive and at most sigma_max",
            self.sigma_min,
        )
        _require(math.isfinite(self.sigma_max), "sigma_max", "finite", self.sigma_max)
        for name in ("sigma_tilt", "rope_theta", "norm_eps"):
            value = getattr(self, name)
            _require(0 < value < math.inf, name, "positive and finite", value)
        for name in ("encoder_mask", "decoder_mask", "dropout"):
            _require(
                0 <= getattr(self, name) < 1, name, "in 0..1 (1 excluded)", getattr(self, name)
            )
        _require(self.window_size != 1, "window_size", "0 (off) or at least 2", self.window_size)
        _require(
            self.window_overlap <= self.window_size,
            "window_overlap",
            "at most window_size",
            self.window_overlap,
        )
        _require(0 <= self.n_coarse <= self.n_latent, "n_coarse", "0 to n_latent", self.n_coarse)
        _require(0 <= self.fine_drown <= 0.5, "fine_drown", "in 0..0.5", self.fine_drown)
        _require(
            not self.anchor_weight or self.n_coarse > 0,
            "anchor_weight",
            "0 where n_coarse is 0",
            self.anchor_weight,
        )
        for name in (
            "anchor_weight",
            "mmd_weight",
            "mmd_moment",
            "mmd_memory",
            "window_size",
            "window_overlap",
        ):
            _require(getattr(self, name) >= 0, name, "zero or more", getattr(self, name))

    @property
    def code_size(self) -> int:
        """Numbers in the joint code, `n_latent * latent_size`."""
        return self.n_latent * self.latent_size

    @property
    def coarse_size(self) -> int:
        """Numbers in the coarse code, `n_coarse * latent_size`."""
        return self.n_coarse * self.latent_size

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.d_model // self.n_heads


def _require(holds: bool, name: str, wanted: str, value: object) -> None:
    if not holds:
        raise ValueError(f"TVAEConfig.{name} must be {wanted}, not {value!r}")
