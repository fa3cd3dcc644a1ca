"""What lies around a molecule's code: neighbours at a radius, and how stable its decoding is."""

from __future__ import annotations

import math

import streamlit as st
import torch
from torch import Tensor

from apps.common.bundle import Workbench
from apps.common.codes import matched, noisy_codes
from apps.common.downloads import download_bar
from apps.common.elements.bars import Bar, draw_bars
from apps.common.elements.cards import Chip, draw_cards
from apps.common.job import Job, of_codes, progress_row, work
from apps.common.page import remember
from apps.common.widgets.controls import around_controls
from apps.common.widgets.pager import page_of
from apps.molecule.dialled import outcome
from apps.molecule.facts import Facts, facts_of, novelty, similarity
from apps.molecule.view import follow, molecule_card
from apps.molecule.workplace import known_set, provenance, row_of, write

LEVELS = (0.1, 0.2, 0.3, 0.5, 0.8, 1.2)
PER_LEVEL = 32
PER_PAGE = 12


def draw_neighbours(bench: Workbench, facts: Facts, code: Tensor) -> None:
    """Controls, the distinct neighbours by similarity, and downloads of them."""
    space = bench.space
    chosen = around_controls(bench)
    asked = {"molecule": facts.smiles, **chosen.told()}
    job = remember(
        "around_job",
        (bench.hash, *asked.values()),
        lambda: of_codes(
            noisy_codes(space, code, chosen.n, chosen.radius, chosen.seed), chosen.fidelity, asked
        ),
    )
    progress_row(job, "around", "neighbours decoded")
    _draw_found(bench, facts, job)
    work(job, bench)


def _draw_found(bench: Workbench, facts: Facts, job: Job) -> None:
    counts: dict[str, int] = {}
    distinct: dict[str, Facts] = {}
    for text in job.texts:
        item = facts_of(text)
        name = item.inchikey or f"invalid {item.text}"
        counts[name] = counts.get(name, 0) + 1
        distinct.setdefault(name, item)
    valid = {name: item for name, item in distinct.items() if item.ok}
    others = sorted(
        (name for name in valid if name != facts.inchikey),
        key=lambda name: -similarity(facts, valid[name]),
    )
    done, invalid = len(job.texts), sum(counts[n] for n in distinct if n not in valid)
    same = counts.get(facts.inchikey, 0)
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        st.markdown(
            f"**{len(others)} other molecules** in {done} decodings; {same} gave the molecule "
            f"itself, {invalid} were invalid."
        )
        download_bar(
            f"neighbours-radius{job.settings['radius']:g}",
            lambda: [
                row_of(valid[n], similarity=similarity(facts, valid[n]), times=counts[n])
                for n in others
            ],
            provenance(bench, "Molecule", job.settings),
            write,
            key="around",
            disabled=not others,
        )
    invalid_names = [name for name in distinct if name not in valid]
    if invalid_names and st.toggle(f"Show the invalid ({invalid})", key="around_invalid"):
        others = invalid_names
    part = page_of(others, PER_PAGE, "around_page")
    novel = novelty([distinct[name] for name in part], known_set(bench))
    cards = [
        molecule_card(
            distinct[name],
            name,
            novel=is_novel,
            extra={"similarity": similarity(facts, distinct[name])},
            chips=(Chip(f"{counts[name]} times"),) if counts[name] > 1 else (),
        )
        for name, is_novel in zip(part, novel, strict=True)
    ]
    if not cards and done and not job.running:
        st.info("Nothing else lives this close: try a larger radius.")
    if cards:
        smiles = {name: distinct[name].smiles for name in part}
        follow(draw_cards(cards, key="around_cards", width=190), smiles)


def draw_stability(bench: Workbench, facts: Facts, code: Tensor) -> None:
    """The share of noisy re-decodings that give the same molecule, at several noise levels."""

    def start() -> Job:
        codes = [noisy_codes(bench.space, code, PER_LEVEL, level, 0) for level in LEVELS]
        dial = torch.tensor([matched(bench.space, level) for level in LEVELS])
        return of_codes(torch.cat(codes), dial.repeat_interleave(PER_LEVEL))

    job = remember("stability_job", (bench.hash, facts.smiles), start)
    st.markdown(
        f"The code is decoded {PER_LEVEL} times with fresh noise at each level (1 is the spread of "
        "the codes), and the decoder knows the level. A stable molecule keeps coming back."
    )
    progress_row(job, "stability", "noisy decodings")
    bars = []
    for number, level in enumerate(LEVELS):
        texts = job.texts[number * PER_LEVEL : (number + 1) * PER_LEVEL]
        tones = [outcome(facts, facts_of(text))[0] for text in texts]
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
