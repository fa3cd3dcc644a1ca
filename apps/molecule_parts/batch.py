"""A file of molecules worked on row by row: what it holds, and one task over all of it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from apps.common.bundle import Workbench
from apps.common.codes import matched
from apps.common.job import Job
from apps.common.upload import Upload
from apps.molecule_parts.dialled import outcome
from apps.molecule_parts.facts import Facts, facts_of, similarity
from apps.molecule_parts.workplace import row_of
from domains.smiles.reading.readers import Account, MoleculeFile, Row, columns_of
from tvae_core.space import LatentSpace
from tvae_core.space.paths import neighbours
from tvae_core.support.random_rows import normal_rows

ROWS = 5_000
SIZE = 10_000_000
MOST_DECODED = 20_000
SLICE_SECONDS = 0.7

RECONSTRUCT, SCORE, NEIGHBOURS = "reconstruct", "score", "neighbours"
EXACT, STEREO, OTHER, INVALID = "exact", "exact but for stereo", "another molecule", "invalid"


@dataclass(frozen=True)
class BatchFile:
    """A file: rows of molecules as canonical SMILES, and rows that are none, with the reason.

    `changed` are the rows of molecules as they stand in the file, where something was dropped.
    """

    name: str
    digest: str
    molecules: tuple[Row, ...]
    refused: tuple[Row, ...]
    changed: tuple[Row, ...] = ()
    account: Account = field(default_factory=Account)


@dataclass(frozen=True)
class Record:
    """One result.

    Attributes:
        row: of the file.
        given: the row's molecule.
        found: what came of it: decoded from its code, or itself where it is only scored.
        kind: how `found` relates to `given`, for reconstructions.
        similarity: Tanimoto, of `found` to `given`.
        times: how often the same neighbour was decoded.
    """

    row: Row
    given: Facts
    found: Facts
    kind: str = ""
    similarity: float = math.nan
    times: int = 1


def count_rows(upload: Upload) -> int:
    """About how many rows a file has, counted without reading them as molecules."""
    if upload.name.lower().endswith((".sdf", ".sd", ".mol")):
        return max(upload.data.count(b"$$$$"), upload.data.count(b"M  END"))
    return upload.data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").strip().count(b"\n") + 1


def table_columns(upload: Upload) -> list[str]:
    """The columns of a table, none for another file.

    Raises:
        ValueError: the file cannot be read.
    """
    return upload.read(columns_of)


def read_batch(upload: Upload, column: str | None = None, most: int = ROWS) -> BatchFile:
    """Reads a file's molecules.

    Args:
        upload: the file.
        column: of SMILES, in a table.
        most: rows.

    Raises:
        ValueError: too many rows, or a file that is not understood.
    """
    found = count_rows(upload)
    if found > most + 1:
        raise ValueError(
            f"{upload.name}: {found:,} rows are more than the {most:,} that this page takes; "
            "split the file"
        )

    def read(path: Path) -> tuple[MoleculeFile, list[Row]]:
        file = MoleculeFile(path, column)
        return file, list(file.rows())

    file, rows = upload.read(read)
    account = Account(notes=file.notes, skipped=file.skipped)
    for row in rows:
        account.add(row.line, row.smiles, row.changes)
    good = [row for row in rows if row.reason is None]
    return BatchFile(
        upload.name,
        f"{upload.digest}:{column or ''}",
        tuple(row._replace(text=row.smiles) for row in good),
        tuple(row for row in rows if row.reason is not None),
        tuple(row for row in good if row.changes),
        account,
    )


def fitting(bench: Workbench, rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """The rows that the bundle can encode, and the others with the reason."""
    if not rows:
        return [], []
    limit = bench.space.model.config.max_length
    with bench.lock:
        smiles = [row.text for row in rows]
        tokens = bench.space.tokenizer(smiles, add_special_tokens=False)["input_ids"]
    good, long = [], []
    for row, ids in zip(rows, tokens, strict=True):
        if 0 < len(ids) <= limit:
            good.append(row)
        else:
            reason = f"too long for this bundle: {len(ids)} tokens, it takes {limit}"
            long.append(row._replace(reason=reason))
    return good, long


@dataclass
class BatchJob:
    """One task over a file: `advance` does a slice of the work, `records` has what is done.

    Attributes:
        task: `reconstruct`, `score` or `neighbours`.
        rows: molecules to work on.
        decoding: the decoding job; None where nothing is decoded.
        per: codes decoded a row.
        settings: what was asked for, for downloads.
    """

    task: str
    rows: list[Row]
    decoding: Job | None
    per: int
    settings: dict[str, object]
    records: list[Record] = field(default_factory=list)
    done: int = 0
    decoded_valid: int = 0
    stopped: bool = False
    _places: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Steps in all: decodings, or molecules to score."""
        return len(self.rows) * self.per

    @property
    def running(self) -> bool:
        """Whether there is more to do."""
        return not self.stopped and self.done < self.total

    def stop(self) -> None:
        """Does no more; what is done stays."""
        self.stopped = True

    def advance(self, bench: Workbench) -> None:
        """Decodes a batch, or works out what came of the last one, for about `SLICE_SECONDS`."""
        ready = self.total if self.decoding is None else len(self.decoding.texts)
        if self.done >= ready and self.decoding is not None:
            self.decoding.step(bench)
            return
        end = time.monotonic() + SLICE_SECONDS
        while self.done < ready and time.monotonic() < end:
            self._take(self.done)
            self.done += 1

    def _take(self, number: int) -> None:
        row = self.rows[number // self.per]
        given = facts_of(row.text)
        if self.decoding is None:
            self.records.append(Record(row, given, given))
            return
        found = facts_of(self.decoding.texts[number])
        self.decoded_valid += found.ok
        near = similarity(given, found)
        if self.task == RECONSTRUCT:
            self.records.append(Record(row, given, found, kind_of(given, found), near))
            return
        if number % self.per == 0:
            self._places.clear()
        if not found.ok or found.inchikey == given.inchikey:
            return
        place = self._places.setdefault(found.inchikey, len(self.records))
        if place == len(self.records):
            self.records.append(Record(row, given, found, "", near))
        else:
            earlier = self.records[place]
            self.records[place] = replace(earlier, times=earlier.times + 1)


def kind_of(given: Facts, found: Facts) -> str:
    """How a reconstruction relates to the molecule."""
    tone, words = outcome(given, found)
    if tone == "good":
        return EXACT if words == "the same molecule" else STEREO
    return INVALID if tone == "bad" else OTHER


def scoring(rows: Sequence[Row], settings: dict[str, object]) -> BatchJob:
    """A job that scores molecules."""
    return BatchJob(SCORE, list(rows), None, 1, settings)


def reconstructing(rows: Sequence[Row], fidelity: float, settings: dict[str, object]) -> BatchJob:
    """A job that encodes molecules and decodes their codes."""
    smiles = [row.text for row in rows]

    def draw(space: LatentSpace, start: int, count: int) -> Tensor:
        return space.encode(smiles[start : start + count])

    job = Job(len(rows), draw, fidelity, of_items=True)
    return BatchJob(RECONSTRUCT, list(rows), job, 1, settings)


def around(
    bench: Workbench,
    rows: Sequence[Row],
    per: int,
    radius: float,
    seed: int,
    settings: dict[str, object],
) -> BatchJob:
    """A job that decodes `per` codes around each molecule's, at a radius."""
    smiles = [row.text for row in rows]

    def draw(space: LatentSpace, start: int, count: int) -> Tensor:
        first, last = start // per, (start + count - 1) // per
        codes = space.encode(smiles[first : last + 1])
        own = torch.tensor([i // per - first for i in range(start, start + count)])
        noise = normal_rows(start, start + count, tuple(codes.shape[1:]), seed, stream=2)
        level = radius * space.spread
        return torch.stack(
            [neighbours(codes[i], noise[k], level) for k, i in enumerate(own.tolist())]
        )

    job = Job(len(rows) * per, draw, matched(bench.space, radius))
    return BatchJob(NEIGHBOURS, list(rows), job, per, settings)


def file_row(record: Record, task: str) -> dict[str, object]:
    """A record as a row of a file."""
    place: dict[str, object] = {"line": record.row.line}
    if record.row.name:
        place = {"name": record.row.name, **place}
    if task == SCORE:
        return row_of(record.found, **place)
    if task == NEIGHBOURS:
        more = {"around": record.given.smiles, "similarity": record.similarity}
        return row_of(record.found, **place, **more, times=record.times)
    back = record.found
    return {
        "smiles": record.given.smiles,
        **place,
        "reconstructed": back.smiles or back.text,
        "outcome": record.kind,
        "similarity": record.similarity,
        "reason": back.why,
    }
