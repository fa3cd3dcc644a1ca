"""Holds two checkouts against each other: the same command lines, the same seeds, the same results?

    python -m tests.compare OLD NEW                        all five domains, ten minutes
    python -m tests.compare OLD NEW --only smiles mnist    some
    python -m tests.compare OLD NEW --quick                without trainings and prepared sets
    python -m tests.compare OLD NEW --match long           rows that have the word, after all ran
    python -m tests.compare OLD OLD                        must say that all is equal

Compared are exit codes, standard output, messages (without times and rates) and every file, byte
for byte (JSON field by field). The lines are those of `cases.py`; NEW also reads and goes on with
what OLD left: a prepared set, a run, its bundle, a search and a stopped sampling job. What OLD
gives is kept by commit in --cache. One interpreter runs both. Exits with 1 if anything differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.compare.cases import DOMAINS, left_before, lines, write_own
from tests.compare.differences import Side, of_files, of_line

RUNNER = Path(__file__).with_name("runner.py")
VERBS = ("sample", "interpolate", "neighbours", "optimise", "train", "evaluate")


def main() -> int:
    """Runs and compares; prints a row a line and a file that differ, and a table of counts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--only", nargs="+", choices=DOMAINS, default=list(DOMAINS))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--match", default="", help="compare only what has this in its name")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "tvae-compare")
    given = parser.parse_args()
    different = 0
    for name in given.only:
        old = ran(given.old.resolve(), name, given.quick, given.cache, None)
        new = ran(given.new.resolve(), name, given.quick, given.cache, old.work.parent / "left")
        different += told(name, old, new, given.quick, given.match)
    print("all equal" if not different else f"{different} differ")
    return int(different > 0)


def told(name: str, old: Side, new: Side, quick: bool, match: str) -> int:
    """Prints what differs of a domain, and how much of how much; returns how much."""
    names = [line["name"] for line in lines(name, quick) if match in line["name"]]
    rows = {key: of_line(key, old, new) for key in names}
    files = {key: value for key, value in of_files(old, new).items() if match in key}
    for key, found in {**rows, **files}.items():
        if found:
            print(f"{name}  {key}: different")
            print("".join(f"    {row}\n" for row in found), end="")
    failed = [key for key in names if old.code(key) and not key.startswith("bad_")]
    if failed:
        print(f"{name}: in {old.root} too, these fail: {', '.join(failed)}")
    lines_apart = sum(map(bool, rows.values()))
    counts = f"{len(rows) - lines_apart} of {len(rows)} lines equal"
    total = len(old.files() | new.files())
    print(f"{name}: {counts}, {total - len(files)} of {total} files equal", flush=True)
    return lines_apart + len(files)


def ran(root: Path, name: str, quick: bool, cache: Path, left: Path | None) -> Side:
    """The lines of a domain run in a checkout; without `left`, from the cache if it is there.

    Args:
        left: what the older checkout left; without it this is the older one, and leaves it.
    """
    plan = [left_before(name), lines(name, quick)]
    key = hashlib.sha256(json.dumps(plan).encode() + RUNNER.read_bytes()).hexdigest()[:8]
    folder = cache / f"{state_of(root)}-{key}" / ("old" if left is None else "new") / name
    version = re.search(r'^version = "(.*)"', (root / "pyproject.toml").read_text(), re.MULTILINE)
    side = Side(root, folder / "work", folder / "results", version[1] if version else "?")
    if left is None and (folder / "done").exists():
        return side
    shutil.rmtree(folder, ignore_errors=True)
    side.work.mkdir(parents=True)
    side.results.mkdir()
    write_own(name, side.work / "own")
    print(f"{name}: running {len(plan[1])} lines in {root}", file=sys.stderr, flush=True)
    if left is None:
        started(side, name, [] if quick else plan[0])
        for line in [] if quick else plan[0]:
            if side.code(line["name"]) and "killed" not in line:
                raise SystemExit(f"{name} {line['name']} failed: {side.told(line['name'])[-500:]}")
        left = folder / "left"
        left.mkdir()
        if not quick:
            shutil.copytree(side.work / "left", left, dirs_exist_ok=True)
    elif not quick:
        shutil.copytree(left, side.work / "left")
    started(side, name, plan[1])
    (folder / "done").touch()
    return side


def started(side: Side, name: str, wanted: list[dict[str, Any]]) -> None:
    """Runs lines by `runner.py` in the work folder: one thread, offline, no caches of the user."""
    for line in wanted:
        line["words"] = [word.replace("{root}", str(side.root)) for word in line["words"]]
    modules = [f"domains.{name}.domain", *(f"domains.{name}.{verb}" for verb in VERBS)]
    plan = {
        "root": str(side.root),
        "lines": wanted,
        "results": str(side.results),
        "modules": [*modules, f"data_prep.{name}"],
    }
    file = side.results / "plan.json"
    file.write_text(json.dumps(plan))
    kept = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
    environment = {key: os.environ[key] for key in kept if key in os.environ} | {
        "PYTHONPATH": str(side.root),
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
        "RAYON_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(side.results / "hf"),
        "TVAE_CACHE": str(side.results / "cache"),
        "MPLBACKEND": "Agg",
        "SOURCE_DATE_EPOCH": "0",
        "COLUMNS": "100",
        "CUDA_VISIBLE_DEVICES": "",
    }
    subprocess.run([sys.executable, RUNNER, file], cwd=side.work, env=environment, check=True)


def state_of(root: Path) -> str:
    """The commit of a checkout, with a hash of what it has changed since."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True).stdout

    commit, changed = git("rev-parse", "HEAD").strip(), git("status", "--porcelain")
    if not changed:
        return commit[:12] or hashlib.sha256(str(root).encode()).hexdigest()[:12]
    parts = [git("diff", "HEAD")]
    parts += [p.read_text(errors="replace") for p in untracked(root, changed) if p.is_file()]
    return f"{commit[:12]}+{hashlib.sha256(''.join(parts).encode()).hexdigest()[:8]}"


def untracked(root: Path, changed: str) -> list[Path]:
    """Files that git does not know, of its list of what is changed."""
    return sorted(root / line[3:] for line in changed.splitlines() if line.startswith("??"))


if __name__ == "__main__":
    sys.exit(main())
