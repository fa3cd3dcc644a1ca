"""Counts what a house is judged by: files a folder, circles, lines, cases, what a command loads.

    python -m tests.house                    of this checkout, without the test cases
    python -m tests.house CHECKOUT --cases   of another one, and with them (pytest collects them)

Modules and processor seconds of a command are those of a process of its own. A file is entered when
work calls a function of it; what runs while modules are imported does not count.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

PRODUCT = ("tvae_core", "domains", "apps", "data_prep")
MOST_FILES = 15
VERBS = ("sample", "interpolate", "neighbours", "optimise", "train", "evaluate")
HELPS = (
    *(f"domains.smiles.{verb}" for verb in VERBS),
    *(f"domains.{name}.sample" for name in ("midi", "python_code", "headlines", "mnist")),
    "data_prep.smiles",
    "tvae_core.bench",
)
SMALL = """--max-steps 2 --d-model 16 --n-heads 2 --d-ff 16 --encoder-blocks 1_1 --decoder-layers 1
    --n-latent 2 --latent-size 4 --batch-size 4 --log-steps 1 --eval-items 2 --prior-codes 8
    --prior-steps 1 --prior-width 8 --prior-depth 1 --final quick --threads 1"""
WORK = {
    "sample -n 10, molecules": "domains.smiles.sample -n 10 --threads 1 --jobs 1",
    "sample -n 10 --raw, molecules": "domains.smiles.sample -n 10 --raw --threads 1",
    "sample -n 10, Python lines": "domains.python_code.sample -n 10 --threads 1",
    "two training steps": f"domains.python_code.train python_base --data set --output run {SMALL}",
}
RUNS = """
import json, resource, runpy, sys
root, report, traced, *sys.argv = sys.argv[1:]
entered = set()

def ours(file):
    return file.startswith(root) and ".venv" not in file[len(root):]

def called(frame, event, argument):
    file = frame.f_code.co_filename
    if event != "call" or file in entered or not ours(file):
        return
    above = frame
    while above is not None:
        if above.f_code.co_name == "<module>" and above.f_globals.get("__name__") != "__main__":
            return
        above = above.f_back
    entered.add(file)

if traced == "True":
    sys.setprofile(called)
try:
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
except SystemExit as stop:
    assert not stop.code, stop.code
finally:
    sys.setprofile(None)
used = resource.getrusage(resource.RUSAGE_SELF)
files = [getattr(m, "__file__", None) or "" for m in list(sys.modules.values())]
json.dump({
    "seconds": used.ru_utime + used.ru_stime,
    "modules": len(sys.modules),
    "ours": sum(map(ours, files)),
    "entered": len(entered),
}, open(report, "w"))
"""


def main() -> None:
    """Prints the figures as Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).parent.parent)
    parser.add_argument("--cases", action="store_true", help="count test cases as well")
    given = parser.parse_args()
    root = given.root.resolve()
    print("| folder | files | lines |\n|---|---|---|")
    for folder, files in folders(root).items():
        if len(files) > MOST_FILES or folder in (*PRODUCT, "tests"):
            print(f"| {folder} | {len(files)} | {sum(map(lines_of, files)):,} |")
    for top in (*PRODUCT, "tests"):
        files = list((root / top).rglob("*.py"))
        print(f"| {top}, all | {len(files)} | {sum(map(lines_of, files)):,} |")
    print("\n| circles between files | files in each |\n|---|---|")
    for what, at_work in (
        ("when modules are imported", False),
        ("imports in functions, too", True),
    ):
        sizes = sorted(map(len, circles(imports(root, at_work))), reverse=True)
        print(f"| {what} | {', '.join(map(str, sizes)) or 'none'} |")
    if given.cases:
        print(f"\ntest cases: {cases(root)}")
    measure_commands(root)


def folders(root: Path) -> dict[str, list[Path]]:
    """The Python files that lie directly in each folder of the product and the tests."""
    found: dict[str, list[Path]] = {}
    for top in (*PRODUCT, "tests"):
        for path in sorted((root / top).rglob("*.py")):
            if path.name != "__init__.py":
                found.setdefault(str(path.parent.relative_to(root)), []).append(path)
    return found


def lines_of(path: Path) -> int:
    """Lines of a file."""
    return path.read_text().count("\n")


def imports(root: Path, at_work: bool) -> dict[str, set[str]]:
    """Which of our modules each imports; those for types alone left out."""
    files = [path for top in PRODUCT for path in (root / top).rglob("*.py")]
    names = {".".join(path.relative_to(root).with_suffix("").parts): path for path in files}
    names = {name.removesuffix(".__init__"): path for name, path in names.items()}
    return {
        name: {n for n in _imported(ast.parse(path.read_text()), names, at_work) if n != name}
        for name, path in names.items()
    }


def _imported(tree: ast.AST, names: dict[str, Path], at_work: bool) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield from [full] if full in names else [node.module] * (node.module in names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        elif at_work or not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _imported(node, names, at_work)


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Groups of modules that reach each other (strongly connected, of two or more)."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        left = [start]
        while left:
            left += [n for n in graph.get(left.pop(), ()) if n not in seen and not seen.add(n)]
        return seen

    reach = {name: reached(name) for name in graph}
    groups = {frozenset(b for b in reach[a] if a in reach[b]) for a in graph if a in reach[a]}
    return [set(group) for group in groups if len(group) > 1]


def cases(root: Path) -> str:
    """Test cases by folder, as pytest collects them."""
    words = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    told = subprocess.run(words, cwd=root, env=_environment(root), capture_output=True, text=True)
    ids = [line for line in told.stdout.splitlines() if "::" in line]
    counts = Counter(line.split("/")[1] for line in ids)
    return f"{len(ids):,} ({', '.join(f'{k} {n}' for k, n in sorted(counts.items()))})"


def measure_commands(root: Path) -> None:
    """Prints what `--help` loads and what work enters, each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        prepare = ["data_prep.python_code", "--input", sysconfig.get_path("stdlib") + "/json"]
        _run(root, work, [*prepare, "--vocab-size", "300", "--out", "set", "--jobs", "1"])
        print("\n| `--help` | processor s | modules | of them ours |\n|---|---|---|---|")
        for name in HELPS:
            told = _run(root, work, [name, "--help"])
            print(f"| {name} | {told['seconds']:.1f} | {told['modules']:,} | {told['ours']} |")
        print("\n| work | processor s | files loaded | files entered |\n|---|---|---|---|")
        for name, line in WORK.items():
            told = _run(root, work, line.split())
            entered = _run(root, work, line.replace("run ", "traced ").split(), traced=True)
            row = f"{told['seconds']:.1f} | {told['ours']} | {entered['entered']}"
            print(f"| {name} | {row} |")


def _run(root: Path, work: Path, words: list[str], traced: bool = False) -> dict[str, float]:
    report = work / "report.json"
    line = [sys.executable, "-c", RUNS, f"{root}/", str(report), str(traced), *words]
    done = subprocess.run(line, cwd=work, env=_environment(root), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}: {done.stderr}")
    found: dict[str, float] = json.loads(report.read_text())
    return found


def _environment(root: Path) -> dict[str, str]:
    given = {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    return os.environ | given | {"HF_HUB_OFFLINE": "1", "COLUMNS": "100"}


if __name__ == "__main__":
    main()
