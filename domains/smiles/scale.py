"""Long sampling runs: parts over all cores or a cluster, resumable, each molecule written once.

`python -m domains.smiles.sample -n 1000000 -o out.parquet` comes here. The run's parts lie in
`out.parquet.parts/` beside `job.json`, its settings; a part that is there is complete, and all that
a stopped run has to make again is those that are not. When every part is there they become the
output, in the order of the samples, and the folder goes.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from domains.smiles.engine_local import run_local
from domains.smiles.funnel import Funnel, FunnelResult
from domains.smiles.novelty import KnownSet
from domains.smiles.scale_output import write_output
from domains.smiles.scale_parts import Job, PartError, part_file, read_note
from tvae_core.cells import Row
from tvae_core.support.errors import CommandError, OutputError
from tvae_core.support.files import json_text, write_whole
from tvae_core.support.progress import Bar

ENGINES = ("local", "ray")
PART_SIZE = 4096
"""Samples a part: a minute or less of one core's work, which is what a stop can cost."""

FROM = 50_000
"""Samples from which on a run with an output file is a long one without being asked."""


def run(
    job: Job,
    known: KnownSet | None,
    output: Path,
    format: str,
    origin: Row,
    *,
    workers: int,
    resume: bool = False,
    engine: str = "local",
) -> FunnelResult | None:
    """Draws, sieves and writes.

    Args:
        job: what to do.
        known: the bundle's set of known molecules.
        output: file to write.
        format: one of `scale_output.FORMATS_AT_SCALE`.
        origin: where the molecules are from, for the file.
        workers: processes, or CPUs of the cluster.
        resume: go on from the parts that are there.
        engine: one of `ENGINES`.

    Returns:
        The funnel's counts, without molecules; None for a raw job.

    Raises:
        CommandError: there is an unfinished run, or one with other settings; a worker died.
        OutputError: something cannot be written.
        ValueError: the options need a reference or a known set that is not there.
    """
    funnel = Funnel(job.options, known, job.reference)
    folder = output.with_name(output.name + ".parts")
    with _opened(job, folder, output, resume):
        missing = _missing(job, folder)
        if missing:
            _make(job, folder, missing, workers, engine)
        bar = Bar("write", "part")
        try:
            counts = write_output(job, folder, output, format, origin, bar)
        except PartError as error:
            raise CommandError(f"{error}; delete that file and run again with --resume") from None
        # under its own name a folder that is half deleted would be in the way of the next run
        done = _done(folder)
        folder.rename(done)
    shutil.rmtree(done, ignore_errors=True)
    if job.raw:
        return None
    stages = counts.stages()
    return FunnelResult(
        counts=stages,
        survivors=[],
        rejected=[],
        labels=funnel.labels(stages["window"], counts.novel),
        novel=None if known is None else counts.novel,
        false_positive_rate=None if known is None else known.false_positive_rate,
    )


def _make(job: Job, folder: Path, missing: Sequence[int], workers: int, engine: str) -> None:
    rows = [job.rows(number) for number in missing]
    total = sum(stop - start for start, stop in rows)
    if total < job.n:
        print(f"going on: {job.n - total:,} of {job.n:,} samples are there", file=sys.stderr)
    bar = Bar("sample", "molecule")
    bar(0, total)
    make: Callable[..., None] = run_local
    if engine == "ray":
        from domains.smiles.engine_ray import run_ray

        make = run_ray
    try:
        make(job, folder, missing, workers, lambda done: bar(min(done, total), total))
        bar(total, total)
    except KeyboardInterrupt:
        bar.close()
        print("the same command with --resume goes on from here", file=sys.stderr)
        raise
    finally:
        bar.close()


@contextmanager
def _opened(job: Job, folder: Path, output: Path, resume: bool) -> Iterator[None]:
    """The folder of the run, this process alone in it."""
    there = (folder / "job.json").is_file()
    if not there and _in_the_way(folder):
        raise CommandError(f"{folder} is in the way: it holds no sampling run", 2)
    if there and not resume:
        raise CommandError(
            f"{folder} holds an unfinished run; --resume goes on with it, or delete it", 2
        )
    if resume and not there and output.exists():
        raise CommandError(f"{output} is there already, and no unfinished run beside it", 2)
    if there:
        _same_settings(job, folder)
    shutil.rmtree(_done(folder), ignore_errors=True)
    try:
        folder.mkdir(exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(f"another process is at work in {folder}") from None
        except OSError:  # a file system without locks
            pass
        if not there:
            write_whole(folder / "job.json", json_text(job.settings()))
        for stale in folder.glob("part-*.tmp"):
            stale.unlink(missing_ok=True)
        yield


def _done(folder: Path) -> Path:
    """The name under which a finished run's folder is deleted."""
    return folder.with_name(f".{folder.name}.done")


def _in_the_way(folder: Path) -> bool:
    """Whether there is anything but what a run killed at its very start leaves."""
    if not folder.is_dir():
        return folder.exists()
    return any(p.name != "lock" and not p.name.startswith(".job.json.") for p in folder.iterdir())


def _same_settings(job: Job, folder: Path) -> None:
    try:
        before: Any = json.loads((folder / "job.json").read_text())
    except (OSError, ValueError):
        before = None
    if not isinstance(before, dict):
        raise CommandError(f"{folder / 'job.json'} is damaged; delete {folder} and start again")
    now = job.settings()
    changed = [
        f"{name.replace('_', ' ')} was {before.get(name)}, now {now.get(name)}"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]
    if changed:
        raise CommandError(
            f"the run in {folder} has other settings: {'; '.join(changed)}; give those, or delete "
            "the folder",
            2,
        )


def _missing(job: Job, folder: Path) -> list[int]:
    """The parts still to be made; damaged ones are deleted."""
    missing = []
    for number in range(job.parts):
        if part_file(folder, number).exists():
            try:
                read_note(folder, number, job.digest)
                continue
            except PartError as error:
                print(f"{error}; made again", file=sys.stderr)
                part_file(folder, number).unlink()
        missing.append(number)
    return missing
