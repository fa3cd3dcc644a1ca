"""One part of a long sampling run: a range of samples drawn, sieved and put into a table.

A part depends on the job and its number alone, so any process on any machine may make it, in any
order, once more or not at all. Part files are Parquet: a row for each distinct item of the part
whatever became of it (columns `key`, `fate`; the rest is empty for those that were dropped), or
for raw jobs a row for each decoded text.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tvae_core.data.known import text_hashes
from tvae_core.decoding.settings import Decoding
from tvae_core.domain_commands import DomainCommands
from tvae_core.sampling.funnel import NOVEL, RANKED, RAW, UNIQUE, VALID, Funnel, Result, Wanted
from tvae_core.sampling.hooks import sampling_hooks
from tvae_core.space.space import LatentSpace
from tvae_core.support.errors import BundleError
from tvae_core.support.files import replacing

KEPT = "kept"
_META = b"part"
_NOTHING: Callable[[int], None] = lambda count: None  # noqa: E731


class PartError(Exception):
    """A part file that is missing, cut short, damaged or of another job."""


@dataclass(frozen=True)
class Job:
    """Everything that decides what a run writes.

    Attributes:
        commands: module of the domain's commands, which workers import; empty where there is none.
        bundle: folder, or name on the hub.
        bundle_hash: of the weights; workers refuse another bundle.
        device: torch device of the workers.
        n: samples drawn in all.
        part_size: samples a part.
        prior: that the codes are drawn from.
        how: codes are decoded.
        raw: whether texts are written as they came.
        wanted: what is let through.
        own: the domain's own settings.
        packages: those whose versions decide what is written.
    """

    commands: str
    bundle: str
    bundle_hash: str
    device: str
    n: int
    part_size: int
    prior: str
    how: Decoding
    raw: bool
    wanted: Wanted
    own: Mapping[str, Any] = field(default_factory=dict)
    packages: tuple[str, ...] = ("torch",)

    def settings(self) -> dict[str, Any]:
        """What must not change when a run goes on, as plain JSON; not where the bundle lies."""
        how, wanted = self.how, self.wanted
        found = {
            "bundle_hash": self.bundle_hash,
            "n": self.n,
            "part_size": self.part_size,
            "batch_size": how.batch_size,
            "seed": how.seed,
            "prior": self.prior,
            "fidelity": how.fidelity,
            "temperature": how.temperature,
            "top_p": how.top_p,
            "beams": how.beams,
            "raw": self.raw,
            **self.own,
            "minimum": dict(wanted.minimum),
            "maximum": dict(wanted.maximum),
            "novel_only": wanted.novel,
            "sort": wanted.sort,
            "top": wanted.top,
            **{name: version(name) for name in self.packages},
        }
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


def commands_at(module: str) -> DomainCommands:
    """The commands of a domain by the module they stand in."""
    found: DomainCommands = importlib.import_module(module).COMMANDS
    return found


def fates_of(order: Sequence[str]) -> tuple[str, ...]:
    """What may become of a distinct item, by code: what stopped it or how it was kept.

    After the stage that tells novel items, with `_known` or `_novel` where that is known.

    Args:
        order: the stages of a judge.
    """
    fates: list[str] = []
    told = False
    for stage in [name for name in order if name not in (RAW, VALID, UNIQUE, RANKED)] + [KEPT]:
        fates += [stage, f"{stage}_known", f"{stage}_novel"] if told else [stage]
        told = told or stage == NOVEL
    return tuple(fates)


class PartMaker:
    """Makes the parts of a job; holds the model, so one maker makes many parts."""

    def __init__(self, job: Job, commands: DomainCommands | None = None) -> None:
        """Opens the bundle.

        Args:
            job: whose parts.
            commands: the domain's; by default imported by the job's name of them.

        Raises:
            BundleError: the bundle cannot be read here or is not the job's.
        """
        import torch

        torch.set_num_threads(1)
        self.job = job
        commands = commands_at(job.commands) if commands is None else commands
        self.hooks = sampling_hooks(commands)
        self.space = LatentSpace.load(job.bundle, commands.domain, job.device)
        if self.space.bundle.hash != job.bundle_hash:
            raise BundleError(
                f"{job.bundle} has weights {self.space.bundle.hash}, the run {job.bundle_hash}"
            )
        self.judge = None if job.raw else self.hooks.judge(self.space.bundle.path, job.own)

    def make(self, number: int, progress: Callable[[int], None] = _NOTHING) -> pa.Table:
        """The part with this number; `progress` is told how many samples each batch had."""
        job, (first, stop) = self.job, self.job.rows(number)
        funnel = None
        if self.judge is not None:
            funnel = Funnel(self.judge, replace(job.wanted, sort=None, top=None))
        texts: list[str] = []
        for batch in self.space.sample_batches(stop, job.how, job.prior, first):
            if funnel is None:
                texts += batch.texts
            else:
                funnel.add(batch.texts)
            progress(len(batch.texts))
        note = {"job": job.digest, "part": number, "drawn": stop - first, "valid": len(texts)}
        if funnel is None:
            table = pa.table({"text": pa.array(texts, pa.string())})
        else:
            found = funnel.result()
            table = self._table(found, first)
            note |= {"valid": found.counts[VALID], "reasons": found.reasons}
        return table.replace_schema_metadata({_META: json.dumps(note).encode()})

    def _table(self, found: Result, start: int) -> pa.Table:
        """A funnel's distinct items in the order they came."""
        assert self.judge is not None
        lost = [sample for sample in found.lost if sample.stage not in (VALID, UNIQUE)]
        samples = sorted([*found.kept, *lost], key=lambda sample: sample.index)
        order = self.judge.order
        fates = {name: code for code, name in enumerate(fates_of(order))}
        codes = [fates[_fate(s.stage or KEPT, s.novel, order)] for s in samples]
        rows = [None if sample.stage else sample for sample in samples]
        columns = {
            "key": pa.array(text_hashes(s.look.key for s in samples), pa.uint64()),
            "fate": pa.array(codes, pa.uint8()),
            "index": pa.array([start + s.index for s in samples], pa.int64()),
            self.hooks.commands.text_column: pa.array(
                [None if row is None else row.look.form for row in rows], pa.string()
            ),
        }
        for name in self.hooks.facts():
            values = [None if row is None else row.look.facts[name] for row in rows]
            columns[name] = pa.array(values, pa.string())
        novel = [None if row is None else row.novel for row in rows]
        columns["novel"] = pa.array(novel, pa.bool_())
        for name in self.hooks.names(self.job.own):
            scores = [np.nan if row is None else row.scores[name] for row in rows]
            columns[f"score:{name}"] = pa.array(scores, pa.float64(), from_pandas=True)  # NaN: null
        return pa.table(columns)


def _fate(stage: str, novel: bool | None, order: Sequence[str]) -> str:
    told = stage == KEPT or order.index(stage) > order.index(NOVEL)
    return stage if novel is None or not told else f"{stage}_{'novel' if novel else 'known'}"


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
    with replacing(part_file(folder, number)) as temporary:
        temporary.write_bytes(content)


def read_note(folder: Path, number: int, digest: str) -> dict[str, Any]:
    """The counts of a part, read from the end of its file: `drawn`, `valid`, `reasons`.

    Raises:
        PartError: the part is not there, is cut short or belongs to other settings.
    """
    path = part_file(folder, number)
    try:
        metadata = pq.read_schema(path).metadata or {}
        note: dict[str, Any] = json.loads(metadata.get(_META, b"{}"))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise PartError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
    if note.get("job") != digest or note.get("part") != number:
        raise PartError(f"{path} belongs to another run")
    return {"reasons": {}, **note}


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
