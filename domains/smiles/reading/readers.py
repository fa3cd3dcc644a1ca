"""Molecules from a file of one's own: SMILES lines, tables, MDL mol blocks; each also with .gz.

    file = MoleculeFile(Path("actives.csv"), column="structure")
    for row in file.rows():
        print(row.line, row.smiles or row.reason, row.changes)

The one reader, for `data_prep.smiles --input`, the Batch page and scripts. The format follows the
ending: .smi, .smiles and .txt are a SMILES a line and, after white space, a name; .csv, .tsv,
.jsonl and .parquet are tables, see `tvae_core.support.reading.tables`; .sdf, .sd and .mol hold mol
blocks. A row that is no molecule is not fatal: it comes with its line and the reason.
`read_molecules`, `read_rows` and `columns_of` are short forms.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from domains.smiles.chem.molecule import parse, unknown_name
from domains.smiles.chem.syntax import Problem
from domains.smiles.reading.account import Account
from domains.smiles.reading.mol_block import read_block
from domains.smiles.reading.sdf import SdfRecords
from domains.smiles.reading.texts import Change, Found, read_smiles, str_problem
from tvae_core.support.reading.lines import MAX_LINE, TableError, TextLines
from tvae_core.support.reading.rows import Table
from tvae_core.support.reading.tables import KINDS, kind_of, open_table
from tvae_core.support.workers import CHEAP, Progress, Workers

__all__ = [
    "ENDINGS",
    "NAME_COLUMNS",
    "READER",
    "SMILES_COLUMNS",
    "TABLES",
    "Account",
    "MoleculeFile",
    "RejectedLine",
    "Row",
    "columns_of",
    "read_molecules",
    "read_rows",
    "str_problem",
]

READER = "molecules 2"
"""What a prepared set's manifest says about the reader of its molecules."""

SMILES_COLUMNS = ("smiles", "canonical_smiles", "isomeric_smiles", "smi", "structure")
"""Column names recognised, in any case, when none is given."""

NAME_COLUMNS = ("name", "id", "title", "compound", "compound_name", "compound_id", "molecule_id")
"""Column names recognised, in any case, as what a molecule is called."""

LINES = (".smi", ".smiles", ".txt")
TABLES = tuple(kind for kind in KINDS if kind != ".json")
BLOCKS = (".sdf", ".sd", ".mol")
ENDINGS = (*LINES, *TABLES, *BLOCKS)
_BLOCK = 20_000
_MARKS = {",": "commas", ";": "semicolons"}


class RejectedLine(NamedTuple):
    """A row that is no molecule: its 1-based line in the file, its text, and why."""

    line: int
    text: str
    reason: str


class Row(NamedTuple):
    """A row of a file.

    Attributes:
        line: counted from 1; the first of a row of several lines.
        text: SMILES as the file has it; the title of an .sdf record.
        name: what the file calls it; empty if nothing.
        reason: why it is no molecule; None for one that is.
        smiles: canonical, after the changes; empty for what is no molecule.
        changes: what was dropped or changed in it.
    """

    line: int
    text: str
    name: str = ""
    reason: str | None = None
    smiles: str = ""
    changes: tuple[Change, ...] = ()


class _Raw(NamedTuple):
    """A row before it is read as a molecule; `form` is what `text` is: smiles, line, or block."""

    line: int
    text: str
    name: str = ""
    problem: str = ""
    form: str = "smiles"


