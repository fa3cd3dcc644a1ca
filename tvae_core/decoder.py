"""The autoregressive decoder: causal self-attention, cross-attention to the latent memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tvae_core.config import TVAEConfig
from tvae_core.layers import Attention, FeedForward, RMSNorm, Rotary, rotary_table


@dataclass
class DecoderCache:
    """Static key/value cache of one batch; `filled` positions of it are in use.

    `keys` and `values` are `(layers, b, h, capacity, e)`, `memory_keys` and `memory_values`
    `(layers, b, h, n_latent, e)`, `summary` is `(b, d)`.
    """

    keys: Tensor
    values: Tensor
    memory_keys: Tensor
    memory_values: Tensor
    summary: Tensor
    filled: int = 0

    def grow(self, capacity: int) -> None:
        """Makes room for `capacity` positions in all."""
        more = capacity - self.keys.shape[3]
        self.keys = nn.functional.pad(self.keys, (0, 0, 0, more))
        self.values = nn.functional.pad(self.values, (0, 0, 0, more))

    def select(self, rows: Tensor) -> DecoderCache:
        """The cache of the given rows `(n,)`, for when finished rows leave the batch."""
        return DecoderCache(
            self.keys[:, rows],
            self.values[:, rows],
            self.memory_keys[:, rows],
            self.memory_values[:, rows],
            self.summary[rows],
            self.filled,
        )


class DecoderLayer(nn.Module):
    """Pre-norm self-attention, cross-attention and feed-forward."""

    def __init__(self, config: TVAEConfig) -> None:
        super().__init__()
        self.norm = RMSNorm(config.d_model, config.norm_eps)
        self.attention = Attention(config)
        self.cross_norm = RMSNorm(config.d_model, config.norm_eps)
        self.cross = Attention(config)
        self.ff_norm = RMSNorm(config.d_model, config.norm_eps)
        self.ff = FeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, memory: tuple[Tensor, Tensor], rotary: Rotary) -> Tensor:
        """`(b, length, d)` -> the same; `memory` holds projected keys and values."""
        normed = self.norm(x)
        q = self.attention.queries(normed, rotary)
        k, v = self.attention.keys_values(normed, rotary)
        x = x + self.dropout(self.attention.attend(q, k, v, causal=True))
        return self._rest(x, memory)

    def step(
        self,
        x: Tensor,
        memory: tuple[Tensor, Tensor],
        rotary: Rotary,
        cache: DecoderCache,
        layer: int,
    ) -> Tensor:
        """One new position `(b, 1, d)`, writing its key and value into the cache."""
        normed = self.norm(x)
        q = self.attention.queries(normed, rotary)
        k, v = self.attention.keys_values(normed, rotary)
        cache.keys[layer, :, :, cache.filled] = k[:, :, 0].to(cache.keys.dtype)
        cache.values[layer, :, :, cache.filled] = v[:, :, 0].to(cache.values.dtype)
        end = cache.filled + 1
        keys, values = cache.keys[layer, :, :, :end], cache.values[layer, :, :, :end]
        x = x + self.attention.attend(q, keys, values)
        return self._rest(x, memory)

    def _rest(self, x: Tensor, memory: tuple[Tensor, Tensor]) -> Tensor:
        q = self.cross.queries(self.cross_norm(x))
        x = x + self.dropout(self.cross.attend(q, memory[0], memory[1]))
        mixed: Tensor = x + self.dropout(self.ff(self.ff_norm(x)))
        return mixed


class Decoder(nn.Module):
    """Embedded tokens and a latent memory -> hidden states that predict the next token."""

    def __init__(self, config: TVAEConfig) -> None:
        super().__init__()
        self.head_size, self.theta = config.head_size, config.rope_theta
        self.memory_norm = RMSNorm(config.d_model, config.norm_eps)
        layers = [DecoderLayer(config) for _ in range(config.decoder_layers)]
        self.layers: Sequence[DecoderLayer] = nn.ModuleList(layers)  # type: ignore[assignment]
        self.norm = RMSNorm(config.d_model, config.norm_eps)

    def forward(self, x: Tensor, memory: Tensor, summary: Tensor) -> Tensor:
        """Teacher-forced pass over whole sequences.

        Args:
            x: `(b, length, d)` embedded inputs, `<bos>` first.
            memory: `(b, n_latent, d)`.
            summary: `(b, d)`, added to every input.

        Returns:
            `(b, length, d)`; position i predicts token i + 1.
        """
        memory = self.memory_norm(memory)
        positions = torch.arange(x.shape[1], device=x.device)
        rotary = rotary_table(positions, self.head_size, self.theta, x.dtype)
        x = x + summary[:, None]
        for layer in self.layers:
            x = layer(x, layer.cross.keys_values(memory), rotary)
        normed: Tensor = self.norm(x)
        return normed

    def start(self, memory: Tensor, summary: Tensor, capacity: int) -> DecoderCache:
        """An empty cache for `capacity` positions, with the memory already projected."""
        memory = self.memory_norm(memory)
        projected = [layer.cross.keys_values(memory) for layer in self.layers]
        batch, heads = memory.shape[0], self.layers[0].attention.n_heads
        shape = (len(self.layers), batch, heads, capacity, self.head_size)
        return DecoderCache(
            memory.new_zeros(shape),
            memory.new_zeros(shape),
            torch.stack([k for k, _ in projected]),
            torch.stack([v for _, v in projected]),
            summary,
        )

    def step(self, x: Tensor, cache: DecoderCache) -> Tensor:
        """One position `(b, 1, d)` -> its hidden state `(b, 1, d)`; advances the cache."""
        position = torch.tensor([cache.filled], device=x.device)
        rotary = rotary_table(position, self.head_size, self.theta, x.dtype)
        x = x + cache.summary[:, None]
        for index, layer in enumerate(self.layers):
            memory = cache.memory_keys[index], cache.memory_values[index]
            x = layer.step(x, memory, rotary, cache, index)
        cache.filled += 1
        normed: Tensor = self.norm(x)
        return normed
