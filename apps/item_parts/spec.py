"""What an app is told of its domain: words, scores, how a card shows an item."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from torch import Tensor

from apps.common.bundle import Workbench, bundle_folder, open_workbench
from apps.common.cards import Chip
from apps.common.controls import Source
from apps.common.windows import Range
from apps.item_parts.facts import Item
from tvae_core.domain import Domain
from tvae_core.domain_commands import DomainCommands

Labels = Callable[[Workbench, Sequence[Item], Tensor], list[str]]
"""`labels(bench, items, codes)`: a label of each item, empty where it has none."""


class Player(Protocol):
    """Draws what plays an item; `now` starts it, if the user has not switched that off."""

    def __call__(self, item: Item, key: str, now: bool = False) -> None:
        """Draws it; `key` is unique in the page."""
        ...


@dataclass(frozen=True, slots=True)
class ScoreView:
    """How a score is shown.

    Attributes:
        label: what it is called.
        form: how it is written: a format such as `.2f` or `.0%`, or `yes` for 1 or 0.
        about: what it says.
        ends: of its slider; no slider where there are none.
    """

    label: str
    form: str
    about: str
    ends: Range | None = None


@dataclass(frozen=True, slots=True)
class Face:
    """The picture of a card: an image, `alt` says what it shows; or text in coloured pieces."""

    picture: str | None = None
    pieces: tuple[tuple[str, str], ...] = ()
    letters: Literal["code", "headline"] = "code"
    alt: str = ""


@dataclass(frozen=True)
class Spec:
    """An app of texts.

    Attributes:
        app: name of its script.
        commands: of the domain.
        make_domain: gives the domain of a bundle's folder.
        noun: what items are called, in the plural.
        titles: title and one sentence of each page, by its name.
        scores: how scores are shown, by name; others are only in files.
        on_cards: scores on a card.
        draw: the face of a valid item, at a width in pixels.
        examples: what the menu of examples offers: name -> what is typed.
        ends: where a walk starts and ends at first, as typed.
        read: the text of what is typed; raises `DomainError`.
        typed: what is typed to get an item.
        field_help: what may be typed.
        labels: colours of the map and a filter; None for none.
        label_name: what a label is called, such as "Kind".
        label_form: how a card writes it.
        sources: other places to sample from than the prior, by name, such as one for each topic.
        card_width: least width of a card in pixels.
        strip_width: width of a step of a walk.
        walk_steps: steps of a walk at first.
        flat: faces are as high as what they show.
        large_text: large cards show the text below the face, which is not the text itself.
        thumbnails: a chosen item is drawn beside its field.
        thumbnail_width: of that drawing in pixels.
        badges: more chips of a card, such as the place of a fault.
        player: plays an item, where items are heard.
        path_player: plays the steps of a walk one after the other.
        desk: draws other ways to enter an item below the field of that key, and fills it.
        aside: draws settings that hold for all pages beside their title.
    """

    app: str
    commands: DomainCommands
    make_domain: Callable[[Path], Domain]
    noun: str
    titles: Mapping[str, tuple[str, str]]
    scores: Mapping[str, ScoreView]
    on_cards: tuple[str, ...]
    draw: Callable[[Item, int], Face]
    examples: Mapping[str, str]
    ends: tuple[str, str]
    read: Callable[[str], str]
    typed: Callable[[Item], str]
    field_help: str = ""
    labels: Labels | None = None
    label_name: str = "Label"
    label_form: str = "{}"
    sources: Callable[[Workbench], Mapping[str, Source]] = field(default=lambda bench: {})
    card_width: int = 260
    strip_width: int = 190
    walk_steps: int = 9
    flat: bool = False
    large_text: bool = False
    thumbnails: bool = False
    thumbnail_width: int = 72
    badges: Callable[[Item], tuple[Chip, ...]] = field(default=lambda item: ())
    player: Player | None = None
    path_player: Callable[[Sequence[Item], str], None] | None = None
    desk: Callable[[str], None] | None = None
    aside: Callable[[], None] | None = None

    @property
    def prefix(self) -> str:
        """Goes before the keys of the app's widgets."""
        return f"{self.app}_"

    @property
    def formats(self) -> tuple[str, ...]:
        """Endings of the files that results are downloaded as."""
        own = (suffix.removeprefix(".") for suffix in self.commands.suffixes)
        return tuple(dict.fromkeys(("csv", "jsonl", "txt", *own)))

    def shown(self, bench: Workbench) -> dict[str, ScoreView]:
        """The scores that this bundle's domain has, of those that are shown."""
        there = bench.space.domain.score([])
        return {name: view for name, view in self.scores.items() if name in there}

    def workbench(self) -> Workbench:
        """The loaded bundle of this session; raises `BundleError` if it cannot be used."""
        folder = bundle_folder(self.commands.bundle)
        return open_workbench(folder, self.make_domain(folder))
