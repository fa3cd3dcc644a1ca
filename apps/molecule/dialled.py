"""One code decoded at every setting of the fidelity dial: which settings give the molecule back."""

from __future__ import annotations

import streamlit as st
import torch
from torch import Tensor

from apps.common.bundle import Workbench
from apps.common.codes import rebuild
from apps.common.elements.bars import Cell, Tone, cells_html
from apps.common.elements.cards import Chip, draw_cards
from apps.common.page import remember
from apps.molecule.facts import Facts, facts_of, novelty, similarity
from apps.molecule.view import follow, molecule_card
from apps.molecule.workplace import known_set

SETTINGS = torch.linspace(1, 0, 21)

KEY = (
    "<div class='key'><span><i class='good'></i>the same molecule</span>"
    "<span><i class='warn'></i>another molecule</span><span><i class='bad'></i>invalid</span></div>"
)


def outcome(facts: Facts, found: Facts) -> tuple[Tone, str]:
    """How a decoded text compares with the molecule: a colour and words."""
    if not found.ok:
        return "bad", "invalid"
    if found.inchikey == facts.inchikey:
        return "good", "the same molecule"
    if found.plain == facts.plain:
        return "good", "the same but for stereochemistry"
    return "warn", f"another molecule, similarity {similarity(facts, found):.2f}"


def spans(settings: list[float]) -> str:
    """Settings of the dial as ranges, such as `1–0.85, 0.4`; neighbours are 0.05 apart."""
    parts: list[list[float]] = []
    for value in settings:
        if parts and abs(parts[-1][-1] - value) < 0.051:
            parts[-1].append(value)
        else:
            parts.append([value])
    return ", ".join(f"{p[0]:g}–{p[-1]:g}" if len(p) > 1 else f"{p[0]:g}" for p in parts)


def draw_reconstruction(bench: Workbench, facts: Facts, code: Tensor) -> None:
    """The strip of settings, and a card for every distinct outcome."""
    texts = remember(
        "reconstruction",
        (bench.hash, facts.smiles),
        lambda: rebuild(bench, code.expand(len(SETTINGS), *code.shape), SETTINGS),
    )
    settings = [round(value, 2) for value in SETTINGS.tolist()]
    found = [facts_of(text) for text in texts]
    cells, groups = [], {}
    for setting, item in zip(settings, found, strict=True):
        tone, words = outcome(facts, item)
        label = f"{setting:g}" if round(setting * 20) % 4 == 0 else ""
        cells.append(Cell(label, tone, f"fidelity {setting:g}: {words}"))
        groups.setdefault(item.inchikey or item.text, []).append((setting, item))
    same = [s for s, f in zip(settings, found, strict=True) if outcome(facts, f)[0] == "good"]
    share = f"at {len(same)} of {len(settings)} settings"
    st.markdown(
        f"**Comes back {share}** of the fidelity dial" + (f": {spans(same)}." if same else ".")
    )
    st.html(cells_html(cells) + KEY)
    st.caption("Left: follow the code. Right: stay valid.")
    known = known_set(bench)
    cards = []
    for number, members in enumerate(groups.values()):
        item = members[0][1]
        tone, words = outcome(facts, item)
        cards.append(
            molecule_card(
                item,
                str(number),
                novel=novelty([item], known)[0],
                extra={"similarity": similarity(facts, item)},
                heading=f"fidelity {spans([setting for setting, _ in members])}",
                chips=(Chip(words.split(",")[0], tone),) if item.ok else (),
            )
        )
    smiles = {str(n): members[0][1].smiles for n, members in enumerate(groups.values())}
    follow(draw_cards(cards, key="reconstruction_cards"), smiles)
