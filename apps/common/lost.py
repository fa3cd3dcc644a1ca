"""Items that do not come back from their own codes: a caption each, in the commands' words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import streamlit as st
import torch

from apps.common.bundle import Workbench
from apps.common.page import literal, remember
from tvae_core.evaluation.comes_back import ComesBack, comes_back, compare, faithfully
from tvae_core.support.words import one_line


def came_back(bench: Workbench, name: str, texts: Sequence[str]) -> list[ComesBack]:
    """What items' own codes decode to, kept for the session under `name`."""

    def look() -> list[ComesBack]:
        with bench.lock, torch.inference_mode():
            return comes_back(bench.space, texts)

    return remember(name, (bench.hash, *texts), look)


def ends_came_back(
    bench: Workbench,
    name: str,
    ends: tuple[str, str],
    decoded: tuple[str, str],
    fidelity: float | str | None,
) -> list[ComesBack]:
    """The same of the ends of a walk, which are not decoded twice where it was done faithfully.

    Args:
        bench: the bundle.
        name: under which it is kept.
        ends: both items.
        decoded: what the walk decoded them to.
        fidelity: of the walk; None follows the path.
    """

    def look() -> list[ComesBack]:
        with bench.lock, torch.inference_mode():
            return faithfully(bench.space, compare(bench.space, ends, decoded), fidelity)

    return remember(name, (bench.hash, *ends, *decoded, fidelity), look)


def draw_lost(
    found: Mapping[str, ComesBack], unit: str, show: Callable[[str], str] = one_line
) -> None:
    """A caption for each item that does not come back.

    Args:
        found: by what the page calls the items.
        unit: what an item is called, in the singular.
        show: an item on one line.
    """
    for name, each in found.items():
        if each.lost:
            st.caption(f":material/info: {literal(f'{name} {each.told(unit, show)}.')}")
