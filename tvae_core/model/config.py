"""`TVAEConfig`: the architecture of a Transformer-VAE as plain data, validated."""

from __future__ import annotations

import difflib
from dataclasses import fields
from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from tvae_core.architecture import Architecture, check_model

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
class TVAEConfig(Architecture, PreTrainedConfig):
    """The architecture as transformers keeps it, in `config.json`; unknown keys are refused."""

    model_type = "tvae"

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
        check_model(self, "TVAEConfig.")
        self.encoder_blocks = tuple(self.encoder_blocks)

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
