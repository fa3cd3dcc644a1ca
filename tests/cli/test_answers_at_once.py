"""`--help` and wrong usage are answered without the libraries that the work needs.

Counted in modules, not in seconds: torch and transformers alone take four of processor time.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {
    "PIL",
    "datasets",
    "huggingface_hub",
    "matplotlib",
    "music21",
    "pandas",
    "rdkit",
    "safetensors",
    "scipy",
    "sklearn",
    "streamlit",
    "symusic",
    "tokenizers",
    "torch",
    "transformers",
}

# Forks for every command, so that numpy and argparse are imported once. Prints a line of JSON each:
# the command, its exit code, the heavy modules it loaded with what imported them, stderr.
RUN_EACH = """
import argparse, io, json, os, runpy, sys
import numpy, tqdm
lines, heavy = json.loads(sys.argv[1]), set(json.loads(sys.argv[2]))

class Watch:
    def __init__(self):
        self.chains = {}

    def find_spec(self, name, path=None, target=None):
        if name in heavy and name not in self.chains:
            frame, chain = sys._getframe(1), []
            while frame is not None:
                module = frame.f_globals.get("__name__", "")
                if not module.startswith(("importlib", "_frozen")) and module not in chain:
                    chain.append(module)
                frame = frame.f_back
            self.chains[name] = " <- ".join([name, *chain])

for line in lines:
    reader, writer = os.pipe()
    if os.fork() == 0:
        watch, out = Watch(), sys.stdout
        sys.meta_path.insert(0, watch)
        sys.stdout = sys.stderr = io.StringIO()
        code = 0
        try:
            if line[0].endswith(".py"):
                sys.argv = line
                runpy.run_path(line[0], run_name="__main__")
            else:
                sys.argv = ["-m", *line[1:]]
                runpy.run_module(line[0], run_name="__main__", alter_sys=True)
        except SystemExit as exit:
            code = exit.code or 0
        except Exception as error:
            code = repr(error)
        loaded = sorted(heavy & set(sys.modules))
        why = [watch.chains.get(name, name) for name in loaded]
        told = json.dumps([line, code, why, sys.stderr.getvalue()[-300:]])
        os.write(writer, told.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        print(told.read(), flush=True)
    os.wait()
"""


def commands() -> list[list[str]]:
    """Every command there is, as `python -m` names it."""
    found = [["run_experiment.py"], ["tvae_core.bench"]]
    found += [["domains.smiles.evaluate", "--moses"]]
    bench = ("max-batch", "train", "generate", "scaling", "mmd", "ceiling", "muon")
    found += [["tvae_core.bench", name] for name in bench]
    for package in ("domains", "data_prep", "tvae_core/train_kit"):
        for path in sorted((ROOT / package).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            if '__name__ == "__main__"' in text:
                found.append([".".join(path.relative_to(ROOT).with_suffix("").parts)])
    return found


MISTAKES = [
    [name, *rest]
    for domain in ("smiles", "midi", "python_code", "headlines", "mnist")
    for name, *rest in (
        [f"domains.{domain}.train", "--batch-size", "0"],
        [f"domains.{domain}.train", "no_such_preset"],
        [f"domains.{domain}.train", "--d-model", "much"],
        [f"domains.{domain}.sample", "-n", "0"],
        [f"domains.{domain}.sample", "--fidelity", "2"],
        [f"domains.{domain}.sample", "--top-p", "0"],
        [f"domains.{domain}.interpolate", "A"],
        [f"domains.{domain}.neighbours", "--radius", "x"],
        [f"domains.{domain}.evaluate", "-n", "0"],
        [f"domains.{domain}.evaluate", "--report", "report.pdf"],
        [f"domains.{domain}.optimise", "--fidelity", "auto"],
    )
]
MISTAKES += [
    *([f"data_prep.{name}", "--no-such-flag"] for name in ("smiles", "midi", "headlines")),
    ["run_experiment.py", "no_such_name"],
    ["run_experiment.py", "mnist_small", "syntax"],
    ["tvae_core.bench", "no_such_command"],
    ["tvae_core.bench", "train", "no_such_preset"],
    ["tvae_core.bench", "train", "--set", "no_such_setting=1"],
    ["domains.smiles.refine", "-o", "x", "--steps", "0"],
]


def answers(lines: list[list[str]]) -> list[tuple[list[str], int, list[str], str]]:
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN_EACH, json.dumps(lines), json.dumps(list(HEAVY))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        pytest.param([[*command, "--help"] for command in commands()], 0, id="help"),
        pytest.param(MISTAKES, 2, id="mistakes"),
    ],
)
def test_nothing_heavy_is_imported_to_answer(lines: list[list[str]], code: int) -> None:
    told = answers(lines)
    assert [line for line, *_ in told] == lines
    wrong = [(" ".join(line), got, text) for line, got, _, text in told if got != code]
    assert not wrong, wrong
    heavy = [f"{' '.join(line)}: {loaded[0]}" for line, _, loaded, _ in told if loaded]
    assert not heavy, "\n".join(heavy)
