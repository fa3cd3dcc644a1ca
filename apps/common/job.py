"""Decoding in small batches, resumable at every rerun of a page, with progress and a stop button.

A page keeps a `Job` in its session state, draws what there is, and ends with `work`, which decodes
one more batch and reruns the page. So no run of the script lasts longer than a batch, every widget
answers in between, and a stopped job keeps what it has.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import streamlit as st
import torch
from torch import Tensor

from apps.common.bundle import Workbench
from tvae_core.space import LatentSpace

FIRST_BATCH, LARGEST_BATCH = 16, 128
WANTED_SECONDS = 0.7
"""How long a batch should take; the size of the next follows from how long the last took."""

Draw = Callable[[LatentSpace, int, int], Tensor]
"""`draw(space, start, count)` gives codes `start..start + count`, `(count, n_latent, size)`."""


@dataclass
class Job:
    """Codes to decode, and what has come of them so far.

    Attributes:
        n: how many in all.
        draw: gives the codes.
        fidelity: setting of the dial, one for all or `(n,)`, or `auto`.
        temperature: of the decoding; 0 is greedy.
        top_p: nucleus of the decoding; 1 is all.
        seed: of the decoding.
        settings: what was asked for, in words and numbers, for downloads and captions.
        random: whether the codes are random samples, which are searched with the space's
            `sample_beams`, others with its `beams`.
        of_items: whether they are the codes of real items, decoded by `LatentSpace.rebuild`.
    """

    n: int
    draw: Draw
    fidelity: float | Tensor | str
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    settings: dict[str, object] = field(default_factory=dict)
    random: bool = False
    of_items: bool = False
    texts: list[str] = field(default_factory=list)
    codes: list[Tensor] = field(default_factory=list)
    stopped: bool = False
    batch: int = FIRST_BATCH

    @property
    def running(self) -> bool:
        """Whether there is more to decode."""
        return not self.stopped and len(self.texts) < self.n

    @property
    def latents(self) -> Tensor:
        """The codes so far, `(len(texts), n_latent, latent_size)`."""
        return torch.cat(self.codes) if self.codes else torch.zeros(0)

    def stop(self) -> None:
        """Decodes no more."""
        self.stopped = True

    def step(self, bench: Workbench) -> None:
        """Decodes one more batch, in turn with the other sessions."""
        with bench.lock, torch.inference_mode():
            # Within the lock: a page that lost its connection and came back may run twice a while.
            start = len(self.texts)
            count = min(self.batch, self.n - start)
            if count < 1 or self.stopped:
                return
            setting = self.fidelity
            if isinstance(setting, Tensor):
                setting = setting[start : start + count]
            began = time.monotonic()
            codes = self.draw(bench.space, start, count)
            if self.of_items:
                texts = bench.space.rebuild(codes, setting, batch_size=count)
            else:
                texts = bench.space.decode(
                    codes,
                    setting,
                    first_row=start,
                    temperature=self.temperature,
                    top_p=self.top_p,
                    seed=self.seed,
                    batch_size=count,
                    beams=bench.space.sample_beams if self.random else None,
                )
            self.codes.append(codes)
            self.texts += texts
            if count == self.batch:
                self.batch = next_batch(count, time.monotonic() - began)


def next_batch(count: int, seconds: float) -> int:
    """The next batch's size: twice or half the last one, towards `WANTED_SECONDS`."""
    if seconds < WANTED_SECONDS / 2:
        return min(2 * count, LARGEST_BATCH)
    if seconds > 2 * WANTED_SECONDS:
        return max(count // 2, FIRST_BATCH)
    return count


def sampling(
    n: int,
    seed: int,
    prior: str,
    fidelity: float,
    temperature: float,
    top_p: float = 1.0,
    **settings: object,
) -> Job:
    """A job of random samples: the texts of `LatentSpace.sample` at the same settings."""

    def draw(space: LatentSpace, start: int, count: int) -> Tensor:
        return space.sample_latents(count, seed, prior, fidelity, start)

    asked = {"n": n, "seed": seed, "prior": prior, "fidelity": fidelity}
    asked |= {"temperature": temperature, "top_p": top_p}
    return Job(n, draw, fidelity, temperature, top_p, seed, asked | settings, random=True)


def sampling_by_default(
    bench: Workbench, n: int, seed: int, fidelity: float | None = None, **settings: object
) -> Job:
    """A job of random samples as the bundle recommends them, but for the dial where it is given."""
    defaults = bench.space.defaults
    setting = float(defaults["sample_fidelity"]) if fidelity is None else fidelity
    how = bench.space.sampling()
    drawing = how.temperature, how.top_p
    return sampling(n, seed, "flow", setting, *drawing, bundle=bench.hash, **settings)


def of_codes(
    codes: Tensor, fidelity: float | Tensor | str, settings: Mapping[str, object] | None = None
) -> Job:
    """A job that decodes given codes to their likeliest texts."""
    return Job(
        len(codes),
        lambda _, start, count: codes[start : start + count],
        fidelity,
        settings=dict(settings or {}),
    )


def progress_row(job: Job, key: str, what: str = "decoded") -> None:
    """A progress bar with a stop button while a job runs; nothing otherwise."""
    if not job.running:
        return
    with st.container(horizontal=True, vertical_alignment="center", key=f"{key}_row"):
        done = len(job.texts)
        st.progress(done / job.n, text=f"{done:,} of {job.n:,} {what}", width="stretch")
        st.button("Stop", key=f"{key}_stop", on_click=job.stop, icon=":material/stop_circle:")


def work(job: Job, bench: Workbench) -> None:
    """Ends a page: decodes a batch and reruns the page, until the job is done."""
    if job.running:
        job.step(bench)
        st.rerun()
