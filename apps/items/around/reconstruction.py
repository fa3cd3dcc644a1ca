"""One code decoded at every setting of the fidelity dial: which settings give the item back."""

from __future__ import annotations

import streamlit as st
import torch
from torch import Tensor

from apps.common.bundle import Workbench
from apps.common.codes import rebuild
from apps.common.elements.bars import Cell, Tone, cells_html
from apps.common.elements.cards import Card, Chip
from apps.common.page import remember
from apps.items.around.outcome import outcomes
from apps.items.facts import Item, read_items, similarities
from apps.items.spec import Spec
from apps.items.view import draw_grid, item_card
from apps.items.workplace import novelty

SETTINGS = torch.linspace(1, 0, 21)


def key_html(unit: str) -> str:
    """What the colours of the strip are."""
    said = {"good": f"the same {unit}", "warn": f"another {unit}", "bad": "invalid"}
    parts = "".join(f"<span><i class='{tone}'></i>{words}</span>" for tone, words in said.items())
    return f"<div class='key'>{parts}</div>"


def spans(settings: list[float]) -> str:
    """Settings of the dial as ranges, such as `1–0.85, 0.4`; neighbours are 0.05 apart."""
    parts: list[list[float]] = []
    for value in settings:
        if parts and abs(parts[-1][-1] - value) < 0.051:
            parts[-1].append(value)
        else:
            parts.append([value])
    return ", ".join(f"{p[0]:g}–{p[-1]:g}" if len(p) > 1 else f"{p[0]:g}" for p in parts)


def draw_reconstruction(spec: Spec, bench: Workbench, item: Item, code: Tensor) -> None:
    """The strip of settings, and a card for every distinct outcome."""
    texts = remember(
        f"{spec.prefix}reconstruction",
        (bench.hash, item.form),
        lambda: rebuild(bench, code.expand(len(SETTINGS), *code.shape), SETTINGS),
    )
    settings = [round(value, 2) for value in SETTINGS.tolist()]
    found = read_items(bench, texts)
    said = outcomes(spec, bench, item, found)
    same = [s for s, (tone, _) in zip(settings, said, strict=True) if tone == "good"]
    st.markdown(
        f"**Comes back at {len(same)} of {len(settings)} settings** of the fidelity dial"
        + (f": {spans(same)}." if same else ".")
    )
    cells = [
        Cell(f"{s:g}" if round(s * 20) % 4 == 0 else "", tone, f"fidelity {s:g}: {words}")
        for s, (tone, words) in zip(settings, said, strict=True)
    ]
    st.html(cells_html(cells) + key_html(spec.unit))
    st.caption("Left: follow the code. Right: stay valid.")
    groups: dict[str, list[int]] = {}
    for place, each in enumerate(found):
        groups.setdefault(each.key, []).append(place)
    cards = [
        _card(spec, bench, item, found[places[0]], said[places[0]], [settings[i] for i in places])
        for places in groups.values()
    ]
    shown = {each.key: each for each in found}
    draw_grid(spec, cards, shown, "reconstruction_cards")


def _card(
    spec: Spec,
    bench: Workbench,
    item: Item,
    found: Item,
    said: tuple[Tone, str],
    settings: list[float],
) -> Card:
    tone, words = said
    chip = Chip(words.split(",")[0], tone)  # type: ignore[arg-type]
    return item_card(
        spec,
        found,
        found.key,
        novel=novelty(spec, bench, [found])[0],
        extra={"similarity": similarities(bench, [found], item)[0]},
        heading=f"fidelity {spans(settings)}",
        chips=(chip,) if found.ok else (),
    )
