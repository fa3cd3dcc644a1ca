"""The numbers of digits: labels and pixels kept, samples that look like one."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from domains.mnist.domain import shipped_examples
from domains.mnist.evaluation import measure
from tvae_core.evaluation.evaluate import Plan

SEVEN, SIX = shipped_examples()[7][0], shipped_examples()[6][0]


def space(decoded: Sequence[str], sampled: Sequence[str]) -> Any:
    """What decodes and samples these texts, whatever the codes."""
    return SimpleNamespace(
        reconstruct=lambda texts: list(decoded),
        sample=lambda n, seed, prior: SimpleNamespace(texts=list(sampled)),
    )


def test_labels_pixels_and_samples() -> None:
    texts = [SEVEN, SIX, SIX, SEVEN]
    blurred = SIX.replace("`", "K", 1)
    found = measure(
        space([SEVEN, blurred, SEVEN, "no digit"], [SIX, SEVEN, SIX, ""]), texts, Plan()
    )
    assert found["label_kept"] == 0.5
    apart = sum(a != b for a, b in zip(SIX.split(), SEVEN.split(), strict=True)) / 196
    assert found["pixels_kept"] == pytest.approx((3 - 1 / 196 - apart) / 3)
    assert found["samples_confident"] == 1
    assert found["labels_drawn"] == 2


def test_no_image_at_all() -> None:
    found = measure(space(["", ""], ["", ""]), [SEVEN, SIX], Plan())
    assert found == {"label_kept": 0.0}
