"""Distinct headlines out of a table of any kind, with labels, and the rows that are none."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tqdm import tqdm

from data_prep.common import BAD_USAGE, PrepError
from data_prep.prepared import SHOWN_REJECTED, Rejected, tell_rejected
from domains.headlines.text import Problem, read
from tvae_core.support.reading.rows import Row, Table

SHOWN_TEXT = 200
MAX_LABEL = 100
LICENCE_COLUMNS = ("licence", "license")
NO_LABELS = "none"


@dataclass(frozen=True, slots=True)
class Columns:
    """The places in a table of headline, label and licence; None where there is none."""

    text: int
    label: int | None = None
    licence: int | None = None

    @property
    def places(self) -> list[int]:
        """Those there are, in this order."""
        return [place for place in (self.text, self.label, self.licence) if place is not None]


def choose_columns(table: Table, column: str, label_column: str | None) -> Columns:
    """The columns to read; the default label column, `label`, may be missing.

    Raises:
        PrepError: a column that was asked for is not there.
    """
    text, label = table.column(column), None
    if label_column not in (None, NO_LABELS):
        label = table.column(label_column)
    elif label_column is None and "label" in table.names:
        label = table.column("label")
    licences = [table.names.index(name) for name in LICENCE_COLUMNS if name in table.names]
    return Columns(text, label, licences[0] if licences else None)


@dataclass(slots=True)
class Collected:
    """What a table holds: distinct headlines with label and line, and what was left out."""

    texts: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    licences: list[str] = field(default_factory=list)
    duplicates: int = 0
    other_labels: int = 0
    all_labels: set[str] = field(default_factory=set)


def read_headline(text: str, case: str, max_characters: int) -> str | Problem:
    """The canonical form of a text from a file, or why it is rejected."""
    if _undecoded(text):
        return Problem("bytes that are not UTF-8")
    found = read(text.lower() if case == "lower" else text)
    if isinstance(found, str) and len(found) > max_characters:
        return Problem(f"longer than {max_characters} characters")
    return found


def read_label(label: str) -> str | Problem:
    """A label with single spaces, empty for none, or why its row is rejected."""
    label = " ".join(label.split())
    if len(label) > MAX_LABEL:
        return Problem(f"a label longer than {MAX_LABEL} characters")
    if not label.isprintable():
        return Problem("a label with bytes that are not UTF-8 or do not print")
    return label


def collect(table: Table, columns: Columns, arguments: argparse.Namespace) -> Collected:
    """The distinct headlines of a table in their order; the first of several copies counts.

    Args:
        table: where they stand.
        columns: what is read of it.
        arguments: `max_characters`, `case`, `keep_labels`, `other_labels`.
    """
    found, seen = Collected(), set[str]()
    keep = {label.casefold() for label in arguments.keep_labels}
    with tqdm(total=table.total, desc="reading", unit=table.unit, unit_scale=True) as bar:
        for count, row in enumerate(table.rows(columns.places)):
            if count % 1000 == 0:
                bar.update(table.done - bar.n)
            item = _read_row(row, columns, arguments)
            if isinstance(item, Problem):
                shown = row.values[0][:SHOWN_TEXT] if row.values else ""
                found.rejected.append(Rejected(row.line, shown, item.reason))
                continue
            text, label = item
            found.all_labels.add(label)
            if keep and label.casefold() not in keep:
                label = ""
                found.other_labels += 1
                if arguments.other_labels == "drop":
                    continue
            key = text.casefold()
            if key in seen:
                found.duplicates += 1
                continue
            seen.add(key)
            found.texts.append(text)
            found.labels.append(label)
            found.lines.append(row.line)
            licence = "" if columns.licence is None else row.values[-1][:MAX_LABEL]
            found.licences.append(licence if licence.isprintable() else "")
        bar.update(table.done - bar.n)
    found.labels = join_spellings(found.labels)
    return found


def join_spellings(labels: Sequence[str]) -> list[str]:
    """The labels with those that differ in case alone (`BUSINESS`, `business`) made one.

    The spelling that most rows have stands for all of them.
    """
    chosen: dict[str, str] = {}
    for label, _ in Counter(labels).most_common():
        chosen.setdefault(label.casefold(), label)
    return [chosen[label.casefold()] for label in labels]


def _read_row(
    row: Row, columns: Columns, arguments: argparse.Namespace
) -> tuple[str, str] | Problem:
    if row.problem:
        return Problem(row.problem)
    text = read_headline(row.values[0], arguments.case, arguments.max_characters)
    label = "" if columns.label is None else read_label(row.values[1])
    if isinstance(text, Problem):
        return text
    return label if isinstance(label, Problem) else (text, label)


def _undecoded(text: str) -> bool:
    return not text.isascii() and any("\udc80" <= char <= "\udcff" for char in text)


def check_collected(found: Collected, source: str, keep: Sequence[str]) -> None:
    """Says clearly what is wrong with a table that gave too little.

    Raises:
        PrepError: no rows, no headlines among them, or none with a label that was asked for.
    """
    if not (found.texts or found.rejected or found.other_labels):
        raise PrepError(f"{source} has a header but no rows", BAD_USAGE)
    there = {label.casefold() for label in found.all_labels}
    missing = [label for label in keep if label.casefold() not in there]
    if missing and found.all_labels:
        names = ", ".join(sorted(found.all_labels - {""})[:60]) or "none"
        raise PrepError(f"{source} has no label {missing[0]!r}; it has: {names}", BAD_USAGE)
    if not found.texts:
        reason, times = Counter(row.reason for row in found.rejected).most_common(1)[0]
        raise PrepError(
            f"{source} holds no headlines: {len(found.rejected):,} rows rejected, {times:,} of "
            f"them for this: {reason}",
            BAD_USAGE,
        )


def report(source: str, rejected: Sequence[Rejected]) -> None:
    """Tells the first rejected rows, and how many there are for each reason, on stderr."""
    tell_rejected(source, rejected)
    if len(rejected) > SHOWN_REJECTED:
        counts = Counter(row.reason for row in rejected).most_common()
        told = "; ".join(f"{reason}: {times:,}" for reason, times in counts)
        print(f"{source}: {len(rejected):,} rejected, all in rejected.csv: {told}", file=sys.stderr)
