"""One task over all items of a file, a slice of the work at every rerun of the page."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from apps.common.bundle import Workbench
from apps.common.codes import matched
from apps.common.job import Job
from apps.items.facts import Item, pair_similarities, read_items
from apps.items.hooks import Row
from apps.items.spec import Spec
from apps.items.workplace import row_of
from tvae_core.evaluation.comes_back import compare
from tvae_core.space import LatentSpace
from tvae_core.space.paths import neighbours
from tvae_core.support.random_rows import normal_rows

MOST_DECODED = 20_000
SLICE_SECONDS = 0.7
CHUNK = 32

RECONSTRUCT, SCORE, NEIGHBOURS = "reconstruct", "score", "neighbours"
EXACT, NEARLY, OTHER, INVALID = "exact", "nearly", "other", "invalid"


@dataclass(frozen=True)
class Record:
    """One result.

    Attributes:
        row: of the file.
        given: the row's item.
        found: what came of it: decoded from its code, or itself where it is only scored.
        kind: how `found` relates to `given`, for reconstructions.
        said: the same in words.
        reason: why the item is lost, where that is known.
        similarity: of `found` to `given`.
        times: how often the same neighbour was decoded.
    """

    row: Row
    given: Item
    found: Item
    kind: str = ""
    said: str = ""
    reason: str = ""
    similarity: float = math.nan
    times: int = 1


@dataclass
class BatchJob:
    """One task over a file: `advance` does a slice of the work, `records` has what is done.

    Attributes:
        spec: of the app.
        task: `reconstruct`, `score` or `neighbours`.
        rows: items to work on.
        decoding: the decoding job; None where nothing is decoded.
        per: codes decoded a row.
        settings: what was asked for, for downloads.
    """

    spec: Spec
    task: str
    rows: list[Row]
    decoding: Job | None
    per: int
    settings: dict[str, object]
    records: list[Record] = field(default_factory=list)
    done: int = 0
    decoded_valid: int = 0
    stopped: bool = False
    _places: dict[tuple[int, str], int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Steps in all: decodings, or items to score."""
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
            count = min(CHUNK, ready - self.done)
            self._take(bench, range(self.done, self.done + count))
            self.done += count

    def _take(self, bench: Workbench, numbers: range) -> None:
        rows = [self.rows[number // self.per] for number in numbers]
        given = read_items(bench, [row.form for row in rows])
        if self.decoding is None:
            self.records += [Record(r, g, g) for r, g in zip(rows, given, strict=True)]
            return
        found = read_items(bench, self.decoding.texts[numbers.start : numbers.stop])
        self.decoded_valid += sum(item.ok for item in found)
        near = pair_similarities(bench, given, found)
        if self.task == RECONSTRUCT:
            self.records += reconstructed(self.spec, bench, rows, given, found, near)
            return
        for number, row, item, other, value in zip(numbers, rows, given, found, near, strict=True):
            if other.ok and other.key != item.key:
                self._keep(number // self.per, Record(row, item, other, similarity=value))

    def _keep(self, place: int, record: Record) -> None:
        """A neighbour, once for each row."""
        at = self._places.setdefault((place, record.found.key), len(self.records))
        if at == len(self.records):
            self.records.append(record)
        else:
            earlier = self.records[at]
            self.records[at] = replace(earlier, times=earlier.times + 1)


def reconstructed(
    spec: Spec,
    bench: Workbench,
    rows: Sequence[Row],
    given: Sequence[Item],
    found: Sequence[Item],
    near: Sequence[float],
) -> list[Record]:
    """Records of what came back, with the reason where it is known why an item did not."""
    kinds = [kind_of(spec, a, b) for a, b in zip(given, found, strict=True)]
    odd = [i for i, (kind, _) in enumerate(kinds) if kind in (OTHER, INVALID)]
    with bench.lock:
        lost = compare(bench.space, [given[i].form for i in odd], [found[i].text for i in odd])
    reasons = dict(zip(odd, (each.reason for each in lost), strict=True))
    return [
        Record(rows[i], given[i], found[i], *kinds[i], reasons.get(i, ""), near[i])
        for i in range(len(rows))
    ]


def kind_of(spec: Spec, given: Item, found: Item) -> tuple[str, str]:
    """How a reconstruction relates to the item, and the same in words."""
    if not found.ok:
        return INVALID, INVALID
    if found.key == given.key:
        return EXACT, EXACT
    if but := spec.hooks.same_but(given, found):
        return NEARLY, f"exact but for {but}"
    return OTHER, f"another {spec.unit}"


def scoring(spec: Spec, rows: Sequence[Row], settings: dict[str, object]) -> BatchJob:
    """A job that scores items."""
    return BatchJob(spec, SCORE, list(rows), None, 1, settings)


def reconstructing(
    spec: Spec, rows: Sequence[Row], fidelity: float, settings: dict[str, object]
) -> BatchJob:
    """A job that encodes items and decodes their codes."""
    forms = [row.form for row in rows]

    def draw(space: LatentSpace, start: int, count: int) -> Tensor:
        return space.encode(forms[start : start + count])

    job = Job(len(rows), draw, fidelity, of_items=True)
    return BatchJob(spec, RECONSTRUCT, list(rows), job, 1, settings)


def around(
    spec: Spec,
    bench: Workbench,
    rows: Sequence[Row],
    per: int,
    radius: float,
    seed: int,
    settings: dict[str, object],
) -> BatchJob:
    """A job that decodes `per` codes around each item's, at a radius."""
    forms = [row.form for row in rows]

    def draw(space: LatentSpace, start: int, count: int) -> Tensor:
        first, last = start // per, (start + count - 1) // per
        codes = space.encode(forms[first : last + 1])
        own = torch.tensor([i // per - first for i in range(start, start + count)])
        noise = normal_rows(start, start + count, tuple(codes.shape[1:]), seed, stream=2)
        level = radius * space.spread
        return torch.stack(
            [neighbours(codes[i], noise[k], level) for k, i in enumerate(own.tolist())]
        )

    job = Job(len(rows) * per, draw, matched(bench.space, radius))
    return BatchJob(spec, NEIGHBOURS, list(rows), job, per, settings)


def file_row(spec: Spec, record: Record, task: str) -> dict[str, object]:
    """A record as a row of a file."""
    place: dict[str, object] = {"line": record.row.line}
    if record.row.name:
        place = {"name": record.row.name, **place}
    if task == SCORE:
        return row_of(spec, record.found, **place)
    if task == NEIGHBOURS:
        more = {"around": record.given.form, "similarity": record.similarity}
        return row_of(spec, record.found, **place, **more, times=record.times)
    return {
        "text": record.given.form,
        **place,
        "reconstructed": record.found.form,
        "outcome": record.said,
        "similarity": record.similarity,
        "reason": record.found.why or record.reason,
    }
