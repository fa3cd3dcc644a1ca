"""Bounds on what a file from elsewhere may ask for, checked before memory or time is spent on it.

`check_sizes` refuses numbers no model has; `check_header` compares the tensors that a safetensors
file declares with those its config needs; `check_inside` keeps files within their folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import nn

MOST: dict[str, int] = {
    "vocab_size": 1 << 20,
    "max_length": 1 << 20,
    "d_model": 1 << 15,
    "n_heads": 1 << 10,
    "d_ff": 1 << 17,
    "decoder_layers": 1 << 10,
    "window_size": 1 << 20,
    "window_overlap": 1 << 20,
    "n_latent": 1 << 14,
    "latent_size": 1 << 14,
    "mmd_memory": 1 << 20,
    "width": 1 << 15,
    "depth": 1 << 8,
    "prior_width": 1 << 15,
    "prior_depth": 1 << 8,
    "batch_size": 1 << 24,
    "eval_batch_size": 1 << 24,
    "gradient_accumulation_steps": 1 << 20,
    "threads": 1 << 12,
}
"""The most that a setting may be, by name."""
MOST_LAYERS = 1 << 10
"""Of all blocks of the encoder together."""
MOST_CODE = 1 << 16
"""Numbers in a joint code: a prior has the square of it."""
MOST_MEMORY = 1 << 28
"""Numbers in `mmd_memory` codes."""
MOST_JSON = 4_000_000
"""Bytes of a manifest or config."""
MOST_TOKENIZER = 64_000_000
"""Bytes of a tokenizer.json."""


def check_sizes(settings: Mapping[str, Any]) -> None:
    """Refuses settings that no model has, before one is built.

    Raises:
        ValueError: naming the setting and the most it may be.
    """
    for name, most in MOST.items():
        value = settings.get(name)
        if isinstance(value, int | float) and not value <= most:
            raise ValueError(f"{name} must be at most {most:,}, not {str(value)[:20]}")
    blocks = settings.get("encoder_blocks")
    if isinstance(blocks, list | tuple):
        whole = [layers for layers in blocks if isinstance(layers, int)]
        if len(blocks) > 64 or sum(whole) > MOST_LAYERS:
            raise ValueError(f"encoder_blocks must be at most {MOST_LAYERS:,} layers in 64 blocks")
    code = [settings.get(name) for name in ("n_latent", "latent_size")]
    if all(isinstance(size, int) for size in code):
        size = int(code[0] or 0) * int(code[1] or 0)
        if size > MOST_CODE:
            raise ValueError(f"n_latent * latent_size must be at most {MOST_CODE:,}, not {size:,}")
        memory = settings.get("mmd_memory")
        if isinstance(memory, int) and memory * size > MOST_MEMORY:
            raise ValueError(f"mmd_memory of {memory:,} codes of {size:,} numbers is too large")


def shapes_of(make: Callable[[], nn.Module]) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a module's tensors, built without memory for them."""
    with torch.device("meta"):
        return {name: tuple(value.shape) for name, value in make().state_dict().items()}


def check_header(path: Path, wanted: Mapping[str, tuple[int, ...]]) -> None:
    """Refuses a safetensors file that declares other tensors, before any is read.

    Raises:
        ValueError: naming the tensor.
        SafetensorError: the header is damaged, or the file is not as long as it says.
    """
    with safe_open(path, "pt") as file:
        names = set(file.keys())
        if names != set(wanted):
            missing, more = sorted(set(wanted) - names), sorted(names - set(wanted))
            what = f"misses {missing[0]}" if missing else f"has {more[0][:80]!r} that has no place"
            raise ValueError(f"it {what}")
        for name in sorted(names):
            shape = tuple(file.get_slice(name).get_shape())
            if shape != wanted[name]:
                raise ValueError(f"{name} has shape {shape}, not {wanted[name]}")


def check_inside(folder: Path, file: Path) -> None:
    """Refuses a file whose links lead out of its folder.

    A snapshot of the Hugging Face hub links to `blobs` beside `snapshots`, which is allowed.

    Raises:
        ValueError: naming the file.
    """
    root = folder.resolve()
    if root.parent.name == "snapshots":
        root = root.parent.parent
    if not file.resolve().is_relative_to(root):
        raise ValueError(f"{file} is a link that leads out of the bundle")


def small_json(path: Path, most: int = MOST_JSON) -> dict[str, Any]:
    """The JSON object of a file.

    Raises:
        ValueError: it is too large, nested too deeply, no JSON or no object.
        OSError: it cannot be read.
    """
    if path.stat().st_size > most:
        raise ValueError(f"larger than {most // 1_000_000} MB")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found
