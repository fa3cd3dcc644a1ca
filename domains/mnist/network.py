"""The network of the classifier of digits, its training and its accuracy; see `classifier`."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from domains.mnist.pictures.images import COMMON_SIDE
from tvae_core.support.progress import Bar

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
            seen = padded[rows, top : top + COMMON_SIDE, left : left + COMMON_SIDE]
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
