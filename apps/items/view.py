"""Items as cards: a face with scores, or the text with a caret and the reason."""

from __future__ import annotations

import math
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence

import streamlit as st

from apps.common.elements.cards import Card, Chip, Click, caret_lines, draw_cards
from apps.common.page import go, plain_label
from apps.items.facts import Item
from apps.items.spec import Face, ScoreView, Spec
from tvae_core.support.words import one_line

WALK = (
    ("from", "Walk from", "Start a walk here"),
    ("to", "Walk to", "End a walk here"),
)
OPTIMISE = ("lead", "Optimise", "Search for a higher score from here")
LISTEN = ("listen", "▶ Listen", "Hear it")
CELL = 120
"""Width of a drawing in a cell of a table in pixels."""
_LETTER = 7.9
"""Width of a letter of a caret line in pixels."""


def written(view: ScoreView, value: float) -> str:
    """A score as it is written everywhere; a dash where it is not defined."""
    if math.isnan(value):
        return "–"
    if view.form == "yes":
        return "yes" if value else "no"
    return re.sub(r"^-(0(?:\.0*)?%?)$", r"\1", format(value, view.form)).replace("-", "−")


def novel_chip(novel: bool | None) -> tuple[Chip, ...]:
    """Whether the training set has the item; nothing where that is not known."""
    if novel is None:
        return ()
    if novel:
        return (Chip("novel", "good", "not in the training set"),)
    return (Chip("known", "plain", "in the training set (1 novel item in 256 looks so too)"),)


def actions_of(spec: Spec) -> tuple[tuple[str, str, str], ...]:
    """The buttons of a card."""
    return (("look", *spec.words.look), *WALK)


def picture_of(spec: Spec, item: Item) -> str:
    """An item's drawing as an address, for a cell of a table; empty where it has none."""
    found = spec.cards.draw(item, CELL).picture if item.ok else None
    if found is None or found.startswith("data:"):
        return found or ""
    return "data:image/svg+xml;base64," + b64encode(found.encode()).decode()


def caret_of(item: Item, width: int) -> tuple[str, ...]:
    """The line of an invalid text that is to blame, and a caret below the character."""
    if item.position is None or "\n" not in item.text:
        return caret_lines(item.text, item.position, width)
    start = item.text.rfind("\n", 0, item.position) + 1
    line = item.text[start:].split("\n", 1)[0]
    return caret_lines(line, item.position - start, width)


def item_card(
    spec: Spec,
    item: Item,
    id: str,
    *,
    novel: bool | None = None,
    label: str = "",
    heading: str = "",
    reason: str = "",
    extra: Mapping[str, float] | None = None,
    chips: Sequence[Chip] = (),
    names: Sequence[str] | None = None,
    actions: Sequence[tuple[str, str, str]] | None = None,
    face: Face | None = None,
    width: int | None = None,
    large: bool = False,
    pick: str = "",
    selected: bool = False,
) -> Card:
    """The card of a text: the item with its scores, or why it is none.

    Args:
        spec: of the app.
        item: what to show.
        id: of the card.
        novel: whether the training set lacks it.
        label: a chip with the item's label.
        heading: a line above.
        reason: why a valid item was rejected.
        extra: values shown after the scores, such as `similarity`.
        chips: before those of label and novelty.
        names: scores to show; those of the spec by default.
        actions: buttons of a valid item; `actions_of` by default.
        face: in place of the item's own.
        width: of the card in pixels, for faces and carets that follow it.
        large: shows the whole text.
        pick: what a click on the face does.
        selected: draws a frame.
    """
    wide = width or spec.cards.width
    if not item.ok:
        return Card(
            id,
            text=item.text if large or spec.cards.always_text else "",
            copied="" if large or spec.cards.always_text or not heading else item.text,
            caret=caret_of(item, int((wide - 26) / _LETTER)),
            heading=heading,
            reason=f"Invalid: {item.why}",
            chips=(*chips, *spec.cards.badges(item)),
            pick=pick,
            selected=selected,
        )
    buttons = actions_of(spec) if actions is None else actions
    heard = spec.hooks.player is not None and not large and bool(buttons)
    scores, shown = spec.cards.scores, spec.cards.names if names is None else names
    values = [(scores[n], item.scores[n]) for n in shown if n in item.scores]
    values += [(scores.get(n, spec.cards.similarity), v) for n, v in (extra or {}).items()]
    looks = spec.cards.draw(item, wide) if face is None else face
    told = spec.words.label_form.format(label), "plain", spec.words.label.lower()
    marks = (Chip(*told),) if label else ()  # type: ignore[arg-type]
    has_text = spec.cards.always_text or (large and spec.cards.large_text)
    return Card(
        id,
        text=item.form if has_text else "",
        copied="" if has_text else item.form,
        picture=looks.picture,
        pieces=looks.pieces,
        face=looks.letters,
        alt=looks.alt,
        heading=heading,
        reason=reason,
        values=tuple((view.label, written(view, value), view.about) for view, value in values),
        chips=(*chips, *marks, *spec.cards.badges(item), *novel_chip(novel)),
        actions=(LISTEN, *buttons) if heard else tuple(buttons),
        pick=LISTEN[2] if heard and not pick else pick,
        selected=selected,
    )


