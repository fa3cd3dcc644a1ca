"""How stable the decoding of an item's code is: the share that comes back, at levels of noise."""

from __future__ import annotations

import math

import streamlit as st
import torch
from torch import Tensor

from apps.common.bundle import Workbench
from apps.common.codes import matched, noisy_codes
from apps.common.elements.bars import Bar, draw_bars
from apps.common.job import Job, of_codes, progress_row, work
from apps.common.page import remember
from apps.items.around.outcome import outcomes
from apps.items.facts import Item, read_items
from apps.items.spec import Spec

LEVELS = (0.1, 0.2, 0.3, 0.5, 0.8, 1.2)
PER_LEVEL = 32


def draw_stability(spec: Spec, bench: Workbench, item: Item, code: Tensor) -> None:
    """The share of noisy re-decodings that give the same item, at several noise levels."""

    def start() -> Job:
        codes = [noisy_codes(bench.space, code, PER_LEVEL, level, 0) for level in LEVELS]
        dial = torch.tensor([matched(bench.space, level) for level in LEVELS])
        return of_codes(torch.cat(codes), dial.repeat_interleave(PER_LEVEL))

    name = f"{spec.prefix}stability"
    job = remember(f"{name}_job", (bench.hash, item.form), start)
    st.markdown(
        f"The code is decoded {PER_LEVEL} times with fresh noise at each level (1 is the spread of "
        f"the codes), and the decoder knows the level. A stable {spec.unit} keeps coming back."
    )
    progress_row(job, name, "noisy decodings")
    found = outcomes(spec, bench, item, read_items(bench, job.texts))
    bars = []
    for number, level in enumerate(LEVELS):
        part = found[number * PER_LEVEL : (number + 1) * PER_LEVEL]
        tones = [tone for tone, _ in part]
        share = tones.count("good") / len(tones) if tones else math.nan
        bars.append(
            Bar(
                f"noise {level:g}",
                "–" if math.isnan(share) else f"{100 * share:.0f} %",
                0.0 if math.isnan(share) else share,
                f"{tones.count('warn')} other, {tones.count('bad')} invalid" if tones else "",
                "good",
            )
        )
    draw_bars(bars)
    work(job, bench)
