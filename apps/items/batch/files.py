"""A user's file of items: uploaded or pasted, read row by row, each row with what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from apps.common.bundle import Workbench
from apps.common.upload import Upload
from apps.items.hooks import Format, Row
from apps.items.spec import Spec
from tvae_core.domain import DomainError
from tvae_core.support.reading.lines import TableError, TextLines
from tvae_core.support.reading.tables import KINDS, kind_of, open_table

ROWS = 5_000
SIZE = 10_000_000
LINES = (".txt",)
TABLES = tuple(kind for kind in KINDS if kind != ".json")
NAMES = ("name", "id", "title")
"""Columns that tell what a row is called."""
TOO_LONG = "a line that is too long"


@dataclass(frozen=True)
class BatchFile:
    """A file: its rows of items, rows that are none, and phrases on what became of them."""

    name: str
    digest: str
    items: tuple[Row, ...]
    refused: tuple[Row, ...]
    told: tuple[str, ...] = ()

    @property
    def changed(self) -> list[Row]:
        """The rows of items in which something was dropped or changed."""
        return [row for row in self.items if row.changes]


def format_of(spec: Spec) -> Format:
    """How the app's files are read: the domain's own way, or tables and lines."""
    return spec.hooks.file or Format(
        read=partial(_read, spec),
        columns=_columns,
        endings=tuple(kind.removeprefix(".") for kind in (*TABLES, *LINES, ".gz")),
        usual=("text", spec.unit, spec.words.noun, "item"),
        column=f"Column of {spec.words.noun}",
        pasted="pasted.txt",
        example=spec.field.ends[0],
    )


def _columns(path: Path) -> list[str]:
    return open_table(path).names if kind_of(path) in TABLES else []


def _read(spec: Spec, path: Path, column: str | None, most: int) -> tuple[list[Row], list[str]]:
    """The rows of a table or of lines; see `FileReader`."""
    kind = kind_of(path)
    if kind not in (*TABLES, *LINES):
        known = ", ".join((*TABLES, *LINES))
        raise TableError(f"{path}: unknown file ending; {spec.words.noun} are read from {known}")
    if kind in LINES:
        raw, notes = _lines(path), []
    else:
        table = open_table(path)
        place = table.column(column) if column is not None else _place(spec, table.names, path)
        lowered = [name.lower() for name in table.names]
        found = [lowered.index(name) for name in NAMES if name in lowered]
        named = [i for i in found if i != place and table.holds_text(i)][:1]
        raw = (
            (row.line, row.values[0] if row.values else "", "".join(row.values[1:]), row.problem)
            for row in table.rows([place, *named])
        )
        notes = table.notes
    rows = [_row(spec, *each) for each in islice(raw, most + 1)]
    if not rows:
        raise TableError(f"{path} holds no {spec.words.noun}")
    checked = _checked(spec, rows)
    return checked, [_account(checked), *notes]


def _place(spec: Spec, names: Sequence[str], path: Path) -> int:
    """The place of the column of items, where it can be told."""
    lowered = [name.lower() for name in names]
    usual = [lowered.index(name) for name in format_of(spec).usual if name in lowered]
    if usual or len(names) == 1:
        return (usual or [0])[0]
    listed = ", ".join(name[:40] for name in names[:30])
    raise TableError(f"{path}: which column holds the {spec.words.noun}? There are: {listed}")


def _lines(path: Path) -> Iterable[tuple[int, str, str, str]]:
    for line in TextLines(path):
        text = line.text.strip()
        if text and not (line.number == 1 and text.startswith("# {")):
            yield line.number, text, "", TOO_LONG if line.too_long else ""


def _row(spec: Spec, line: int, text: str, name: str, problem: str) -> Row:
    """A row whose text is read, not checked."""
    shown = text.encode("utf-8", "replace").decode()
    name = name.encode("utf-8", "replace").decode().strip()
    if problem:
        return Row(line, shown, name, problem)
    try:
        return Row(line, shown, name, None, spec.field.read(shown.strip("\r\n")))
    except DomainError as error:
        return Row(line, shown, name, str(error))


def _checked(spec: Spec, rows: Sequence[Row]) -> list[Row]:
    """The rows in canonical form, or with the reason why they are no items."""
    texts = [row.form for row in rows if row.reason is None]
    verdicts = iter(spec.commands.domain.check(texts))
    found = []
    for row in rows:
        if row.reason is None:
            verdict = next(verdicts)
            if verdict.ok:
                row = row._replace(form=verdict.canonical or row.form)
            else:
                why = str(DomainError(verdict.reason or "invalid", verdict.position))
                row = row._replace(reason=why, form="")
        found.append(row)
    return found


def _account(rows: Sequence[Row]) -> str:
    """How rows add up."""
    counts = Counter(row.form for row in rows if row.reason is None)
    good = sum(counts.values())
    again = good - len(counts)
    return (
        f"{len(rows):,} {'row' if len(rows) == 1 else 'rows'}: {len(counts):,} kept, "
        f"{len(rows) - good:,} rejected, {again:,} {'duplicate' if again == 1 else 'duplicates'}"
    )


def count_rows(upload: Upload) -> int:
    """About how many rows a file has, counted without reading them as items; 0 if that is unknown.

    Files of mol blocks count their ends.
    """
    if upload.name.lower().endswith((".sdf", ".sd", ".mol")):
        return max(upload.data.count(b"$$$$"), upload.data.count(b"M  END"))
    if upload.name.lower().endswith(".parquet"):
        return 0
    return upload.data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").strip().count(b"\n") + 1


def read_batch(
    spec: Spec, upload: Upload, column: str | None = None, most: int = ROWS
) -> BatchFile:
    """Reads a file of items.

    Args:
        spec: of the app.
        upload: the file.
        column: of items, in a table.
        most: rows.

    Raises:
        ValueError: too many rows, or a file that is not understood.
    """
    found = count_rows(upload)
    told: list[str] = []
    rows: list[Row] = []
    if found <= most + 1:
        rows, told = upload.read(lambda path: format_of(spec).read(path, column, most))
        found = len(rows)
    if found > most:
        least = "" if rows == [] else "at least "
        raise ValueError(
            f"{upload.name}: {least}{found:,} rows are more than the {most:,} that this page "
            "takes; split the file"
        )
    return BatchFile(
        upload.name,
        f"{upload.digest}:{column or ''}",
        tuple(row for row in rows if row.reason is None),
        tuple(row for row in rows if row.reason is not None),
        tuple(told),
    )


def fitting(bench: Workbench, rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """The rows that the bundle can encode, and the others with the reason."""
    if not rows:
        return [], []
    limit = bench.space.model.config.max_length
    with bench.lock:
        forms = [row.form for row in rows]
        tokens = bench.space.tokenizer(forms, add_special_tokens=False)["input_ids"]
    good, long = [], []
    for row, ids in zip(rows, tokens, strict=True):
        if 0 < len(ids) <= limit:
            good.append(row)
        else:
            reason = f"too long for this bundle: {len(ids)} tokens, it takes {limit}"
            long.append(row._replace(reason=reason))
    return good, long
