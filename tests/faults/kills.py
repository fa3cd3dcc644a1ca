"""Kills trainings at random moments and starts them again until they are done.

    python -m tests.faults.kills --kills 200 --seed 0 --json kills.json

A tiny model is trained once unbroken, then again and again with SIGKILL, as many runs as it takes.
Every step anybody trained must have the unbroken run's rows and loss, every log have each line
once, every checkpoint be whole or not be there, and every bundle be the unbroken run's. Exit code
1 with the reason where one is not.
"""

from __future__ import annotations

import argparse
import itertools
import random
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults import toy
from tests.faults.forked import Ended, Moment, run_child
from tests.faults.harness import parser_of, run
from tests.faults.same import DifferenceError, checkpoints_are_whole, same_runs, same_steps
from tvae_core.training.run_folder import STAGING, checkpoints

KINDS = ("cpu", "saving", "file")


class Kills:
    """Kills and resumes one kind of run until enough have died.

    Args:
        folder: scratch.
        run: `run(output, record)` is the training, its exit code; run in a child.
        seed: of the moments.
        tell: called with a line of progress.
    """

    def __init__(
        self,
        folder: Path,
        run: Callable[[Path, Path], int],
        seed: int,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.folder, self.run, self.tell = folder, run, tell
        self.random = random.Random(seed)
        self.kills: Counter[str] = Counter()
        self.where: Counter[str] = Counter()
        self.steps, self.repeated, self.runs, self.whole, self.cut = 0, 0, 0, 0, 0
        self.worst = 0.0
        self.unbroken = folder / "unbroken"
        self.first = self._child(self.unbroken, None)
        if self.first.code:
            raise DifferenceError(f"the unbroken run failed: {self._said(self.unbroken)}")

    def _child(self, output: Path, moment: Moment | None) -> Ended:
        record, log = output.with_suffix(".steps"), output.with_suffix(".log")
        staging = output / STAGING
        return run_child(lambda: self.run(output, record), moment, output, staging.exists, log)

    def _said(self, output: Path) -> str:
        return output.with_suffix(".log").read_text()[-2000:]

    def _moment(self) -> Moment:
        draw = self.random
        kind = draw.choice(KINDS)
        return Moment(
            kind,
            cpu=draw.uniform(0.0, self.first.cpu),
            file=draw.randint(1, max(1, self.first.operations // 2)),
            seconds=draw.choice((0.0, draw.uniform(0.0, 0.05))),
            times=draw.randint(1, 4),
        )

    def until(self, kills: int) -> None:
        """Kills until so many have died, and lets the last run end.

        Raises:
            DifferenceError: a broken run is not as the unbroken one.
        """
        for number in itertools.count():
            output = self.folder / f"run-{number}"
            while True:
                moment = self._moment() if self.kills.total() < kills else None
                ended = self._child(output, moment)
                if not ended.killed:
                    break
                assert moment is not None
                self._note(output, moment)
            if ended.code:
                raise DifferenceError(
                    f"{output.name} ended with {ended.code}: {self._said(output)}"
                )
            self._compare(output)
            self.runs += 1
            self.tell(f"{self.kills.total()} kills, {self.runs} runs the same as the unbroken one")
            for left in self.folder.glob(f"{output.name}*"):
                shutil.rmtree(left) if left.is_dir() else left.unlink()
            if self.kills.total() >= kills:
                return

    def _note(self, output: Path, moment: Moment) -> None:
        self.kills[moment.kind] += 1
        record = output.with_suffix(".steps")
        lines = record.read_text().splitlines() if record.exists() else []
        done = checkpoints(output)
        newest = done[0].name if done else "none"
        if (output / STAGING).exists():
            place = "while a checkpoint was written"
            self.cut += 1
        elif list(output.glob(".*.new-*")):
            place = "while the bundle was written"
        elif not lines:
            place = "before the first step"
        elif newest == f"checkpoint-{toy.MAX_STEPS}":
            place = "after the last checkpoint"
        else:
            place = "elsewhere in the training"
        self.where[place] += 1
        self.whole += checkpoints_are_whole(output)

    def _compare(self, output: Path) -> None:
        steps, repeated, worst = same_steps(
            self.unbroken.with_suffix(".steps"), output.with_suffix(".steps")
        )
        self.steps += steps
        self.repeated += repeated
        self.worst = max(self.worst, worst)
        same_runs(self.unbroken, output)

    def report(self) -> dict[str, Any]:
        """The figures."""
        return {
            "kills": self.kills.total(),
            "by_moment": dict(self.kills),
            "by_place": dict(self.where),
            "runs": self.runs,
            "steps_compared": self.steps,
            "steps_trained_again_after_a_kill": self.repeated,
            "largest_relative_difference_of_a_loss": self.worst,
            "checkpoints_read_back": self.whole,
            "saves_cut_off_and_passed_over": self.cut,
            "bundles_equal": self.runs,
        }


def _toy_run(data: Path) -> Callable[[Path, Path], int]:
    def run(output: Path, record: Path) -> int:
        toy.record_steps(record)
        toy.draw_no_report()
        return toy.train(data, output)

    return run


def kill_toy(folder: Path, kills: int, seed: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Kills toy trainings in forked children; gives the figures."""
    toy.warm()
    data = folder / "data"
    made = run_child(
        lambda: bool(toy.make_data(data)) - 1, None, data, lambda: False, folder / "data.log"
    )
    if made.code:
        raise DifferenceError((folder / "data.log").read_text()[-2000:])
    harness = Kills(folder, _toy_run(data), seed, tell)
    harness.until(kills)
    return harness.report()


def _work(args: argparse.Namespace, folder: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    return kill_toy(folder, args.kills, args.seed, tell)


def main(argv: list[str] | None = None) -> int:
    """Runs the command."""
    return run(parser_of("tests.faults.kills", __doc__, 200), argv, _work)


if __name__ == "__main__":
    sys.exit(main())