class MoleculeFile:
    """A file of molecules.

    Attributes:
        columns: names of the columns of a table; none for other files.
        skipped: lines that are no rows, by kind; complete after the last row.
    """

    def __init__(self, path: Path, column: str | None = None) -> None:
        """Opens a file by its ending.

        Args:
            path: where it is.
            column: the column of a table that holds the SMILES; by default one of
                `SMILES_COLUMNS`.

        Raises:
            TableError: (a `ValueError`) it cannot be read, is empty, has an unknown ending, or not
                that column.
        """
        self.path, self.skipped = path, Counter[str]()
        self._asked = column is not None
        kind = kind_of(path)
        if kind not in ENDINGS:
            known = ", ".join(ENDINGS)
            raise TableError(
                f"{path}: unknown file ending; molecules are read from {known} (also .gz)"
            )
        if column is not None and kind not in TABLES:
            raise TableError(f"{path}: only a table has columns; leave the column out for {kind}")
        self.table: Table | None = None
        self.columns: list[str] = []
        if kind in TABLES:
            self.table = open_table(path)
            self.columns = self.table.names
            self._place = _smiles_place(self.table, column)
        else:
            self._lines = TextLines(path)
            self._records = SdfRecords(self._lines) if kind in BLOCKS else None

    @property
    def notes(self) -> list[str]:
        """What there is to tell about how the file was read; complete after the last row."""
        if self.table is not None:
            return self.table.notes + self._column_notes()
        notes = self._lines.notes
        missing = self._records.missing if self._records else []
        if missing:
            notes.append(
                f"a line $$$$ is missing in {len(missing):,} "
                f"{'place' if len(missing) == 1 else 'places'}, first before line {missing[0]}; "
                "read as if it were there"
            )
        return notes

    def _column_notes(self) -> list[str]:
        """Which column was taken, where it is neither the one asked for nor `smiles`."""
        name = self.columns[self._place]
        if self._asked or self.table is None or name.lower() == SMILES_COLUMNS[0]:
            return []
        listed = self.table.listed()
        return [f"has no column {SMILES_COLUMNS[0]!r}; it has: {listed}; taken: {name!r}"]

    def progress(self) -> tuple[int, int]:
        """How much of the file has been read, of how much."""
        source = self._lines if self.table is None else self.table
        return source.done, source.total

    def rows(self, jobs: int = 1, progress: Progress | None = None) -> Iterator[Row]:
        """Every row, in the file's order, read as a molecule.

        Args:
            jobs: processes, used for many molecules.
            progress: called as `progress(done, total)`, in bytes (rows of a parquet file).

        Raises:
            TableError: the file is damaged, or holds no rows.
        """
        raw = self._raw()
        any_rows = False
        with Workers(jobs) as workers:
            while block := list(islice(raw, _BLOCK)):
                any_rows = True
                found = workers.map(_read, block, chunk=500, pays_from=CHEAP)
                for row, result in zip(block, found, strict=True):
                    yield _row(row, result)
                if progress is not None:
                    progress(*self.progress())
        if not any_rows:
            total = sum(self.skipped.values()) - self.skipped["empty lines"]
            what = "holds no molecules" if total else "is empty, it holds no molecules"
            raise TableError(f"{self.path} {what}")

    def _raw(self) -> Iterator[_Raw]:
        if self.table is not None:
            return self._table_rows(self.table)
        return self._line_rows() if self._records is None else self._block_rows(self._records)

    def _line_rows(self) -> Iterator[_Raw]:
        first = True
        for line in self._lines:
            text = line.text.strip()
            if line.too_long:
                problem = f"a line longer than {MAX_LINE >> 10:,} KB"
                yield _Raw(line.number, text, "", problem, "line")
            elif not text:
                self.skipped["empty lines"] += 1
            elif text.startswith("#"):
                self.skipped["comments"] += 1
            elif first and _is_header(text):
                self.skipped["header lines"] += 1
                first = False
            else:
                smiles, name = _cut_line(text)
                yield _Raw(line.number, smiles, name, "", "line")
                first = False

    def _table_rows(self, table: Table) -> Iterator[_Raw]:
        lowered = [name.lower() for name in table.names]
        places = [lowered.index(name) for name in NAME_COLUMNS if name in lowered]
        named = [p for p in places if table.holds_text(p) and p != self._place][:1]
        self.skipped["header lines"] = int(table.header > 0)
        for row in table.rows([self._place, *named]):
            name = row.values[1].strip() if named and not row.problem else ""
            yield _Raw(row.line, row.values[0], name, row.problem)
        self.skipped["empty lines"] = table.empty

    def _block_rows(self, records: SdfRecords) -> Iterator[_Raw]:
        for record in records:
            yield _Raw(record.line, record.block, record.title, record.problem, "block")
        self.skipped["empty records"] = records.empty


