"""One part of a long sampling run: a range of samples drawn, sieved and put into a table.

A part depends on the job and its number alone, so any process on any machine may make it, in any
order, once more or not at all. Part files are Parquet: a row for each distinct molecule of the part
whatever became of it (columns `key`, `fate`; the rest is empty for those that were dropped), or
for raw jobs a row for each decoded string.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from domains.smiles.chem.scores import default_names
from domains.smiles.commands import COMMANDS, load_known
from domains.smiles.funnel import Funnel, FunnelOptions
from domains.smiles.novelty import text_hashes
from tvae_core.space import LatentSpace
from tvae_core.support.errors import BundleError, OutputError

FATES = ("alerts", "window", "novel", "kept", "kept_known", "kept_novel")
"""What became of a distinct molecule, by code: the stage that stopped it, or how it was kept."""

KEPT = FATES.index("kept")
_META = b"part"
_NOTHING: Callable[[int], None] = lambda count: None  # noqa: E731


class PartError(Exception):
    """A part file that is missing, cut short, damaged or of another job."""


@dataclass(frozen=True)
class Job:
    """Everything that decides what a run writes.

    Attributes:
        bundle: folder, or name on the hub.
        bundle_hash: of the weights; workers refuse another bundle.
        device: torch device of the workers.
        n: samples drawn in all.
        part_size: samples a part.
        reference: SMILES for `similarity`.
        options: of the funnel.
    """

    bundle: str
    bundle_hash: str
    device: str
    n: int
    part_size: int
    batch_size: int
    seed: int
    prior: str
    fidelity: float | str
    temperature: float
    top_p: float
    beams: int
    raw: bool
    reference: str | None
    options: FunnelOptions

    def settings(self) -> dict[str, Any]:
        """What must not change when a run goes on, as plain JSON; not where the bundle lies."""
        found = asdict(self)
        for name in ("bundle", "device"):
            del found[name]
        found |= found.pop("options")
        found |= {name: version(name) for name in ("rdkit", "torch")}
        shown: dict[str, Any] = json.loads(json.dumps(found))
        return shown

    @property
    def digest(self) -> str:
        """A short name of the settings, which part files carry."""
        text = json.dumps(self.settings(), sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()

    @property
    def parts(self) -> int:
        """How many parts there are."""
        return -(-self.n // self.part_size)

    def rows(self, number: int) -> tuple[int, int]:
        """First sample of a part and the one after its last."""
        return number * self.part_size, min((number + 1) * self.part_size, self.n)


class PartMaker:
    """Makes the parts of a job; holds the model, so one maker makes many parts."""

    def __init__(self, job: Job) -> None:
        """Opens the bundle.

        Raises:
            BundleError: the bundle cannot be read here or is not the job's.
        """
        import torch

        torch.set_num_threads(1)
        self.job = job
        self.space = LatentSpace.load(job.bundle, COMMANDS.domain, job.device)
        if self.space.bundle.hash != job.bundle_hash:
            raise BundleError(
                f"{job.bundle} has weights {self.space.bundle.hash}, the run {job.bundle_hash}"
            )
        self.known = None if job.raw else load_known(self.space.bundle.path)

    def make(self, number: int, progress: Callable[[int], None] = _NOTHING) -> pa.Table:
        """The part with this number; `progress` is told how many samples each batch had."""
        first, stop = self.job.rows(number)
        if self.job.raw:
            texts: list[str] = []
            for batch in self._draw(first, stop):
                texts += batch
                progress(len(batch))
            table, valid = pa.table({"text": pa.array(texts, pa.string())}), len(texts)
        else:
            unranked = replace(self.job.options, sort=None, top=None)
            funnel = Funnel(unranked, self.known, self.job.reference)
            for batch in self._draw(first, stop):
                funnel.add(batch)
                progress(len(batch))
            table, valid = _table(funnel, first, self.job.reference is not None)
        note = {"job": self.job.digest, "part": number, "drawn": stop - first, "valid": valid}
        return table.replace_schema_metadata({_META: json.dumps(note).encode()})

    def _draw(self, start: int, stop: int) -> Iterator[list[str]]:
        """Texts of the samples, a batch at a time, as `LatentSpace.sample_batches` draws them."""
        job, space = self.job, self.space
        setting = None if isinstance(job.fidelity, str) else job.fidelity
        for first in range(start, stop, job.batch_size):
            count = min(job.batch_size, stop - first)
            codes = space.sample_latents(count, job.seed, job.prior, setting, first)
            yield space.decode(
                codes,
                job.fidelity,
                job.temperature,
                job.top_p,
                job.seed,
                first,
                job.batch_size,
                beams=job.beams,
            )


def _table(funnel: Funnel, start: int, with_reference: bool) -> tuple[pa.Table, int]:
    """A funnel's distinct molecules in the order they came, and how many texts were valid."""
    result = funnel.result()
    kept = {survivor.index: survivor for survivor in result.survivors}
    lost = {rejected.index: FATES.index(rejected.stage) for rejected in result.rejected
            if rejected.stage in FATES}  # fmt: skip
    novelty = {None: "kept", False: "kept_known", True: "kept_novel"}
    found = funnel.distinct()
    rows = [kept.get(index) for _, index in found]
    fates = [
        lost[index] if row is None else FATES.index(novelty[row.novel])
        for row, (_, index) in zip(rows, found, strict=True)
    ]
    columns: dict[str, pa.Array] = {
        "key": pa.array(text_hashes(key for key, _ in found), pa.uint64()),
        "fate": pa.array(fates, pa.uint8()),
        "index": pa.array([start + index for _, index in found], pa.int64()),
    }
    for name in ("smiles", "inchikey", "scaffold"):
        values = [None if row is None else getattr(row, name) for row in rows]
        columns[name] = pa.array(values, pa.string())
    columns["novel"] = pa.array([None if row is None else row.novel for row in rows], pa.bool_())
    for name in default_names(with_reference):
        scores = [np.nan if row is None else row.scores[name] for row in rows]
        columns[f"score:{name}"] = pa.array(scores, pa.float64(), from_pandas=True)  # NaN: null
    return pa.table(columns), result.counts["parsed"]


def part_file(folder: Path, number: int) -> Path:
    """Where a part lies."""
    return folder / f"part-{number:06d}.parquet"


def part_bytes(table: pa.Table) -> bytes:
    """A part as the content of its file."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue()


def write_part(folder: Path, number: int, content: bytes) -> None:
    """Puts a part file in its place, whole or not at all.

    Raises:
        OutputError: the folder cannot be written.
    """
    target = part_file(folder, number)
    temporary = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, target)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise OutputError(f"cannot write {target}: {error.strerror}") from None


def read_note(folder: Path, number: int, digest: str) -> dict[str, int]:
    """The counts of a part, read from the end of its file.

    Raises:
        PartError: the part is not there, is cut short or belongs to other settings.
    """
    path = part_file(folder, number)
    try:
        metadata = pq.read_schema(path).metadata or {}
        note = json.loads(metadata.get(_META, b"{}"))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise PartError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
    if note.get("job") != digest or note.get("part") != number:
        raise PartError(f"{path} belongs to another run")
    return {"drawn": int(note["drawn"]), "valid": int(note["valid"])}


def read_part(folder: Path, number: int) -> pa.Table:
    """A part, every page checked against its checksum.

    Raises:
        PartError: the part cannot be read.
    """
    path = part_file(folder, number)
    try:
        # Neither memory-mapped nor read by other threads: both keep what they have read.
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            return file.read(use_threads=False)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise PartError(f"{path} is damaged: {str(error).splitlines()[0]}") from None
