"""A prepared set of a few hundred molecules, a bundle trained on it, and commands run in place."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from rdkit import Chem

from data_prep import smiles as prep
from domains.smiles.commands import COMMANDS
from domains.smiles.domain import EXAMPLES
from tvae_core.cli.evaluate import evaluate_command
from tvae_core.cli.interpolate import interpolate_command
from tvae_core.cli.neighbours import neighbours_command
from tvae_core.cli.optimise import optimise_command
from tvae_core.cli.parser import run_command
from tvae_core.cli.refine import refine_command
from tvae_core.cli.sample import sample_command
from tvae_core.cli.train import train_command

VERBS: dict[str, Callable[[Sequence[str]], int]] = {
    "train": lambda argv: train_command(COMMANDS, argv),
    "refine": lambda argv: refine_command(COMMANDS, argv),
    "evaluate": lambda argv: evaluate_command(COMMANDS, argv),
    "sample": lambda argv: sample_command(COMMANDS, argv),
    "interpolate": lambda argv: interpolate_command(COMMANDS, argv),
    "neighbours": lambda argv: neighbours_command(COMMANDS, argv),
    "optimise": lambda argv: optimise_command(COMMANDS, argv),
}

CORES = ["c1ccc({})cc1", "C1CCN({})CC1", "CC(=O)N{}", "c1ccc2c(c1)cc({})[nH]2", "O=C(O){}"]
LINKS = ["", "C", "CC", "CCC", "C(C)C", "CCO", "CCN", "C(=O)"]
ENDS = ["C", "CC", "OC", "C(F)(F)F", "C(=O)N", "CO", "C#N", "CCl", "CS", "C(C)C"]

# 32 molecules, nearly learned by heart: most of what the bundle decodes is valid.
_MODEL = """
    --d-model 128 --n-heads 2 --d-ff 128 --encoder-blocks 1 --decoder-layers 1 --n-latent 2
    --latent-size 8 --mmd-memory 128 --mmd-weight 0.1 --sigma-max 0.5
"""
_TRAINING = """
    --limit 32 --batch-size 16 --learning-rate 5e-3 --warmup-steps 5 --mmd-warmup-steps 1
    --moment-start 0 --moment-warmup 1 --max-steps 120 --save-steps 40 --log-steps 10
    --eval-steps 60 --eval-items 12 --prior-codes 200 --prior-steps 100 --prior-width 32
    --prior-depth 1 --precision fp32 --threads 1
"""
FLAGS = (_MODEL + _TRAINING).split()
"""32 molecules nearly learned by heart: most of what the bundle decodes is valid."""


@dataclass(frozen=True)
class Result:
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    err: str

    def refusal(self) -> str:
        """The message of a command that failed, which is all that it printed."""
        assert self.code in (1, 2), self.err
        assert self.out == ""
        assert self.err.count("\n") == 1, self.err
        assert "Traceback" not in self.err
        return self.err.strip()


def in_place(verb: str, *arguments: object) -> Result:
    """Runs `python -m domains.smiles.<verb>` in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run_command(verb, lambda: VERBS[verb]([str(a) for a in arguments]))
    return Result(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def command() -> Callable[..., Result]:
    return in_place


@pytest.fixture(scope="session")
def flags() -> list[str]:
    """Flags of the smallest training that is one."""
    return FLAGS


def molecules() -> list[str]:
    """Substituted cores and well-known drugs, canonical and distinct."""
    found = {Chem.CanonSmiles(text): None for text in EXAMPLES.values() if len(text) < 40}
    for core, link, end in itertools.product(CORES, LINKS, ENDS):
        found[Chem.CanonSmiles(core.format(link + end))] = None
    texts = list(found)
    random.Random(0).shuffle(texts)
    return texts[:320]


@pytest.fixture(scope="session")
def molecule_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("own") / "own.smi"
    file.write_text("".join(f"{text} molecule-{i}\n" for i, text in enumerate(molecules())))
    return file


@pytest.fixture(scope="session")
def data(molecule_file: Path) -> Path:
    """A prepared set made by `python -m data_prep.smiles`."""
    folder = molecule_file.with_name("data")
    before = dict(os.environ)
    arguments = ["--input", molecule_file, "--out", folder, "--vocab-size", 150, "--jobs", 1]
    quiet = io.StringIO()
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        code = prep.main([str(a) for a in arguments])
    os.environ.clear()
    os.environ.update(before)
    assert code == 0, quiet.getvalue()
    return folder


@pytest.fixture(scope="session")
def trained(data: Path) -> tuple[Path, Result]:
    """The run folder of a short training, and what the command printed."""
    folder = data.with_name("run")
    result = in_place("train", "smiles_small", *FLAGS, "--data", data, "--output", folder)
    assert result.code == 0, result.err
    return folder, result


@pytest.fixture(scope="session")
def bundle(trained: tuple[Path, Result]) -> Path:
    return trained[0] / "bundle"


@pytest.fixture
def copied(bundle: Path, tmp_path: Path) -> Path:
    """A copy of the bundle to spoil."""
    return Path(shutil.copytree(bundle, tmp_path / "copied"))
