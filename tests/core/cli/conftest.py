"""A bundle of the toy language, its commands, and the verbs run in place."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tvae_core.bundle import save_bundle
from tvae_core.cli.interpolate import interpolate_command
from tvae_core.cli.neighbours import neighbours_command
from tvae_core.cli.optimise import optimise_command
from tvae_core.cli.parser import run_command
from tvae_core.cli.sample import sample_command
from tvae_core.data.known import KnownSet, known_of_bundle
from tvae_core.domain import DomainError, Rendered, Verdict
from tvae_core.domain_commands import DomainCommands
from tvae_core.space import LatentSpace
from tvae_core.support.files import write_whole

VERBS: dict[str, Callable[[DomainCommands, Sequence[str]], int]] = {
    "sample": sample_command,
    "interpolate": interpolate_command,
    "neighbours": neighbours_command,
    "optimise": optimise_command,
}


class Sums:
    """Digit strings that end in the sum of the others modulo ten; canonical without blanks."""

    name = "toy"

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def tokenizer(self) -> Any:
        return self._tokenizer

    def to_text(self, item: Any) -> str:
        return str(item)

    def from_text(self, text: str) -> str:
        (verdict,) = self.check([text])
        if not verdict.ok:
            raise DomainError(verdict.reason or "", verdict.position)
        return verdict.canonical or ""

    def check(self, texts: Sequence[str]) -> list[Verdict]:
        return [self._verdict(text) for text in texts]

    def _verdict(self, text: str) -> Verdict:
        bad = [i for i, char in enumerate(text) if char not in "0123456789 "]
        if bad:
            return Verdict(False, reason="no digit", position=bad[0])
        form = text.replace(" ", "")
        if len(form) < 2:
            return Verdict(False, reason="too short")
        wanted = sum(map(int, form[:-1])) % 10
        if wanted != int(form[-1]):
            return Verdict(False, reason=f"ends in {form[-1]}", position=len(text) - 1)
        return Verdict(True, form)

    def score(self, texts: Sequence[str]) -> dict[str, Any]:
        nan = float("nan")
        forms = [verdict.canonical for verdict in self.check(texts)]
        return {
            "length": np.array([nan if f is None else len(f) for f in forms], dtype=float),
            "total": np.array([nan if f is None else sum(map(int, f)) for f in forms], dtype=float),
            "sevens": np.array(
                [nan if f is None or len(f) < 4 else f.count("7") for f in forms], dtype=float
            ),
        }

    def render(self, text: str) -> Rendered:
        return Rendered("text", self.from_text(text))

    def examples(self) -> list[str]:
        return ["1236", "11", "224"]


@dataclass(frozen=True)
class Result:
    """What a command left."""

    code: int
    out: str
    err: str

    def refusal(self) -> str:
        """The one line of a command that failed."""
        assert self.code in (1, 2), self.err
        assert self.out == ""
        assert self.err.count("\n") == 1, self.err
        return self.err.strip()


@pytest.fixture(scope="session")
def sums(toy_tokenizer: Any) -> Sums:
    return Sums(toy_tokenizer)


@pytest.fixture(scope="session")
def bundle(trained_space: LatentSpace, trained: Any, tmp_path_factory: Any) -> Path:
    """The trained toy model; half of its training strings are the known ones."""
    folder: Path = tmp_path_factory.mktemp("verbs")
    KnownSet.build(trained.words[:30]).save(folder / "known.bin")
    return save_bundle(
        folder / "bundle",
        trained.model,
        trained_space.tokenizer,
        trained_space.priors,
        {"domain": "toy", "defaults": {"sample_fidelity": 0.5}},
        "# Toy\n",
        {"known.bin": folder / "known.bin"},
    )


@pytest.fixture(scope="session")
def space(bundle: Path, sums: Sums) -> LatentSpace:
    return LatentSpace.load(bundle, sums)


def sheet(path: Path, rows: list[dict[str, Any]], origin: dict[str, Any]) -> None:
    """The toy domain's own format."""
    write_whole(path, json.dumps({"texts": [row["text"] for row in rows], "origin": origin}))


@pytest.fixture(scope="session")
def commands(bundle: Path, sums: Sums) -> DomainCommands:
    def given(text: str) -> str:
        if text.startswith("no:"):
            raise DomainError("not one of ours", 3)
        return text.removeprefix("item:")

    return DomainCommands(
        domain=sums,
        bundle=bundle,
        presets=bundle,
        default_preset="none",
        known=lambda folder: known_of_bundle(folder, sums),
        read_item=given,
        show=lambda text: f"<{text}>",
        columns=("total", "length"),
        unit="sum",
        write_items=sheet,
        suffixes=(".sheet",),
    )


@pytest.fixture(scope="session")
def command(commands: DomainCommands) -> Callable[..., Result]:
    """`command(verb, *arguments, **changes)` with changes to the domain's commands."""

    def run(verb: str, *arguments: object, **changes: Any) -> Result:
        mine = dataclasses.replace(commands, **changes)
        out, err = io.StringIO(), io.StringIO()
        given = [str(argument) for argument in arguments]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run_command(verb, lambda: VERBS[verb](mine, ["--threads", "1", *given]))
        return Result(code, out.getvalue(), err.getvalue())

    return run
