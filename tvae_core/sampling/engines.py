"""Parts of a long sampling run made by processes of this machine, or by a Ray cluster.

    export RAY_ADDRESS=auto
    python -m domains.smiles.sample -n 10000000 --engine ray --workers 64 -o out.parquet

Without RAY_ADDRESS, Ray is started on this machine for the length of the run. Its workers hand
their parts back to this process, which writes them: no shared file system is needed, but the
toolkit and the bundle (the same folder, or a name on the hub) are, on every node. Ray's reports
home and its dashboard are off.
"""

from __future__ import annotations

import importlib.util
import itertools
import logging
import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tvae_core.domain_commands import DomainCommands
from tvae_core.sampling.parts import Job, PartMaker, part_bytes, write_part
from tvae_core.support.errors import CommandError

Progress = Callable[[int], None]
"""Told now and then how many samples have been drawn in all."""

_POLL = 0.5
_state: dict[str, Any] = {}


@dataclass(frozen=True)
class Run:
    """What an engine has to do.

    Attributes:
        job: whose parts.
        commands: the domain's.
        folder: where part files go.
        numbers: parts to make.
        workers: processes, or CPUs of the cluster.
    """

    job: Job
    commands: DomainCommands
    folder: Path
    numbers: Sequence[int]
    workers: int


def run_local(run: Run, progress: Progress) -> None:
    """Makes parts by processes of this machine; one works in this process.

    Raises:
        CommandError: a worker process died.
        OutputError: a part cannot be written.
        ValueError: several processes are wanted and cannot import the domain's commands.
    """
    if run.workers == 1 or len(run.numbers) == 1:
        _run_here(run, progress)
        return
    _check_importable(run)
    context = multiprocessing.get_context("spawn")
    counter = context.Value("q", 0)
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        min(run.workers, len(run.numbers)),
        context,
        initializer=_start,
        initargs=(run.job, run.folder, counter),
    )
    told = 0
    try:
        left = iter(run.numbers)
        running = {pool.submit(_make, n) for n in itertools.islice(left, 2 * run.workers)}
        while running:
            done, running = wait(running, _POLL, FIRST_COMPLETED)
            if counter.value > told:
                told = counter.value
                progress(told)
            for future in done:
                future.result()
            running |= {pool.submit(_make, n) for n in itertools.islice(left, len(done))}
    except BrokenProcessPool:
        raise CommandError(
            "a worker process died (out of memory, or killed); with --resume the same command "
            "goes on, with fewer --workers in less memory"
        ) from None
    except BaseException:
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _run_here(run: Run, progress: Progress) -> None:
    maker, drawn = PartMaker(run.job, run.commands), 0

    def count(samples: int) -> None:
        nonlocal drawn
        drawn += samples
        progress(drawn)

    for number in run.numbers:
        write_part(run.folder, number, part_bytes(maker.make(number, count)))


def _check_importable(run: Run) -> None:
    if not run.job.commands:
        name = run.commands.domain.name
        raise ValueError(
            f"the commands of {name} do not say their module (DomainCommands.module), which other "
            "processes need to import them: take --workers 1"
        )


def _start(job: Job, folder: Path, counter: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent answers Ctrl-C for all
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _state.update(job=job, folder=folder, counter=counter)


def _end_with_parent() -> None:
    """Ends this worker when its parent is gone, even by SIGKILL: nobody waits for it any more."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _make(number: int) -> None:
    if "maker" not in _state:
        _state["maker"] = PartMaker(_state["job"])

    def count(samples: int) -> None:
        with _state["counter"].get_lock():
            _state["counter"].value += samples

    table = _state["maker"].make(number, count)
    write_part(_state["folder"], number, part_bytes(table))


_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_worker_niceness": "0",
}


def check_ray() -> None:
    """Refuses `--engine ray` where Ray Data is not installed.

    Raises:
        CommandError: saying how to install it.
    """
    if importlib.util.find_spec("ray") is None:
        raise CommandError("--engine ray needs Ray Data: pip install 'tvae-toolkit[ray]'", 2)


class _Maker:
    """What a Ray actor runs: rows of part numbers in, the same with each part's bytes out."""

    def __init__(self, job: Job) -> None:
        self._maker = PartMaker(job)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        numbers = [int(number) for number in batch["part"]]
        return {
            "part": numbers,
            "content": [part_bytes(self._maker.make(number)) for number in numbers],
        }


def run_ray(run: Run, progress: Progress) -> None:
    """Makes parts by a Ray cluster, one CPU a worker; see `run_local`.

    Raises:
        CommandError: Ray is not installed, cannot be reached or gave up.
        OutputError: a part cannot be written.
        ValueError: the cluster cannot import the domain's commands.
    """
    check_ray()
    _check_importable(run)
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own, about its future versions
        import ray
        import ray.data

        started = not ray.is_initialized()
        try:
            if started:
                _connect(ray, run.workers)
            drawn = 0
            for number, content in _parts(ray, run.job, run.numbers, run.workers):
                write_part(run.folder, number, content)
                first, stop = run.job.rows(number)
                drawn += stop - first
                progress(drawn)
        except (ray.exceptions.RayError, ConnectionError) as error:
            reason = next((line for line in reversed(str(error).splitlines()) if line.strip()), "")
            raise CommandError(f"Ray gave up: {reason.strip() or type(error).__name__}") from error
        finally:
            if started:
                ray.shutdown()


def _connect(ray: Any, workers: int) -> None:
    here = {} if os.environ.get("RAY_ADDRESS") else {"address": "local", "num_cpus": workers}
    ray.init(
        include_dashboard=None if not here else False,
        logging_level=logging.ERROR,
        log_to_driver=False,
        runtime_env={"env_vars": {"OMP_NUM_THREADS": "1"}},
        **here,
    )


def _parts(ray: Any, job: Job, numbers: Sequence[int], workers: int) -> Any:
    """Numbers and contents of the parts, as they become ready."""
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    rows = [{"part": number} for number in numbers]
    actors = min(workers, len(numbers))
    made = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
        _Maker,
        fn_constructor_args=(job,),
        batch_size=1,
        num_cpus=1,
        compute=ray.data.ActorPoolStrategy(size=actors),
    )
    for row in made.iter_rows():
        yield int(row["part"]), bytes(row["content"])
