"""From the parts of a long sampling run to its output: each item once, the funnel counted.

The parts are read one after the other in the order of their samples, so what is written depends
on the job alone; memory holds one part, eight bytes an item, and the best `--top`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tvae_core.cells import Row
from tvae_core.rows import write_tables, write_to
from tvae_core.sampling.funnel import (
    RANKED,
    UNIQUE,
    VALID,
    Judge,
    Result,
    passed,
    smallest_first,
)
from tvae_core.sampling.hooks import Sampling
from tvae_core.sampling.parts import KEPT, Job, fates_of, read_note, read_part
from tvae_core.support.errors import OutputError

Progress = Callable[[int, int], None]
Keys = npt.NDArray[np.uint64]


class SeenKeys:
    """Which items have been seen before, in eight bytes an item.

        seen = SeenKeys()
        fresh = seen.add(text_hashes(["CCO", "CCC", "CCO"]))      # array([True, True, False])

    An item is its 64-bit hash. Two of n distinct items share one with probability n^2 / 2^65 (the
    birthday bound): 3e-8 for a million, 3e-4 for a hundred million, and then one item is left out;
    none is ever let through twice.

    The hashes lie in sorted runs whose lengths at least halve from one to the next (the logarithmic
    method: Bentley and Saxe, J. Algorithms 1, 301 (1980)): 8 bytes an item, twice that while two
    runs are merged, n log n work in all.
    """

    def __init__(self) -> None:
        self._runs: list[Keys] = []

    def __len__(self) -> int:
        return sum(len(run) for run in self._runs)

    @property
    def nbytes(self) -> int:
        """Bytes that the keys take."""
        return sum(run.nbytes for run in self._runs)

    def add(self, keys: Keys) -> npt.NDArray[np.bool_]:
        """Adds keys `(n,)`; True `(n,)` where one comes for the first time, also within `keys`."""
        fresh = np.zeros(len(keys), dtype=np.bool_)
        distinct, first = np.unique(keys, return_index=True)
        known = np.zeros(len(distinct), dtype=np.bool_)
        for run in self._runs:
            place = np.minimum(np.searchsorted(run, distinct), len(run) - 1)
            known |= run[place] == distinct
        fresh[first[~known]] = True
        self._push(distinct[~known])
        return fresh

    def _push(self, run: Keys) -> None:
        if not len(run):
            return
        self._runs.append(run)
        while len(self._runs) > 1 and len(self._runs[-2]) < 2 * len(self._runs[-1]):
            merged = np.concatenate((self._runs.pop(), self._runs.pop()))
            merged.sort(kind="stable")
            self._runs.append(merged)


@dataclass
class Counts:
    """What the parts amount to: texts drawn and valid, distinct items by fate, items written."""

    drawn: int = 0
    valid: int = 0
    fates: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    written: int = 0

    def result(self, judge: Judge) -> Result:
        """The funnel's counts, without items."""
        distinct = self.fates.total()
        lost = Counter({VALID: self.drawn - self.valid, UNIQUE: self.valid - distinct})
        kept = novel = 0
        for fate, count in self.fates.items():
            stage = fate.removesuffix("_known").removesuffix("_novel")
            novel += count if fate.endswith("_novel") else 0
            if stage == KEPT:
                kept += count
            else:
                lost[stage] += count
        lost[RANKED] = kept - self.written
        return Result(
            counts=passed(judge.order, self.drawn, lost),
            kept=[],
            lost=[],
            distinct=distinct,
            novel=None if judge.known is None else novel,
            reasons=self.reasons,
        )


def survivors(
    job: Job, folder: Path, fates: Sequence[str], counts: Counts, progress: Progress
) -> Iterator[pa.Table]:
    """The items to write, in the order they were drawn; `counts` grows with them.

    Yields:
        Tables with the columns of a part but for `key` and `fate`, empty ones included.
    """
    seen, kept = SeenKeys(), fates.index(KEPT)
    for number in range(job.parts):
        note, table = read_note(folder, number, job.digest), read_part(folder, number)
        counts.drawn += note["drawn"]
        counts.valid += note["valid"]
        counts.reasons.update(note["reasons"])
        table = table.filter(pa.array(seen.add(table["key"].to_numpy())))
        codes = table["fate"].to_numpy()
        for code, times in enumerate(np.bincount(codes, minlength=len(fates)).tolist()):
            counts.fates[fates[code]] += times
        yield table.filter(pa.array(codes >= kept)).drop_columns(["key", "fate"])
        progress(number + 1, job.parts)


def best(
    tables: Iterator[pa.Table], sort: str | None, top: int, smallest: frozenset[str]
) -> pa.Table:
    """The first `top` rows by a score as the funnel ranks them, in memory for `2 * top` rows."""
    kept: list[pa.Table] = []
    for table in tables:
        kept.append(table)
        if sum(len(t) for t in kept) > 2 * top:
            kept = [_ranked(pa.concat_tables(kept), sort, smallest)[:top].combine_chunks()]
    return _ranked(pa.concat_tables(kept), sort, smallest)[:top]


def _ranked(table: pa.Table, sort: str | None, smallest: frozenset[str]) -> pa.Table:
    if not sort:
        return table
    values: npt.NDArray[np.float64] = table[f"score:{sort.lstrip('+-')}"].to_numpy()
    sign = 1 if smallest_first(sort, smallest) else -1
    return table.take(pa.array(np.lexsort((table["index"].to_numpy(), sign * values))))


def write_output(
    job: Job,
    hooks: Sampling,
    judge: Judge | None,
    folder: Path,
    output: Path,
    format: str,
    origin: Row,
    progress: Progress,
) -> Counts:
    """Writes the output from complete parts, whole or not at all.

    Args:
        job: whose parts.
        hooks: the domain's.
        judge: the domain's; None for raw jobs, which write lines of text.
        folder: where the parts lie.
        output: file to write.
        format: one that is written in bounded memory.
        origin: where the items are from, for the file.
        progress: called with (parts done, parts).

    Raises:
        PartError: a part is missing or damaged.
        OutputError: the output cannot be written.
    """
    counts = Counts()
    # In the run's own folder: what a kill leaves there goes with it
    temporary = folder / output.name
    try:
        if judge is None:
            _write_raw(job, folder, temporary, counts, progress)
        else:
            tables = survivors(job, folder, fates_of(judge.order), counts, progress)
            top = job.wanted.top
            if top is not None:
                tables = iter([best(tables, job.wanted.sort, top, judge.smallest)])
            told = judge.known is not None
            shaped = (_counted(hooks.output_table(table, told), counts) for table in tables)
            if format == "parquet":
                write_tables(temporary, shaped, origin)
            else:
                rows = (row for table in shaped for row in table.to_pylist())
                zipped = output.suffix.lower() == ".gz"
                write_to(temporary, rows, dict(origin), hooks.commands, format, zipped)
        temporary.replace(output)
    except OSError as error:
        raise OutputError(f"cannot write {output}: {error.strerror}") from None
    return counts


def _write_raw(job: Job, folder: Path, target: Path, counts: Counts, progress: Progress) -> None:
    from tvae_core.support.words import raw_line

    with target.open("w", encoding="utf-8", newline="\n") as file:
        for number in range(job.parts):
            texts = read_part(folder, number)["text"].to_pylist()
            file.writelines(f"{raw_line(text)}\n" for text in texts)
            counts.drawn += len(texts)
            progress(number + 1, job.parts)


def _counted(table: pa.Table, counts: Counts) -> pa.Table:
    counts.written += len(table)
    return table
