"""The autoregressive decoder: causal self-attention, cross-attention to the latent memory.

Self-attention is full or windowed (see `windows`); the memory is visible from every position.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from tvae_core.model.config import TVAEConfig
from tvae_core.model.fused import Rotary
from tvae_core.model.layers import Attention, FeedForward, RMSNorm, rotary_table
from tvae_core.model.windows import Windows, layer_windows, ring_positions


@dataclass
class DecoderCache:
    """Static key/value cache of one batch; `filled` positions have been written to it.

    `keys` and `values` are `(layers, b, h, capacity, e)`, `memory_keys` and `memory_values`
    `(layers, b, h, n_latent, e)`, `summary` is `(b, d)`. With windows the capacity stays at
    `limit` and a new position takes the slot of the one that no window sees any more.
    """

    keys: Tensor
    values: Tensor
    memory_keys: Tensor
    memory_values: Tensor
    summary: Tensor
    filled: int = 0
    limit: int | None = None

    @property
    def full(self) -> bool:
        """Whether there is no slot for the next position."""
        capacity = self.keys.shape[3]
        return self.filled >= capacity and capacity != self.limit

    def grow(self, capacity: int) -> None:
        """Makes room for `capacity` positions in all, but for no more than `limit`."""
        more = min(capacity, self.limit or capacity) - self.keys.shape[3]
        self.keys = nn.functional.pad(self.keys, (0, 0, 0, more))
        self.values = nn.functional.pad(self.values, (0, 0, 0, more))

    def reorder(self, rows: Tensor) -> None:
        """Takes the keys and values of rows `(b,)`, each decoded from the same code as its own."""
        moved = (rows != torch.arange(len(rows), device=rows.device)).nonzero()[:, 0]
        used = slice(0, self.filled)
        for held in (self.keys[..., used, :], self.values[..., used, :]):
            held[:, moved] = held[:, rows[moved]]

    def select(self, rows: Tensor) -> DecoderCache:
        """The cache of the given rows `(n,)`, for when finished rows leave the batch."""
        return DecoderCache(
            self.keys[:, rows],
            self.values[:, rows],
            self.memory_keys[:, rows],
            self.memory_values[:, rows],
            self.summary[rows],
            self.filled,
            self.limit,
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

    def forward(
        self,
        x: Tensor,
        memory: Tensor,
        rotary: Rotary,
        windows: Windows | None = None,
    ) -> Tensor:
        """`(b, length, d)` -> the same; `memory` is `(b, n_latent, d)`, normed."""
        q, k, v = self.attention.self_projections(x, self.norm, rotary)
        if windows is None or windows.count(x.shape[1]) == 1:
            mixed = self.attention.attend(q, k, v, causal=True)
        else:
            mixed = self.attention.attend_windows(q, k, v, windows)
        return self._rest(x + self.dropout(mixed), self.cross.keys_values(memory))

    def step(
        self,
        x: Tensor,
        memory: tuple[Tensor, Tensor],
        rotary: Rotary,
        cache: tuple[Tensor, Tensor],
        slot: int,
        seen: Tensor | None,
    ) -> Tensor:
        """One new position `(b, 1, d)`, writing its key and value into the cache.

        Args:
            cache: this layer's keys and values, `(b, h, k, e)`.
            slot: where the position goes.
            seen: `(k,)` bool, the slots that it sees (None: all).
        """
        q, k, v = self.attention.self_projections(x, self.norm, rotary)
        keys, values = cache
        keys[:, :, slot], values[:, :, slot] = k[:, :, 0], v[:, :, 0]
        x = x + self.attention.attend(q, keys, values, mask=None if seen is None else seen[None])
        return self._rest(x, memory)

    def _rest(self, x: Tensor, memory: tuple[Tensor, Tensor]) -> Tensor:
        q = self.cross.queries(x, self.cross_norm)
        x = x + self.dropout(self.cross.attend(q, memory[0], memory[1]))
        mixed: Tensor = x + self.dropout(self.ff(x, self.ff_norm))
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
        self.windows = [layer_windows(config, index) for index in range(config.decoder_layers)]
        self.checkpoint_rate = 0

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
        x = x + summary[:, None].to(x.dtype)
        rate = self.checkpoint_rate if self.training and torch.is_grad_enabled() else 0
        for start in range(0, len(self.layers), max(1, rate)):
            run = partial(self._run, start, start + max(1, rate))
            if rate:
                x = checkpoint(run, x, memory, rotary, use_reentrant=False)
            else:
                x = run(x, memory, rotary)
        normed: Tensor = self.norm(x)
        return normed

    def _run(self, start: int, stop: int, x: Tensor, memory: Tensor, rotary: Rotary) -> Tensor:
        for layer, windows in zip(self.layers[start:stop], self.windows[start:stop], strict=True):
            x = layer(x, memory, rotary, windows)
        return x

    @property
    def _reach(self) -> int | None:
        return self.windows[0].reach if self.windows[0] is not None else None

    def cache_bytes(self, positions: int) -> int:
        """Bytes of one row's keys and values once it has that many positions (at 4 a number)."""
        width = self.layers[0].attention.n_heads * self.head_size
        return 8 * len(self.layers) * width * min(positions, self._reach or positions)

    def start(self, memory: Tensor, summary: Tensor, capacity: int) -> DecoderCache:
        """An empty cache for `capacity` positions, with the memory already projected.

        With windows it never holds more positions than a window sees. A bf16 model's is in fp32 on
        a CPU, where one query's products are two to three times as fast in it.
        """
        memory = self.memory_norm(memory)
        reach = self._reach
        capacity = min(capacity, reach or capacity)
        projected = [layer.cross.keys_values(memory) for layer in self.layers]
        batch, heads = memory.shape[0], self.layers[0].attention.n_heads
        shape = (len(self.layers), batch, heads, capacity, self.head_size)
        low = memory.dtype == torch.bfloat16 and memory.device.type == "cpu"
        dtype = torch.float32 if low else memory.dtype
        return DecoderCache(
            memory.new_empty(shape, dtype=dtype),
            memory.new_empty(shape, dtype=dtype),
            torch.stack([k for k, _ in projected]).to(dtype),
            torch.stack([v for _, v in projected]).to(dtype),
            summary,
            limit=reach,
        )

    def step(self, x: Tensor, cache: DecoderCache) -> Tensor:
        """One position `(b, 1, d)` -> its hidden state `(b, 1, d)`; advances the cache."""
        position = torch.tensor([cache.filled], device=x.device)
        rotary = rotary_table(position, self.head_size, self.theta, x.dtype)
        x = x + cache.summary[:, None]
        capacity = cache.keys.shape[3]
        used = min(cache.filled + 1, capacity)
        held = ring_positions(cache.filled, capacity, x.device)[:used]
        for index, (layer, windows) in enumerate(zip(self.layers, self.windows, strict=True)):
            memory = cache.memory_keys[index], cache.memory_values[index]
            own = cache.keys[index, :, :, :used], cache.values[index, :, :, :used]
            first = windows.first_seen(cache.filled) if windows is not None else 0
            seen = held >= first if first > max(0, cache.filled + 1 - used) else None
            x = layer.step(x, memory, rotary, own, cache.filled % capacity, seen)
        cache.filled += 1
        normed: Tensor = self.norm(x)
        return normed
