"""What only some domains have, and pages ask for: labels, players, stages, goals, files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from torch import Tensor

from apps.common.bundle import Workbench
from apps.common.widgets.controls import Source
from apps.items.facts import Item
from tvae_core.domain import FloatArray
from tvae_core.search.objective import Term

Labels = Callable[[Workbench, Sequence[Item], Tensor], list[str]]
"""`labels(bench, items, codes)`: a label of each item, empty where it has none."""


class Player(Protocol):
    """Draws what plays an item; `now` starts it, if the user has not switched that off."""

    def __call__(self, item: Item, key: str, now: bool = False) -> None:
        """Draws it; `key` is unique in the page."""
        ...


@dataclass(frozen=True)
class Choice:
    """What is chosen at a stage of a domain's own.

    Attributes:
        loss: why an item is lost there; empty for one that passes.
        note: what was chosen, beside the stage's count.
    """

    loss: Callable[[Item], str]
    note: str


@dataclass(frozen=True)
class Stage:
    """A stage that a domain adds to the filters.

    Attributes:
        name: in files.
        title: of its count.
        lost_as: how a card calls what it stopped.
        choose: draws its widget, given the beginning of its key; gives what is chosen.
    """

    name: str
    title: str
    lost_as: str
    choose: Callable[[str], Choice]


class Histogram(Protocol):
    """How a score is distributed over the training set."""

    @property
    def edges(self) -> Sequence[float]:
        """Edges of the bins."""
        ...

    @property
    def whole(self) -> bool:
        """Whether the score is a whole number."""
        ...

    def share_below(self, values: FloatArray) -> FloatArray:
        """The share of the training set below each value."""
        ...


@dataclass(frozen=True)
class Named:
    """A goal in the menu: its name there, its expression, and what it is."""

    label: str
    expression: str
    about: str


@dataclass(frozen=True)
class Goals:
    """What a domain's items are searched for.

    Attributes:
        named: goals in the menu, by key; by default each score as high, or as low, as can be.
        targets: scores of which one value may be searched for; by default those with windows.
        first: the expression of one's own at first; by default the first score.
        constrain: draws more constraints, given the start; gives what there is to tell of them.
        terms: makes constraints of that.
    """

    named: Mapping[str, Named] | None = None
    targets: tuple[str, ...] | None = None
    first: str = ""
    constrain: Callable[[Item | None], dict[str, object]] = lambda start: {}
    terms: Callable[[Mapping[str, object]], Sequence[Term]] = lambda told: ()


class Row(NamedTuple):
    """A row of a file.

    Attributes:
        line: counted from 1.
        text: as the file has it.
        name: what the file calls it; empty if nothing.
        reason: why it is no item; None for one that is.
        form: of the item, as it is encoded; empty for what is none.
        changes: what was dropped or changed in it.
    """

    line: int
    text: str
    name: str = ""
    reason: str | None = None
    form: str = ""
    changes: tuple[str, ...] = ()


class FileReader(Protocol):
    """Reads the rows of a file."""

    def __call__(self, path: Path, column: str | None, most: int) -> tuple[list[Row], list[str]]:
        """The rows, at most one more than `most`, and phrases on what became of them.

        Args:
            path: the file.
            column: of items, in a table.
            most: rows that are wanted.

        Raises:
            ValueError: a file that is not understood.
        """
        ...


@dataclass(frozen=True)
class Format:
    """How the Batch page reads a domain's files.

    Attributes:
        read: reads a file.
        columns: the columns of a table; none for another file; raises `ValueError`.
        endings: of files, without a dot.
        usual: names of columns of items, the likeliest first.
        column: what the column is called.
        pasted: name of a file of what is pasted.
        example: of what is pasted.
        named: whether what is pasted may have names, after white space.
    """

    read: FileReader
    columns: Callable[[Path], list[str]]
    endings: tuple[str, ...]
    usual: tuple[str, ...]
    column: str
    pasted: str
    example: str
    named: bool = False


@dataclass(frozen=True)
class Hooks:
    """What only some domains have.

    Attributes:
        key: what tells distinct items apart, of a canonical form.
        labels: colours of the map and a filter.
        sources: other places to sample from than the prior, by name, such as one for each topic.
        stages: more stages of the filters, between those of labels and of limits.
        sort: what samples are sorted by at first: `+qed` for high ones first, `-qed` for low.
        told: what files tell of a valid item beside its text.
        against: what more there is to tell of an item beside its likeness to a reference.
        same_but: what an item that came back lost, in words, where that is next to nothing.
        goals: what to search for.
        file: how the Batch page reads files and what is pasted.
        reference: how scores are distributed over the training set, by name.
        figures: more key figures of scored items: label, value, meaning.
        compare: whether there is a page that compares items with the training set.
        formats: endings of files of results; by default csv, jsonl, txt and the domain's own.
        player: plays an item, where items are heard.
        path_player: plays the steps of a walk one after the other.
        aside: draws settings that hold for all pages beside their title.
    """

    key: Callable[[str], str] = str
    labels: Labels | None = None
    sources: Callable[[Workbench], Mapping[str, Source]] = lambda bench: {}
    stages: tuple[Stage, ...] = ()
    sort: str | None = None
    told: Callable[[Item], Mapping[str, object]] = lambda item: item.scores
    against: Callable[[Item, Item], Mapping[str, float]] = lambda item, other: {}
    same_but: Callable[[Item, Item], str] = lambda item, back: ""
    goals: Goals = Goals()
    file: Format | None = None
    reference: Callable[[Workbench], Mapping[str, Histogram]] = lambda bench: {}
    figures: Callable[[Sequence[Item]], list[tuple[str, str, str]]] = lambda items: []
    compare: bool = False
    formats: tuple[str, ...] = ()
    player: Player | None = None
    path_player: Callable[[Sequence[Item], str], None] | None = None
    aside: Callable[[], None] | None = None
