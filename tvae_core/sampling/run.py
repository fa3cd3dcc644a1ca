"""Long sampling runs: parts over all cores or a cluster, resumable, each item written once.

`python -m domains.<name>.sample -n 1000000 --workers 8 -o out.parquet` comes here. The run's parts
lie in `out.parquet.parts/` beside `job.json`, its settings; a part that is there is complete, and
all that a stopped run has to make again is those that are not. When every part is there they become
the output, in the order of the samples, and the folder goes.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tvae_core.cells import Row
from tvae_core.sampling.engines import Run, run_local, run_ray
from tvae_core.sampling.funnel import Funnel, Judge, Result
from tvae_core.sampling.hooks import Sampling
from tvae_core.sampling.merge import write_output
from tvae_core.sampling.parts import Job, PartError, part_file, read_note
from tvae_core.support.errors import CommandError, OutputError
from tvae_core.support.files import InUseError, held, json_text, write_whole
from tvae_core.support.progress import Bar

ENGINES = {"local": run_local, "ray": run_ray}


def run(
    job: Job,
    hooks: Sampling,
    judge: Judge | None,
    output: Path,
    format: str,
    origin: Row,
    *,
    workers: int,
    resume: bool = False,
    engine: str = "local",
) -> Result | None:
    """Draws, sieves and writes.

    Args:
        job: what to do.
        hooks: the domain's.
        judge: the domain's; None for a raw job.
        output: file to write.
        format: one that is written in bounded memory.
        origin: where the items are from, for the file.
        workers: processes, or CPUs of the cluster.
        resume: go on from the parts that are there.
        engine: one of `ENGINES`.

    Returns:
        The funnel's counts, without items; None for a raw job.

    Raises:
        CommandError: there is an unfinished run, or one with other settings; a worker died.
        OutputError: something cannot be written.
        ValueError: only novel items are wanted, and nothing tells them.
    """
    if judge is not None:
        Funnel(judge, job.wanted)
    folder = output.with_name(output.name + ".parts")
    with _opened(job, folder, output, resume):
        missing = _missing(job, folder)
        if missing:
            work = Run(job, hooks.commands, folder, missing, workers)
            _make(work, engine)
        bar = Bar("write", "part")
        try:
            counts = write_output(job, hooks, judge, folder, output, format, origin, bar)
        except PartError as error:
            raise CommandError(f"{error}; delete that file and run again with --resume") from None
        # under its own name a folder that is half deleted would be in the way of the next run
        done = _done(folder)
        folder.rename(done)
    shutil.rmtree(done, ignore_errors=True)
    return None if judge is None else counts.result(judge)


def _make(work: Run, engine: str) -> None:
    job = work.job
    rows = [job.rows(number) for number in work.numbers]
    total = sum(stop - start for start, stop in rows)
    if total < job.n:
        print(f"going on: {job.n - total:,} of {job.n:,} samples are there", file=sys.stderr)
    bar = Bar("sample", work.commands.unit)
    bar(0, total)
    try:
        ENGINES[engine](work, lambda done: bar(min(done, total), total))
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
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror}") from None
    try:
        with held(folder / "lock"):
            if not there:
                write_whole(folder / "job.json", json_text(job.settings()))
            for pattern in ("part-*.tmp", ".part-*.tmp"):
                for stale in folder.glob(pattern):
                    stale.unlink(missing_ok=True)
            yield
    except InUseError:
        raise CommandError(f"another process is at work in {folder}") from None


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
