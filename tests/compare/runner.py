"""Runs command lines in one checkout and keeps what each left; started by `tests.compare`.

    python runner.py PLAN.json        in the work folder, with the checkout first on PYTHONPATH

Everything heavy is imported once and each line runs in a fork of that, so that a line costs what it
does and not what imports cost. A line marked `alone` is a process of its own from the start; one
marked `killed` is, too, and is killed once so many files of a pattern are there.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import resource
import runpy
import shutil
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

HEAVY = ("torch", "transformers", "datasets", "pyarrow.parquet", "scipy.stats", "matplotlib")
LIMIT = 600
"""Processor seconds that a line may take; it has an hour by the clock."""


def main() -> None:
    """Runs the lines of the plan in order; writes `NAME.json`, `NAME.out`, `NAME.err` of each."""
    plan = json.loads(Path(sys.argv[1]).read_text())
    sys.path.pop(0)  # this script's folder, which `python -m` would not have
    for name in [*HEAVY, *plan["modules"]]:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    import tvae_core

    assert Path(tvae_core.__file__).is_relative_to(plan["root"]), tvae_core.__file__
    for line in plan["lines"]:
        for folder in line.get("removes", []):
            shutil.rmtree(folder, ignore_errors=True)
        _run(line, Path(plan["results"]))


def _run(line: dict[str, Any], results: Path) -> None:
    started = time.time()
    out, err = results / f"{line['name']}.out", results / f"{line['name']}.err"
    with out.open("wb") as out_file, err.open("wb") as err_file:
        if "killed" in line:
            code = _killed(line, out_file, err_file)
        elif line.get("alone"):
            code = _alone(line, out_file, err_file).wait(3600)
        else:
            code = _forked(line, out_file.fileno(), err_file.fileno())
    left = {"code": code, "seconds": time.time() - started}
    (results / f"{line['name']}.json").write_text(json.dumps(left))


def _alone(line: dict[str, Any], out: Any, err: Any) -> subprocess.Popen[bytes]:
    words = [sys.executable, *line["words"]]
    return subprocess.Popen(
        words, stdout=out, stderr=err, stdin=subprocess.DEVNULL, start_new_session=True
    )


def _killed(line: dict[str, Any], out: Any, err: Any) -> int:
    pattern, count = line["killed"]
    process = _alone(line, out, err)
    end = time.monotonic() + 3600
    while process.poll() is None and len(list(Path().glob(pattern))) < count:
        assert time.monotonic() < end, line
        time.sleep(0.005)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def _forked(line: dict[str, Any], out: int, err: int) -> int:
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    # not the ones of this process: those may hold text that was not written yet
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), "utf-8", write_through=True)
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), "utf-8", write_through=True)
    code = 0
    try:
        _as_command(line["words"])
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    os._exit(code)


def _as_command(words: list[str]) -> None:
    """`python WORDS` in this process: `-m MODULE ...`, `-c CODE` or a script."""
    sys.path.insert(0, "")
    if words[0] == "-m":
        sys.argv = words[1:]
        sys.modules.pop(words[1], None)
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    elif words[0] == "-c":
        sys.argv = ["-c"]
        exec(compile(words[1], "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = words
        runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    main()
