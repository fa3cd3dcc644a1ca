"""Bounds on what a file from elsewhere may ask for, checked before memory or time is spent on it.

`check_header` compares the tensors that a safetensors file declares with those its config needs;
`check_inside` keeps files within their folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

MOST_JSON = 4_000_000
"""Bytes of a manifest or config."""
MOST_TOKENIZER = 64_000_000
"""Bytes of a tokenizer.json."""


def shapes_of(make: Callable[[], nn.Module]) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a module's tensors, built without memory for them."""
    import torch

    with torch.device("meta"):
        return {name: tuple(value.shape) for name, value in make().state_dict().items()}


def check_header(path: Path, wanted: Mapping[str, tuple[int, ...]]) -> None:
    """Refuses a safetensors file that declares other tensors, before any is read.

    Raises:
        ValueError: naming the tensor.
        SafetensorError: the header is damaged, or the file is not as long as it says.
    """
    from safetensors import safe_open

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
