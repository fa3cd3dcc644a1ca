"""An independent classifier of digits: a small convolutional network on 14 x 14 levels.

    python -m domains.mnist.classifier --data data/mnist data/mnist_tiny     train and measure it

`probabilities(digits)` takes digits of every size: the default size is max-pooled and the tiny one
interpolated to 14 x 14. It has seen only training splits, and nothing of the models it judges.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from domains.mnist.pictures.images import pool, resample
from domains.mnist.pictures.text import LEVELS, Levels, orientation_of, text_to_array
from tvae_core.cli.parser import CommandParser, positive_int, run_command
from tvae_core.data.prepared import PreparedSet
from tvae_core.domain import DomainError, FloatArray
from tvae_core.support.files import check_file, write_whole
from tvae_core.support.machine import use_threads
from tvae_core.support.progress import Bar

WEIGHTS = Path(__file__).parent / "classifier.safetensors"
"""The trained network that ships with the domain."""
SIDE = 14
FORMAT_VERSION = 1
_CHUNK = 1024


class DigitClassifier(nn.Module):
    """Four convolutions, two poolings, one linear layer; 52,106 parameters."""

    def __init__(self) -> None:
        super().__init__()
        widths = (1, 24, 32, 48, 64)
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding=int(b != 64), bias=False) for a, b in pairwise(widths)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths[1:])
        self.head = nn.Linear(4 * widths[-1], 10)

    def forward(self, images: Tensor) -> Tensor:
        """Logits `(n, 10)` of images `(n, 14, 14)`, 0 (empty) to 1 (full ink)."""
        hidden = images[:, None] - 0.2
        for index, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            hidden = F.relu(norm(conv(hidden)))
            if index % 2:
                hidden = F.max_pool2d(hidden, 2)
        hidden = F.dropout(hidden.flatten(1), 0.25, self.training)
        logits: Tensor = self.head(hidden)
        return logits


def to_input(digits: Sequence[Levels]) -> npt.NDArray[np.float32]:
    """Digits of any sizes as the network takes them, `(n, 14, 14)`."""
    images = np.zeros((len(digits), SIDE, SIDE), dtype=np.float32)
    by_side: dict[int, list[int]] = {}
    for index, digit in enumerate(digits):
        by_side.setdefault(len(digit), []).append(index)
    for side, rows in by_side.items():
        stack = np.stack([digits[row] for row in rows])
        images[rows] = resample(stack, SIDE) if side < SIDE else pool(stack, SIDE)
    return images / np.float32(LEVELS - 1)


def probabilities(digits: Sequence[Levels], weights: Path = WEIGHTS) -> FloatArray:
    """The probability of each label, `(len(digits), 10)`.

    Args:
        digits: upright levels, each 9, 14 or 28 pixels a side.
        weights: file of the network.

    Raises:
        DomainError: the file is missing or is no such network.
    """
    model = load(weights)
    found = np.zeros((len(digits), 10))
    with torch.inference_mode():
        for start in range(0, len(digits), _CHUNK):
            images = torch.from_numpy(to_input(digits[start : start + _CHUNK]))
            found[start : start + _CHUNK] = model(images).double().softmax(-1).numpy()
    return found


@lru_cache(maxsize=4)
def load(weights: Path = WEIGHTS) -> DigitClassifier:
    """The network of a file, for inference; see `probabilities`."""
    model = DigitClassifier()
    try:
        with safe_open(weights, "pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        model.load_state_dict(state)
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise DomainError(f"{weights} is no digit classifier: {reason}") from None
    return model.eval()


def metadata(weights: Path = WEIGHTS) -> dict[str, str]:
    """What the file says of itself: accuracy, data, seed."""
    with safe_open(weights, "pt") as file:
        return dict(file.metadata() or {})


def read_split(folder: Path, split: str) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """The images and labels of a split; an `up` text repeats its `down` text and is left out."""
    rows = PreparedSet(folder, "mnist").rows(split).split
    pairs = [
        (text, int(label))
        for text, label in zip(rows["text"], rows["label"], strict=True)
        if orientation_of(text) == "down"
    ]
    digits = [text_to_array(text) for text, _ in pairs]
    return to_input(digits), np.array([label for _, label in pairs])


def fit(
    images: npt.NDArray[np.float32], labels: npt.NDArray[np.int64], epochs: int, seed: int
) -> DigitClassifier:
    """Trains a network: AdamW, cosine schedule, each batch moved by up to a pixel at random."""
    torch.manual_seed(seed)
    model, batch = DigitClassifier(), 128
    steps = epochs * (len(images) // batch)
    optimiser = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=max(steps, 2))
    padded = F.pad(torch.from_numpy(images), (1, 1, 1, 1))
    targets, bar, step = torch.from_numpy(labels), Bar("train", "step"), 0
    while step < steps:
        for rows in torch.randperm(len(padded)).split(batch):
            if len(rows) < batch or step == steps:
                break
            top, left = torch.randint(0, 3, (2,)).tolist()
            seen = padded[rows, top : top + SIDE, left : left + SIDE]
            loss = F.cross_entropy(model(seen), targets[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            step += 1
            if step % 50 == 0 or step == steps:
                bar(step, steps)
    return model.eval()


def accuracy(
    model: DigitClassifier, images: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]
) -> float:
    """The share of images whose likeliest label is theirs."""
    with torch.inference_mode():
        found = torch.cat([model(part) for part in torch.from_numpy(images).split(_CHUNK)])
    return float((found.argmax(-1).numpy() == labels).mean())


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = CommandParser(prog="python -m domains.mnist.classifier", description=__doc__)
    add = parser.add_argument
    add("--data", nargs="+", type=Path, default=[Path("data/mnist")], help="prepared sets")
    add("--epochs", type=positive_int, default=12)
    add("--seed", type=int, default=0)
    add("--threads", type=int, default=0, help="CPU threads (default: all)")
    add("-o", "--output", type=Path, default=WEIGHTS, metavar="FILE")
    args = parser.parse(argv)
    check_file(args.output)
    use_threads(args.threads)
    parts = [read_split(folder, "train") for folder in args.data]
    images, labels = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    if len(images) < 128:
        raise ValueError(f"a classifier needs at least 128 training digits, not {len(images)}")
    model = fit(images, labels, args.epochs, args.seed)
    about: dict[str, Any] = {"format_version": FORMAT_VERSION, "domain": "mnist", "seed": args.seed}
    about |= {"epochs": args.epochs, "training_digits": len(images), "data": {}, "accuracy": {}}
    for folder in args.data:
        manifest = PreparedSet(folder, "mnist").manifest
        about["data"][manifest["size"]] = f"{manifest['source']}: {manifest['command']}"
        held = {split: read_split(folder, split) for split in ("validation", "test")}
        found = {split: round(accuracy(model, *rows), 4) for split, rows in held.items()}
        about["accuracy"][manifest["size"]] = found
        told = ", ".join(f"{k} {v:.4f} of {len(held[k][1])}" for k, v in found.items())
        print(f"{manifest['size']}: {told}")
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    write_whole(args.output, save(state, {k: json.dumps(v) for k, v in about.items()}))
    print(f"wrote {args.output}, {args.output.stat().st_size:,} bytes", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(run_command("classifier", main))