def draw_grid(spec: Spec, cards: Sequence[Card], items: Mapping[str, Item], key: str) -> None:
    """Draws cards in a grid, and does what a button of them says.

    Where items are heard, the player is above the grid and stays in sight.
    """
    name = f"{spec.prefix}{key}"
    place = st.container(key=f"{name}_player") if spec.hooks.player is not None else None
    click = draw_cards(cards, key=name, width=spec.cards.width, flat=spec.cards.flat)
    follow(spec, click, items)
    if spec.hooks.player is None or place is None:
        return
    clicked = items.get(click.id) if click is not None else None
    if clicked is not None and clicked.ok:
        st.session_state[f"_{name}_heard"] = clicked.key
    heard = st.session_state.get(f"_{name}_heard")
    item = next((item for item in items.values() if item.ok and item.key == heard), None)
    if item is not None:
        with place:
            spec.hooks.player(item, f"{name}_play", now=True)


def draw_large(spec: Spec, card: Card, item: Item, key: str) -> None:
    """Draws one card large, with a player where items are heard; does what a button of it says."""
    name = f"{spec.prefix}{key}"
    click = draw_cards([card], key=name, layout="large", flat=spec.cards.flat)
    follow(spec, click, {card.id: item})
    if spec.hooks.player is not None and item.ok:
        spec.hooks.player(item, f"{name}_play")


def follow(spec: Spec, click: Click | None, items: Mapping[str, Item]) -> None:
    """Does what a card's button says; `items` has the item of every card by its id."""
    item = items.get(click.id) if click is not None else None
    if click is None or item is None or not item.ok:
        return
    typed = spec.field.typed(item)
    if click.action == "look":
        go(spec.words.page, **{f"{spec.prefix}{spec.field.key}": typed})
    elif click.action == "from":
        go("walk", **{f"{spec.prefix}start": typed})
    elif click.action == "to":
        go("walk", **{f"{spec.prefix}end": typed})
    elif click.action == "lead":
        go("optimise", **{f"{spec.prefix}lead": typed})


def thumbnail(spec: Spec, item: Item | None) -> None:
    """A small picture of an item, where the app's fields do not show it themselves."""
    if spec.cards.thumbnail and item is not None:
        picture = spec.cards.draw(item, spec.cards.strip).picture
        if picture is not None:
            st.image(picture, width=spec.cards.thumbnail)


def hover(spec: Spec, item: Item, note: str) -> str:
    """An item in a line, for the map."""
    text = one_line(item.canonical or item.text)
    short = text if len(text) <= 60 else text[:59] + "…"
    note = plain_label(note)
    return note if spec.cards.large_text else f"{note}<br>{plain_label(short)}"


def compare_button(page: str, source: str) -> None:
    """A button to the page that compares items with the training set.

    Args:
        page: where the button is.
        source: which items are compared.
    """
    if st.button(
        "Compare with the training set",
        key=f"{page}_compare",
        type="tertiary",
        icon=":material/bar_chart:",
    ):
        go("compare", compare_source=source)
