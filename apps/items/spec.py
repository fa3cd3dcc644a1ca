"""What an app is told of its domain: its words, its cards, how an item is entered, its hooks.

Every page is drawn from a `Spec`; a domain's own `spec.py` makes one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as given
from pathlib import Path
from typing import Literal

from apps.common.bundle import Workbench, bundle_folder, open_workbench
from apps.common.elements.cards import Chip
from apps.common.widgets.windows import Range
from apps.items.facts import Item
from apps.items.hooks import Hooks
from tvae_core.domain import Domain
from tvae_core.domain_commands import DomainCommands


@dataclass(frozen=True, slots=True)
class ScoreView:
    """How a score is shown.

    Attributes:
        label: what it is called.
        form: how it is written: a format such as `.2f` or `.0%`, or `yes` for 1 or 0.
        about: what it says.
        ends: of its slider; no slider where there are none.
        lower: whether lower values are the better ones.
        unit: beside its slider, where it is counted in one.
    """

    label: str
    form: str
    about: str
    ends: Range | None = None
    lower: bool = False
    unit: str = ""

    @property
    def title(self) -> str:
        """The label with a capital, where it stands alone; `logP` stays as it is."""
        plain = self.label.islower()
        return self.label[:1].upper() + self.label[1:] if plain else self.label


@dataclass(frozen=True, slots=True)
class Face:
    """The picture of a card: an image, `alt` says what it shows; or text in coloured pieces."""

    picture: str | None = None
    pieces: tuple[tuple[str, str], ...] = ()
    letters: Literal["code", "headline"] = "code"
    alt: str = ""


@dataclass(frozen=True)
class Words:
    """What an app calls things.

    Attributes:
        noun: items, in the plural.
        titles: title and one sentence of each page, by its name.
        label: what a label is called, such as "Kind".
        label_form: how a card writes it.
        text: the column of an item's text in tables.
        page: the page that looks at one item.
        look: label and meaning of the button that opens it.
        likeness: what the axis of a walk's plot is called.
    """

    noun: str
    titles: Mapping[str, tuple[str, str]]
    label: str = "Label"
    label_form: str = "{}"
    text: str = "Text"
    page: str = "around"
    look: tuple[str, str] = ("Around", "Look at what lies around this one")
    likeness: str = "similarity"


@dataclass(frozen=True)
class Cards:
    """How cards show items.

    Attributes:
        scores: how scores are shown, by name; others are only in files.
        names: scores on a card.
        on_steps: scores on a step of a walk or of a search.
        draw: the face of a valid item, at a width in pixels.
        width: least width of a card in pixels.
        strip: width of a step of a walk.
        steps: of a walk at first.
        flat: faces are as high as what they show.
        large_text: large cards show the text below the face, which is not the text itself.
        always_text: every card does.
        thumbnail: width in pixels of a chosen item's drawing beside its field; 0 for none.
        badges: more chips of a card, such as the place of a fault.
        similarity: how likeness is shown.
        changed: the face of an item, at a width, with what it does not share with another marked.
        cells: more columns of tables.
        views: looks at one item, the first one at first.
        one: draws above an item's large card, and may give it another face.
    """

    scores: Mapping[str, ScoreView]
    names: tuple[str, ...]
    on_steps: tuple[str, ...]
    draw: Callable[[Item, int], Face]
    width: int = 260
    strip: int = 190
    steps: int = 9
    flat: bool = False
    large_text: bool = False
    always_text: bool = False
    thumbnail: int = 0
    badges: Callable[[Item], tuple[Chip, ...]] = lambda item: ()
    similarity: ScoreView = ScoreView("similarity", ".2f", "to the chosen one, 0 to 1")
    changed: Callable[[Item, Item, int], Face] | None = None
    cells: Callable[[Item], Mapping[str, str]] = lambda item: {}
    views: tuple[str, ...] = ("neighbours", "reconstruction", "stability")
    one: Callable[[Item], Face | None] = lambda item: None


@dataclass(frozen=True)
class Field:
    """How an item is entered.

    Attributes:
        examples: what the menu of examples offers: name -> what is typed.
        ends: where a walk starts and ends at first, as typed.
        read: the text of what is typed; raises `DomainError`.
        typed: what is typed to get an item.
        label: of the field on the page of one item.
        key: of that field, in the session.
        help: what may be typed.
        longest: most characters.
        in_address: fields are in the page's address, under their bare keys: of one app only.
        desk: draws other ways to enter an item below the field of that key, and fills it.
    """

    examples: Mapping[str, str]
    ends: tuple[str, str]
    read: Callable[[str], str] = str
    typed: Callable[[Item], str] = lambda item: item.form
    label: str = "Item"
    key: str = "centre"
    help: str = ""
    longest: int = 20_000
    in_address: bool = False
    desk: Callable[[str], None] | None = None


@dataclass(frozen=True)
class Spec:
    """An app: its name, its domain, its words, cards, field and hooks.

    Attributes:
        app: name of its script.
        commands: of the domain.
        make_domain: gives the domain of a bundle's folder.
    """

    app: str
    commands: DomainCommands
    make_domain: Callable[[Path], Domain]
    words: Words
    cards: Cards
    field: Field
    hooks: Hooks = given(default_factory=Hooks)

    @property
    def prefix(self) -> str:
        """Goes before the keys of the app's widgets."""
        return "" if self.field.in_address else f"{self.app}_"

    @property
    def unit(self) -> str:
        """What an item is called, in the singular."""
        return self.commands.unit

    @property
    def formats(self) -> tuple[str, ...]:
        """Endings of the files that results are downloaded as."""
        own = (suffix.removeprefix(".") for suffix in self.commands.suffixes)
        return self.hooks.formats or tuple(dict.fromkeys(("csv", "jsonl", "txt", *own)))

    def title(self, page: str) -> tuple[str, str]:
        """Title and one sentence of a page."""
        noun, unit = self.words.noun, self.unit
        everywhere = {
            "optimise": (
                f"Optimise a {unit}",
                f"Searches the latent space around a {unit} for a higher score, within your "
                "constraints.",
            ),
            "batch": (
                f"A file of {noun}",
                f"Upload or paste {noun}: do they come back, what do they score, what lives "
                "around them?",
            ),
        }
        return self.words.titles.get(page) or everywhere[page]

    def shown(self, bench: Workbench) -> dict[str, ScoreView]:
        """The scores that this bundle's domain has, of those that are shown."""
        there = bench.space.domain.score([])
        return {name: view for name, view in self.cards.scores.items() if name in there}

    def workbench(self) -> Workbench:
        """The loaded bundle of this session; raises `BundleError` if it cannot be used."""
        folder = bundle_folder(self.commands.bundle)
        return open_workbench(folder, self.make_domain(folder), self.hooks.key)
