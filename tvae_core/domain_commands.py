"""What a domain tells the commands that every domain has."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tvae_core.cells import Row, Written
from tvae_core.domain import Domain, Known
from tvae_core.evaluation.evaluate import Plan
from tvae_core.search.objective import Scores, Term
from tvae_core.space.space import LatentSpace
from tvae_core.support.words import one_line

if TYPE_CHECKING:
    from tvae_core.cli.parser import CommandParser
    from tvae_core.rows import LineWriter
    from tvae_core.sampling.hooks import Sampling


class Around(Protocol):
    """How a domain counts, filters and shows the items around one."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Its flags of `neighbours`."""
        ...

    def check(self, args: argparse.Namespace) -> None:
        """Refuses flags that make no sense, by `ValueError`, before the bundle is opened."""
        ...

    def __call__(
        self, space: LatentSpace, centre: str, texts: list[str], args: argparse.Namespace
    ) -> tuple[list[dict[str, Any]], str]:
        """The rows of the items that texts decoded around a centre are, and what is printed."""
        ...


@dataclass(frozen=True)
class SearchHooks:
    """What a domain adds to `optimise`.

    Attributes:
        scores: makes those that targets and limits may name; by default those of the domain.
        add_constraints: flags of its own constraints.
        terms: the constraints that the arguments ask for, given the start's text, if there is one.
        add_benchmark: flags of a benchmark that is run in place of a search.
        run_benchmark: runs the benchmark that the arguments ask for, if they do; its exit code.
        start_as_given: whether an objective names its start as a person spelled it.
    """

    scores: Callable[[], Scores] | None = None
    add_constraints: Callable[[argparse._ArgumentGroup], None] = field(default=lambda group: None)
    terms: Callable[[argparse.Namespace, str | None], Sequence[Term]] = field(
        default=lambda args, start: ()
    )
    add_benchmark: Callable[[CommandParser], None] = field(default=lambda parser: None)
    run_benchmark: Callable[[argparse.Namespace], int | None] = field(default=lambda args: None)
    start_as_given: bool = False


@dataclass(frozen=True)
class DomainCommands:
    """What a domain tells its commands.

    Attributes:
        domain: the domain.
        bundle: folder of the bundle that ships with it.
        presets: folder of its presets.
        default_preset: taken when `train` is given none.
        extra: files added to a new bundle, made from the prepared set's folder.
        known: reads a bundle's set of training items, for novelty.
        read_item: makes the domain's text of what a person gives on the command line; raises
            `DomainError`.
        read_item_for: as `read_item`, for a bundle's folder or name, where it matters which:
            `read_item_for(given, bundle)`.
        plain: an item without what its text says beside it, such as the map numbers of atoms, and
            what was left out, in words; empty where nothing was.
        show: a text on one line, for terminals.
        columns: scores shown in tables; the first few of `score` where there are none.
        unit: what an item is called in bars and messages, in the singular.
        write_items: writes rows with their provenance to a file of one of `suffixes`, whole or not
            at all: `write_items(path, rows, provenance)`; gives what the file holds, or None for
            all valid rows.
        suffixes: endings, such as `.png`, of the files that `write_items` makes.
        folders: whether `write_items` also makes a folder of files: a path without an ending. The
            rows of `sample` then have `valid` and `reason`, and the invalid texts are among them.
        measure: the domain's own numbers for `evaluate`: `measure(space, texts, plan)` of held-out
            texts that the model takes.
        text_column: what tables call the column of texts.
        writers: formats of lines beside those of every domain, by name: `write(file, rows, origin,
            first)`, see `tvae_core.rows`.
        check_place: refuses a place for a file before any work, beside what is refused for all.
        sampling: makes what `sample` knows of the domain; by default what it does for any.
        module: where these commands stand as `COMMANDS`, for other processes.
        untold: settings that the provenance of its files goes without.
        walk_columns: columns of the rows of `interpolate`; by default all.
        walk_table: what `interpolate` prints of its rows, in place of its table and counts.
        around: how `neighbours` counts and shows items, if not as in every domain.
        search: what `optimise` knows beside the domain's scores.
    """

    domain: Domain
    bundle: Path
    presets: Path
    default_preset: str
    extra: Callable[[Path], Mapping[str, Path]] = field(default=lambda folder: {})
    known: Callable[[Path], Known | None] = field(default=lambda folder: None)
    read_item: Callable[[str], str] = field(default=lambda given: given)
    read_item_for: Callable[[str, str], str] | None = None
    plain: Callable[[str], tuple[str, str]] = field(default=lambda text: (text, ""))
    show: Callable[[str], str] = field(default=one_line)
    columns: tuple[str, ...] = ()
    unit: str = "item"
    write_items: Callable[[Path, list[dict[str, Any]], dict[str, Any]], Written | None] | None = (
        None
    )
    suffixes: tuple[str, ...] = ()
    folders: bool = False
    measure: Callable[[LatentSpace, list[str], Plan], dict[str, float]] | None = None
    text_column: str = "text"
    writers: Mapping[str, LineWriter] = field(default_factory=dict)
    check_place: Callable[[Path], None] = field(default=lambda path: None)
    sampling: Callable[[], Sampling] | None = None
    module: str = ""
    untold: tuple[str, ...] = ()
    walk_columns: tuple[str, ...] = ()
    walk_table: Callable[[Sequence[Row]], str] | None = None
    around: Around | None = None
    search: SearchHooks = field(default_factory=SearchHooks)

    def origin(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """Provenance as the domain's files hold it."""
        return {name: value for name, value in told.items() if name not in self.untold}
