"""What a domain tells the commands that every domain has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tvae_core.cells import Written
from tvae_core.domain import Domain, Known
from tvae_core.evaluation.evaluate import Plan
from tvae_core.space.space import LatentSpace
from tvae_core.support.words import one_line


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
    """

    domain: Domain
    bundle: Path
    presets: Path
    default_preset: str
    extra: Callable[[Path], Mapping[str, Path]] = field(default=lambda folder: {})
    known: Callable[[Path], Known | None] = field(default=lambda folder: None)
    read_item: Callable[[str], str] = field(default=lambda given: given)
    read_item_for: Callable[[str, str], str] | None = None
    show: Callable[[str], str] = field(default=one_line)
    columns: tuple[str, ...] = ()
    unit: str = "item"
    write_items: Callable[[Path, list[dict[str, Any]], dict[str, Any]], Written | None] | None = (
        None
    )
    suffixes: tuple[str, ...] = ()
    folders: bool = False
    measure: Callable[[LatentSpace, list[str], Plan], dict[str, float]] | None = None
