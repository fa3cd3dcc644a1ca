"""From the parts of a long sampling run to its output: each molecule once, the funnel counted.

The parts are read one after the other in the order of their samples, so what is written depends
on the job alone; memory holds one part, eight bytes a molecule, and the best `--top`.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from domains.smiles.chem.writers import FORMATS
from domains.smiles.funnel_types import STAGES, sorts_smallest_first
from domains.smiles.scale_dedup import SeenKeys
from domains.smiles.scale_parts import FATES, KEPT, Job, read_note, read_part
from tvae_core.cells import Row
from tvae_core.parquet import write_tables
from tvae_core.support.errors import OutputError

FORMATS_AT_SCALE = ("csv", "parquet", "smi", "sdf")
Progress = Callable[[int, int], None]


@dataclass
class Counts:
    """What the parts amount to: texts drawn and valid, and distinct molecules by fate."""

    drawn: int = 0
    valid: int = 0
    fates: Counter[str] = field(default_factory=Counter)
    written: int = 0

    def stages(self) -> dict[str, int]:
        """Molecules that passed each stage of the funnel."""
        counts = {"raw": self.drawn, "parsed": self.valid, "unique": self.fates.total()}
        for before, stage in itertools.pairwise(STAGES):
            counts.setdefault(stage, counts.get(before, 0) - self.fates[stage])
        counts["ranked"] = self.written
        return counts

    @property
    def novel(self) -> int:
        """Novel molecules inside the property window."""
        return self.fates["kept_novel"]


def survivors(job: Job, folder: Path, counts: Counts, progress: Progress) -> Iterator[pa.Table]:
    """The molecules to write, in the order they were drawn; `counts` grows with them.

    Yields:
        Tables with the columns of a part but for `key` and `fate`, empty ones included.
    """
    seen = SeenKeys()
    for number in range(job.parts):
        note, table = read_note(folder, number, job.digest), read_part(folder, number)
        counts.drawn += note["drawn"]
        counts.valid += note["valid"]
        table = table.filter(pa.array(seen.add(table["key"].to_numpy())))
        fates = table["fate"].to_numpy()
        for code, times in enumerate(np.bincount(fates, minlength=len(FATES)).tolist()):
            counts.fates[FATES[code]] += times
        yield table.filter(pa.array(fates >= KEPT)).drop_columns(["key", "fate"])
        progress(number + 1, job.parts)


def best(tables: Iterator[pa.Table], sort: str, top: int) -> pa.Table:
    """The first `top` rows by a score as the funnel ranks them, in memory for `2 * top` rows."""
    kept: list[pa.Table] = []
    for table in tables:
        kept.append(table)
        if sum(len(t) for t in kept) > 2 * top:
            kept = [_ranked(pa.concat_tables(kept), sort)[:top].combine_chunks()]
    return _ranked(pa.concat_tables(kept), sort)[:top]


def _ranked(table: pa.Table, sort: str) -> pa.Table:
    values: npt.NDArray[np.float64] = table[f"score:{sort.lstrip('+-')}"].to_numpy()
    order = np.lexsort(
        (table["index"].to_numpy(), values if sorts_smallest_first(sort) else -values)
    )
    return table.take(pa.array(order))


def write_output(
    job: Job, folder: Path, output: Path, format: str, origin: Row, progress: Progress
) -> Counts:
    """Writes the output from complete parts, whole or not at all.

    Args:
        job: whose parts.
        folder: where they lie.
        output: file to write.
        format: one of `FORMATS_AT_SCALE`; raw jobs write text lines instead.
        origin: where the molecules are from, for the file.
        progress: called with (parts done, parts).

    Raises:
        PartError: a part is missing or damaged.
        OutputError: the output cannot be written.
    """
    counts = Counts()
    # In the run's own folder: what a kill leaves there goes with it
    temporary = folder / output.name
    try:
        if job.raw:
            _write_raw(job, folder, temporary, counts, progress)
        else:
            tables = survivors(job, folder, counts, progress)
            if job.options.top is not None:
                tables = iter([best(tables, job.options.sort or "qed", job.options.top)])
            shaped = (_counted(_output_table(table), counts) for table in tables)
            if format == "parquet":
                write_tables(temporary, shaped, origin)
            else:
                rows = (row for table in shaped for row in table.to_pylist())
                FORMATS[format](temporary, rows, dict(origin))
        os.replace(temporary, output)
    except OSError as error:
        raise OutputError(f"cannot write {output}: {error.strerror}") from None
    return counts


def _write_raw(job: Job, folder: Path, target: Path, counts: Counts, progress: Progress) -> None:
    with target.open("w", encoding="utf-8", newline="\n") as file:
        for number in range(job.parts):
            texts = read_part(folder, number)["text"].to_pylist()
            file.writelines(f"{text}\n" for text in texts)
            counts.drawn += len(texts)
            progress(number + 1, job.parts)


def _counted(table: pa.Table, counts: Counts) -> pa.Table:
    counts.written += len(table)
    return table


def _output_table(table: pa.Table) -> pa.Table:
    """The columns of `Survivor.to_dict`, in its order."""
    numbers = pc.cast(pc.add(table["index"], 1), pa.string())
    columns = {
        "smiles": table["smiles"],
        "name": pc.binary_join_element_wise("sample", numbers, "-"),
        "inchikey": table["inchikey"],
    }
    for name in table.column_names:
        if name.startswith("score:"):
            columns[name.removeprefix("score:")] = table[name]
    columns["alerts"] = pa.array([[]] * len(table), pa.list_(pa.string()))
    columns["novel"] = table["novel"]
    columns["scaffold"] = table["scaffold"]
    return pa.table(columns)
