"""Kills long sampling jobs at random moments and goes on with `--resume` until they are done.

    python -m tests.faults.sampling --kills 50 --seed 0 --json kills.json

A job of the shipped bundle is drawn once unbroken, then again and again with SIGKILL. Every output
must be the unbroken one's, byte for byte: no molecule lost, none twice. Exit code 1 where it is
not.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import random
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.faults.forked import Ended, Moment, run_child
from tests.faults.harness import parser_of, run
from tests.faults.same import DifferenceError

GIVEN = ("--part-size", "8", "--seed", "3", "--workers", "1", "--threads", "1")
FORMATS = ("csv", "parquet", "raw")
KINDS = ("cpu", "file", "part")


def sample(arguments: Sequence[str]) -> int:
    """`python -m domains.smiles.sample` in this process; the exit code."""
    from domains.smiles.commands import COMMANDS
    from tvae_core.cli.parser import run_command
    from tvae_core.cli.sample import sample_command

    return run_command("sample", lambda: sample_command(COMMANDS, list(arguments)))


def molecules(file: Path) -> list[str]:
    """What a sampling job wrote, in order."""
    if file.suffix == ".parquet":
        import pyarrow.parquet as pq

        return [str(text) for text in pq.read_table(file, use_threads=False)["smiles"].to_pylist()]
    lines = file.read_text().splitlines()
    return [line.split(",")[0] for line in lines if not line.startswith("#")]


class Sampling:
    """One job, killed and resumed until enough have died.

    Args:
        folder: scratch.
        n: samples of the job.
        bundle: to sample from; None for the one that ships.
        seed: of the moments.
        tell: called with a line of progress.
    """

    def __init__(
        self, folder: Path, n: int, bundle: Path | None, seed: int, tell: Callable[[str], None]
    ) -> None:
        self.folder, self.n, self.bundle, self.tell = folder, n, bundle, tell
        self.random = random.Random(seed)
        self.kills: Counter[str] = Counter()
        self.where: Counter[str] = Counter()
        self.jobs, self.compared = 0, 0
        self.unbroken: dict[str, tuple[Path, Ended]] = {}

    def _job(self, output: Path, kind: str, moment: Moment | None, resume: bool) -> Ended:
        given = [*([str(self.bundle)] if self.bundle else []), "-n", str(self.n), *GIVEN]
        given += ["-o", str(output), *(["--raw"] if kind == "raw" else [])]
        parts = output.with_name(output.name + ".parts")

        def sign() -> bool:
            """Whether there is an even number of parts, which changes with every one."""
            return len([*parts.glob("part-*"), *parts.glob(".part-*")]) % 2 == 0

        log = output.with_suffix(".log")
        return run_child(
            lambda: sample([*given, *(["--resume"] if resume else [])]),
            moment,
            self.folder,
            sign,
            log,
        )

    def _moment(self, first: Ended) -> Moment:
        draw, kind = self.random, self.random.choice(KINDS)
        return Moment(
            "saving" if kind == "part" else kind,
            cpu=draw.uniform(0, first.cpu),
            file=draw.randint(1, first.operations),
            seconds=draw.uniform(0, 0.01),
            times=draw.randint(1, 3),
        )

    def until(self, kills: int, formats: Sequence[str] = FORMATS) -> None:
        """Kills until so many have died, and lets the last job end; the formats take turns.

        Raises:
            DifferenceError: an output is not the unbroken one's.
        """
        while self.kills.total() < kills or not self.jobs:
            kind = formats[self.jobs % len(formats)]
            if kind not in self.unbroken:
                path = self.folder / f"unbroken.{'txt' if kind == 'raw' else kind}"
                first = self._job(path, kind, None, False)
                self._check(first, path)
                self.unbroken[kind] = (path, first)
            self._one(kind, kills)
            self.jobs += 1
            self.tell(f"{self.kills.total()} kills, {self.jobs} outputs the same as unbroken")

    def _one(self, kind: str, kills: int) -> None:
        wanted, first = self.unbroken[kind]
        output = self.folder / f"killed{wanted.suffix}"
        parts = output.with_name(output.name + ".parts")
        while True:
            moment = self._moment(first) if self.kills.total() < kills else None
            if output.exists() and not parts.exists():
                break  # killed between the last rename and its exit
            resume = (parts / "job.json").exists()
            ended = self._job(output, kind, moment, resume)
            if not ended.killed:
                self._check(ended, output)
                break
            assert moment is not None
            self.kills[moment.kind] += 1
            self._place(output, parts)
        self._same(wanted, output)
        for left in self.folder.glob(".killed*"):
            if not left.name.endswith(".done"):
                raise DifferenceError(f"left over: {left.name}")
        for left in [*self.folder.glob("killed*"), *self.folder.glob(".killed*")]:
            shutil.rmtree(left) if left.is_dir() else left.unlink()

    def _place(self, output: Path, parts: Path) -> None:
        made = len(list(parts.glob("part-*.parquet")))
        if output.exists():
            place = "after the output was there"
        elif (parts / output.name).exists():
            place = "while the output was written"
        elif list(parts.glob(".part-*.tmp")):
            place = "while a part was written"
        else:
            place = "between parts" if made else "before the first part"
        self.where[place] += 1

    def _check(self, ended: Ended, output: Path) -> None:
        if ended.code:
            said = output.with_suffix(".log").read_text()[-2000:]
            raise DifferenceError(f"{output.name} ended with {ended.code}: {said}")

    def _same(self, wanted: Path, output: Path) -> None:
        expected, found = molecules(wanted), molecules(output)
        self.compared += len(found)
        if output.suffix != ".txt" and len(set(found)) < len(found):
            raise DifferenceError(f"{output.name} has a molecule twice")
        if found != expected:
            raise DifferenceError(
                f"{output.name}: {len(set(expected) - set(found))} molecules are lost, "
                f"{len(found)} for {len(expected)}"
            )
        if wanted.read_bytes() != output.read_bytes():
            raise DifferenceError(f"{output.name} is not byte for byte the same")

    def report(self) -> dict[str, Any]:
        """The figures."""
        return {
            "kills": self.kills.total(),
            "by_moment": dict(self.kills),
            "by_place": dict(self.where),
            "outputs_equal": self.jobs,
            "rows_compared": self.compared,
        }


def warm() -> None:
    """Imports what sampling imports, and starts no thread."""
    import torch

    torch.set_num_threads(1)
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        assert sample(["--no-such-flag"]) == 2


def kill_sampling(
    folder: Path,
    kills: int,
    seed: int,
    tell: Callable[[str], None],
    n: int = 60,
    bundle: Path | None = None,
    formats: Sequence[str] = FORMATS,
) -> dict[str, Any]:
    """Kills sampling jobs in forked children; gives the figures."""
    warm()
    harness = Sampling(folder, n, bundle, seed, tell)
    harness.until(kills, formats)
    return harness.report()


def _work(args: argparse.Namespace, folder: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    return kill_sampling(folder, args.kills, args.seed, tell, args.n)


def main(argv: list[str] | None = None) -> int:
    """Runs the command."""
    parser = parser_of("tests.faults.sampling", __doc__, 50)
    parser.add_argument("-n", type=int, default=60, help="samples of a job (default 60)")
    return run(parser, argv, _work)


if __name__ == "__main__":
    sys.exit(main())
