"""The original system's architecture, assembled from `transformers`, as the bench's baseline.

Funnel encoder (relative-shift attention, post-norm), `tanh` latents read from the first encoder
states, T5 decoder (ReLU feed-forward, relative position bias) with the output projection tied to
the embedding, and per-token MMD over tiled differences. Width, depth, heads, vocabulary and code
are those of the `TVAEConfig` it is compared with; a feed-forward of the same number of weights is
1.5 times as wide as a gated one. No windows and no checkpointing: neither makes a step cheaper.

Two readings of it: on equal terms (dropout as ours, the decoder attends to the latent tokens), and
as the original ran it (dropout 0.1, the latents upsampled to the length of the row before the
decoder attends to them).

Its MMD tiles both sets to `(n, m, d)`, then subtracts: the estimate of `tvae_core.model.mmd.mmd`,
number by number, by another way to the pairwise distances.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    FunnelBaseModel,
    FunnelConfig,
    LogitsProcessor,
    T5Config,
    T5ForConditionalGeneration,
)
from transformers.modeling_outputs import BaseModelOutput

from tvae_core.model.config import TVAEConfig
from tvae_core.model.mmd import kernel


def tiled_distances(x: Tensor, y: Tensor, chunk: int | None = None) -> Tensor:
    """Squared distances `(n, m)` of `(n, d)` and `(m, d)` through their `(n, m, d)` differences.

    Args:
        x: rows.
        y: rows.
        chunk: rows of `x` at once; None for all, as in the original.
    """
    parts = [(part[:, None] - y[None]).square().sum(2) for part in x.split(chunk or max(len(x), 1))]
    return torch.cat(parts)


def tiled_mmd(x: Tensor, y: Tensor, name: str = "original", chunk: int | None = None) -> Tensor:
    """Unbiased MMD^2 (Gretton et al. 2012, JMLR 13) of `(n, d)` and `(m, d)`, by tiling.

    Args:
        x: codes, n at least 2.
        y: draws of the prior, m at least 2.
        name: kernel, see `tvae_core.model.mmd.kernel`.
        chunk: rows at once; None for all, as in the original.
    """
    n, m, size = len(x), len(y), x.shape[1]
    own = kernel(tiled_distances(x, x, chunk), size, name)
    prior = kernel(tiled_distances(y, y, chunk), size, name)
    cross = kernel(tiled_distances(x, y, chunk), size, name)
    own_term = (own.sum() - own.diagonal().sum()) / (n * (n - 1))
    prior_term = (prior.sum() - prior.diagonal().sum()) / (m * (m - 1))
    return own_term + prior_term - 2 * cross.mean()


def tiled_bytes(n: int, size: int, element: int = 4) -> int:
    """Bytes of one `(n, n, size)` tensor of the tiled form."""
    return n * n * size * element


ORIGINAL_DROPOUT = 0.1


class OriginalVAE(nn.Module):
    """Funnel encoder, `tanh` latent tokens, T5 decoder.

    Args:
        config: the architecture to match.
        own: dropout and upsampling as the original had them.
    """

    def __init__(self, config: TVAEConfig, own: bool = False) -> None:
        super().__init__()
        self.config, self.own = config, own
        dropout = ORIGINAL_DROPOUT if own else config.dropout
        shared: dict[str, Any] = {"d_model": config.d_model, "pad_token_id": config.pad_token_id}
        start: dict[str, Any] = {"decoder_start_token_id": config.pad_token_id}
        inner = config.d_ff * 3 // 2
        funnel = FunnelConfig(
            vocab_size=config.pad_token_id + 1,  # embeddings come from the decoder
            block_sizes=list(config.encoder_blocks),
            n_head=config.n_heads,
            d_head=config.head_size,
            d_inner=inner,
            hidden_dropout=dropout,
            attention_dropout=dropout,
            **shared,
        )
        t5 = T5Config(
            vocab_size=config.vocab_size,
            num_layers=0,  # of T5's own encoder, which is not used
            num_decoder_layers=config.decoder_layers,
            num_heads=config.n_heads,
            d_kv=config.head_size,
            d_ff=inner,
            dropout_rate=dropout,
            eos_token_id=config.eos_token_id,
            **start,
            **shared,
        )
        self.encoder = FunnelBaseModel(funnel).encoder
        self.t5 = T5ForConditionalGeneration(t5)
        self.to_latent = nn.Linear(config.d_model, config.latent_size)
        self.from_latent = nn.Linear(config.latent_size, config.d_model)

    def encode(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Latents `(b, n_latent, latent_size)` in -1..1 of padded rows `(b, length)`.

        Raises:
            ValueError: when pooling leaves fewer states than there are latent tokens.
        """
        embedded = self.t5.shared(input_ids)
        segments = torch.zeros_like(input_ids)
        states = self.encoder(embedded, attention_mask, token_type_ids=segments).last_hidden_state
        wanted = self.config.n_latent
        if states.shape[1] < wanted:
            raise ValueError(
                f"the original's encoder leaves {states.shape[1]} states of {input_ids.shape[1]} "
                f"tokens, fewer than the {wanted} latent tokens; give a longer --length"
            )
        latents: Tensor = self.to_latent(states[:, :wanted]).tanh()
        return latents

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Training loss of padded rows `(b, length)`, `<eos>` included."""
        latents = self.encode(input_ids, attention_mask)
        labels = input_ids.masked_fill(attention_mask == 0, -100)
        encoded = self._memory(latents, input_ids.shape[1])
        output = self.t5(encoder_outputs=encoded, labels=labels, use_cache=False)
        loss: Tensor = output.loss
        if latents.shape[0] < 2:
            return loss
        prior = torch.randn_like(latents)
        per_token = [tiled_mmd(latents[:, i], prior[:, i]) for i in range(latents.shape[1])]
        return loss + torch.stack(per_token).mean()

    def _memory(self, latents: Tensor, length: int) -> BaseModelOutput:
        states = self.from_latent(latents)
        if self.own:
            times = -(-length // states.shape[1])
            states = states.repeat_interleave(times, 1)[:, :length]
        return BaseModelOutput(last_hidden_state=states)

    @torch.inference_mode()
    def generate(
        self, latents: Tensor, length: int, use_cache: bool, lengths: Tensor | None = None
    ) -> Tensor:
        """Greedy decoding to exactly `length` tokens by `transformers`' `generate`.

        Args:
            latents: `(b, n_latent, latent_size)`.
            length: tokens a row.
            use_cache: False recomputes the whole prefix for every token, as the original does.
            lengths: `(b,)` tokens of each row, `<eos>` included, instead of `length`.

        Returns:
            `(b, length)`, padded.
        """
        ending = _Ending(lengths, self.config.eos_token_id) if lengths is not None else None
        encoded = self._memory(latents, length)
        decoder: Any = self.t5
        rows: Tensor = decoder.generate(
            encoder_outputs=encoded,
            min_new_tokens=length if lengths is None else None,
            logits_processor=None if ending is None else [ending],
            max_new_tokens=length,
            do_sample=False,
            num_beams=1,
            use_cache=use_cache,
        )
        return rows[:, 1:]


class _Ending(LogitsProcessor):
    """Ends each row after its own number of tokens, and not before."""

    def __init__(self, lengths: Tensor, end: int) -> None:
        self.lengths, self.end = lengths, end

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        ends = self.lengths <= input_ids.shape[1]  # which has one token in front
        scores = scores.masked_fill(ends[:, None], -torch.inf)
        scores[:, self.end] = torch.where(ends, 0.0, -torch.inf)
        return scores
