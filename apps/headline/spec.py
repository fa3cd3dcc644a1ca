"""The app of headlines: its words, its scores, cards like clippings of a newspaper, its topics."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import streamlit as st
from torch import Tensor

from apps.common.bundle import Workbench, stamp_of
from apps.common.job import Draw
from apps.common.page import shown_errors
from apps.common.widgets.controls import Source
from apps.common.widgets.windows import Range
from apps.items.facts import Item
from apps.items.hooks import Hooks
from apps.items.spec import Cards, Face, Field, ScoreView, Spec, Words
from domains.headlines.commands import COMMANDS
from domains.headlines.domain import EXAMPLES, HeadlinesDomain
from domains.headlines.topic_file import ABOUT
from domains.headlines.topics import Topics, noisy
from tvae_core.space import LatentSpace

BUNDLE = COMMANDS.bundle


def _face(item: Item, width: int) -> Face:
    del width  # the text wraps
    return Face(pieces=((item.canonical or "", ""),), letters="headline")


def topics_of(bench: Workbench) -> Topics | None:
    """The topics of a bundle; None if it has none, or a damaged file (said so)."""
    path = bench.folder / ABOUT
    if not path.is_file():
        return None
    with shown_errors(stop=False):
        stamp = (*stamp_of(bench.folder), path.stat().st_mtime_ns)
        return _topics(str(bench.folder), bench.hash, stamp)
    return None


@st.cache_resource(max_entries=2, show_spinner=False)
def _topics(folder: str, weights: str, stamp: tuple[int, ...]) -> Topics | None:
    del stamp
    return Topics.load(Path(folder), weights)


def _nearest(bench: Workbench, items: Sequence[Item], codes: Tensor) -> list[str]:
    """The topic whose headlines each code is most like; of valid items only."""
    topics = topics_of(bench)
    if topics is None:
        return [""] * len(items)
    found = topics.nearest(codes)
    return [label if item.ok else "" for item, label in zip(items, found, strict=True)]


def _source(topics: Topics, label: str, seed: int, fidelity: float) -> Draw:
    def draw(space: LatentSpace, start: int, count: int) -> Tensor:
        codes = topics.draw(label, count, seed, start)
        return noisy(space, codes, fidelity, seed, start)

    return draw


def _sources(bench: Workbench) -> dict[str, Source]:
    topics = topics_of(bench)
    if topics is None:
        return {}
    return {label: partial(_source, topics, label) for label in topics.labels}


TITLES = {
    "sample": (
        "Sample headlines",
        "Random codes from the prior, or from around one topic, decoded to headlines. Filters "
        "act on what is already there.",
    ),
    "walk": (
        "Blend two headlines",
        "Codes on the way from one headline to another, each decoded to what lies there.",
    ),
    "topic": (
        "Move a headline towards a topic",
        "The way from the mean of one group of headlines to that of another, taken by any "
        "headline.",
    ),
    "around": (
        "Around a headline",
        "What decodes from codes close to one headline's.",
    ),
    "map": (
        "Map of headlines",
        "Headlines on the two axes along which their codes vary most, coloured by the topic "
        "that their code is most like.",
    ),
}
SCORES = {
    "words": ScoreView("words", ".0f", "words", Range(0.0, 30.0, 1.0)),
    "title_case": ScoreView(
        "capitals", ".0%", "capitalised words, function words aside", Range(0.0, 1.0, 0.05)
    ),
    "known_words": ScoreView(
        "known words", ".0%", "words that the training set has", Range(0.0, 1.0, 0.05)
    ),
    "characters": ScoreView("characters", ".0f", "length with spaces", Range(0.0, 150.0, 5.0)),
    "distinct_1": ScoreView("distinct", ".0%", "distinct words among all", Range(0.0, 1.0, 0.05)),
    "has_number": ScoreView("number", "yes", "has a digit", Range(0.0, 1.0, 1.0)),
    "is_question": ScoreView("question", "yes", "has a question mark", Range(0.0, 1.0, 1.0)),
}

SPEC = Spec(
    app="headlines",
    commands=COMMANDS,
    make_domain=HeadlinesDomain,
    words=Words(
        noun="headlines",
        titles=TITLES,
        label="Topic",
    ),
    cards=Cards(
        scores=SCORES,
        names=("words", "title_case", "distinct_1"),
        draw=_face,
        width=290,
        strip=220,
        flat=True,
        on_steps=("words", "title_case"),
    ),
    field=Field(
        examples={text: text for text in EXAMPLES},
        ends=(EXAMPLES[0], EXAMPLES[4]),
        read=lambda typed: typed,
        typed=lambda item: item.canonical or "",
        help="A headline: two to forty words on one line.",
    ),
    hooks=Hooks(
        labels=_nearest,
        sources=_sources,
    ),
)

workbench = SPEC.workbench
