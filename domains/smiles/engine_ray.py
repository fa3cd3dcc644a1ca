"""Parts of a long sampling run made by a Ray cluster, through Ray Data.

    export RAY_ADDRESS=auto
    python -m domains.smiles.sample -n 10000000 --engine ray --workers 64 -o out.parquet

Without RAY_ADDRESS, Ray is started on this machine for the length of the run. Workers hand their
parts back to this process, which writes them: no shared file system is needed, but the toolkit and
the bundle (the same folder, or a name on the hub) are, on every node. Ray's reports home and its
dashboard are off.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from domains.smiles.scale_parts import Job, PartMaker, part_bytes, write_part
from tvae_core.support.errors import CommandError

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


def run_ray(
    job: Job, folder: Path, numbers: Sequence[int], workers: int, progress: Callable[[int], None]
) -> None:
    """Makes the parts with these numbers, as `engine_local.run_local` does.

    Args:
        job: the run; its bundle must be there on every node.
        folder: where this process writes the part files.
        numbers: parts to make.
        workers: actors, one CPU each.
        progress: told how many samples have been drawn in all, part by part.

    Raises:
        CommandError: Ray is not installed, cannot be reached or gave up.
        OutputError: a part cannot be written.
    """
    check_ray()
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own, about its future versions
        import ray
        import ray.data

        started = not ray.is_initialized()
        try:
            if started:
                _connect(ray, workers)
            drawn = 0
            for number, content in _parts(ray, job, numbers, workers):
                write_part(folder, number, content)
                first, stop = job.rows(number)
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