def read_rows(
    path: str | Path,
    column: str | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> list[Row]:
    """Every row of a file, in its order; see `MoleculeFile`, also for what is raised."""
    return list(MoleculeFile(Path(path), column).rows(jobs, progress))


def read_molecules(
    path: str | Path,
    column: str | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> tuple[list[str], list[RejectedLine]]:
    """The canonical SMILES of the molecules of a file, in its order; and the rows that are none.

    The arguments and errors are those of `MoleculeFile`.
    """
    rows = read_rows(path, column, jobs, progress)
    rejected = [RejectedLine(r.line, r.text, r.reason) for r in rows if r.reason is not None]
    return [row.smiles for row in rows if row.reason is None], rejected


def columns_of(path: str | Path) -> list[str]:
    """The column names of a table; none for a file that is no table.

    Raises:
        TableError: (a `ValueError`) the file cannot be read or has an unknown ending.
    """
    path = Path(path)
    return open_table(path).names if kind_of(path) in TABLES else []


def _smiles_place(table: Table, column: str | None) -> int:
    """The place of the column of SMILES.

    Raises:
        TableError: there is no such column, or it cannot be told.
    """
    lowered = [name.lower() for name in table.names]
    listed = ", ".join(repr(name[:40]) for name in table.names[:30])
    if column is None:
        for name in SMILES_COLUMNS:
            if name in lowered:
                return table.column(name)
        if hint := _no_header(table.names):
            raise TableError(f"{table.path}: {hint}")
        what = "which column holds the SMILES? There are"
        raise TableError(f"{table.path}: {what}: {listed}")
    if column.lower() not in lowered:
        hint = _no_header(table.names) or str(unknown_name("column", column, table.names))
        raise TableError(f"{table.path} has no column {column!r}; it has: {table.listed()}; {hint}")
    place = table.column(column)
    if hint := _no_header([table.names[place]]):
        raise TableError(f"{table.path}: {hint}")
    return place


def _no_header(names: Sequence[str]) -> str:
    """A hint where a header looks like a row; names of one atom (`C`, `S`) may be columns."""
    for name in names:
        mol = parse(name)
        if not isinstance(mol, Problem) and mol.GetNumAtoms() > 1:
            return (
                "the first line looks like a molecule: no header? Put one before it, "
                "such as smiles,name"
            )
    return ""


def _is_header(text: str) -> bool:
    """Whether a line names columns, separated by white space, commas or semicolons."""
    word = text.replace(",", " ").replace(";", " ").split()[:1]
    return bool(word) and word[0].strip("\"'").lower() in SMILES_COLUMNS


def _cut_line(text: str) -> tuple[str, str]:
    """A SMILES with its extension, and the name after it: a word, or all up to the next tab."""
    smiles, _, rest = text.partition("\t") if "\t" in text else text.partition(" ")
    if " " in smiles or not smiles:
        smiles, _, rest = text.partition(" ")
    smiles, rest = smiles.strip(), rest.strip()
    if rest.startswith("|"):
        end = rest.find("|", 1)
        if end < 0:
            return text, ""
        smiles, rest = f"{smiles} {rest[: end + 1]}", rest[end + 1 :].strip()
    words = rest.split("\t") if "\t" in text else rest.split()
    return smiles, words[0].strip() if words else ""


def _read(rows: Sequence[_Raw]) -> list[Found]:
    return [_read_one(row) for row in rows]


def _read_one(row: _Raw) -> Found:
    if row.problem:
        return Found("", row.problem)
    if row.form == "block":
        return read_block(row.text, row.line)
    found = read_smiles(row.text)
    if found.reason is not None and row.form == "line":
        for mark, what in _MARKS.items():
            before, there, _ = row.text.partition(mark)
            if there and not isinstance(parse(before), Problem):
                return Found("", f"separated by {what}: name it .csv")
    return found


def _row(raw: _Raw, found: Found) -> Row:
    text = raw.name if raw.form == "block" else raw.text.strip()
    return Row(raw.line, _shown(text), _shown(raw.name), found.reason, found.smiles, found.changes)


def _shown(text: str) -> str:
    """A text that can be written: what was no UTF-8 in it (see `TextLines`) as question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
