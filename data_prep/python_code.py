"""Prepare Python lines for training: statements of the standard library and installed packages.

    python -m data_prep.python_code                          what is installed -> data/python_code
    python -m data_prep.python_code --library-only           the standard library alone
    python -m data_prep.python_code --packages torch rdkit   with the named packages
    python -m data_prep.python_code --input ~/my_code --out data/mine
    python -m data_prep.python_code --input ~/my_code --bundle domains/python_code/bundle

Files are read with `ast`: nothing is imported or run. Every simple statement (an assignment, a
call, a return, an import, ...) whose normal form is one line of 5 to 60 characters is taken once;
docstrings are not. Files that cannot be read or parsed are listed in rejected.csv with the line and
the reason, and the first of them is told: it may need a newer Python than the one that reads it.
Statements are split 90/5/5 into train, validation and test, none of them in two splits; with
`--bundle`, for training a bundle on, none is held out that it was trained on.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import io
import sys
import sysconfig
import tokenize
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from tqdm import tqdm

from data_prep.common import (
    BAD_USAGE,
    CommandParser,
    PrepError,
    available_cores,
    check_not_negative,
    check_output,
    positive_int,
    run_preparation,
)
from data_prep.earlier import add_tokenizer_arguments, open_earlier, told, vocab_size_of
from data_prep.prepared import Items, Rejected, sample_rows, split_rows, summary, write_prepared
from data_prep.tokenise import use_threads
from domains.python_code.syntax import canonical
from domains.python_code.tokenizer import MIN_VOCAB_SIZE, build_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SHORTEST, LONGEST = 5, 60
VOCAB_SIZE = 2048
LARGEST_FILE = 4_000_000
FILES_AT_ONCE = 40
_COMPOUND = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.With,
    ast.AsyncWith,
    ast.Try,
    ast.TryStar,
    ast.Match,
)


def library_files() -> list[Path]:
    """The standard library's files, without its test suites (some of which are no Python)."""
    root = Path(sysconfig.get_paths()["stdlib"])
    skipped = {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"}
    return [path for path in sorted(root.rglob("*.py")) if not skipped & set(path.parts)]


def package_files(names: Sequence[str] | None) -> tuple[list[Path], dict[str, str]]:
    """The Python files of installed distributions, and the distributions' versions.

    Args:
        names: distributions; None for all.

    Raises:
        PrepError: for a name that is not installed.
    """
    found: dict[str, tuple[str, list[Path]]] = {}
    for distribution in distributions():
        name = str(distribution.metadata["Name"] or "").lower().replace("_", "-")
        files = [Path(str(file.locate())) for file in distribution.files or ()]
        found.setdefault(name, (distribution.version, [f for f in files if f.suffix == ".py"]))
    wanted = sorted(found) if names is None else [n.lower().replace("_", "-") for n in names]
    missing = [name for name in wanted if name not in found]
    if missing:
        raise PrepError(f"not installed: {', '.join(missing)}", BAD_USAGE)
    files = {path.resolve() for name in wanted for path in found[name][1] if path.is_file()}
    return sorted(files), {name: found[name][0] for name in wanted if found[name][1]}


def own_files(inputs: Sequence[Path]) -> list[Path]:
    """The Python files of folders and files of one's own.

    Raises:
        PrepError: one that is not there, or none with a Python file.
    """
    files: set[Path] = set()
    for path in inputs:
        if not path.exists():
            raise PrepError(f"{path} does not exist", BAD_USAGE)
        files |= set(path.rglob("*.py")) if path.is_dir() else {path}
    if not files:
        raise PrepError(f"no .py file in {', '.join(map(str, inputs))}", BAD_USAGE)
    return sorted(files)


def statements(source: str, shortest: int = SHORTEST, longest: int = LONGEST) -> Iterator[str]:
    """The normal forms of the one-line statements of a source text, in no promised order.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: as `ast.parse`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source)
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt) or isinstance(node, _COMPOUND):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        text = ast.unparse(node)
        if shortest <= len(text) <= longest and text.isprintable() and canonical(text) == text:
            yield text


def read_files(
    paths: Sequence[Path], shortest: int, longest: int
) -> tuple[Counter[str], list[Rejected]]:
    """Statements of some files with their counts; the files that cannot be read, and why."""
    found: Counter[str] = Counter()
    failed: list[Rejected] = []
    for path in paths:
        try:
            if path.stat().st_size > LARGEST_FILE:
                raise ValueError(f"larger than {LARGEST_FILE:,} bytes")
            raw = path.read_bytes()
            encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
            found.update(statements(raw.decode(encoding), shortest, longest))
        except SyntaxError as error:
            reason = f"{type(error).__name__}: {error.msg}".splitlines()[0]
            failed.append(Rejected(error.lineno or 0, str(path), reason))
        except (ValueError, LookupError, RecursionError, MemoryError) as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            failed.append(Rejected(0, str(path), reason))
        except OSError as error:
            failed.append(Rejected(0, str(path), f"cannot be read: {error.strerror}"))
    return found, failed


def tell_rejected(rejected: Sequence[Rejected], files: int) -> None:
    """Tells on stderr of the first file that was left out, and which Python read it."""
    if not rejected:
        return
    first, version = rejected[0], f"Python {sys.version_info[0]}.{sys.version_info[1]}"
    place = f"{first.text}, line {first.line}" if first.line else first.text
    others = f", and {len(rejected) - 1:,} more" if len(rejected) > 1 else ""
    print(
        f"left out {place}: {first.reason}{others} of {files:,} files; read with {version}, "
        "a newer one may know more syntax",
        file=sys.stderr,
    )


def collect(paths: Sequence[Path], shortest: int, longest: int, jobs: int) -> Items:
    """The distinct statements of all files, in an order that depends on them alone."""
    parts = [paths[i : i + FILES_AT_ONCE] for i in range(0, len(paths), FILES_AT_ONCE)]
    found: Counter[str] = Counter()
    rejected: list[Rejected] = []
    read = partial(read_files, shortest=shortest, longest=longest)
    with (
        ProcessPoolExecutor(min(jobs, max(1, len(parts)))) as pool,
        tqdm(total=len(paths), desc="reading", unit="file") as bar,
    ):
        for part, (counts, failed) in zip(parts, pool.map(read, parts), strict=True):
            found.update(counts)
            rejected += failed
            bar.update(len(part))
    tell_rejected(rejected, len(paths))
    texts = sorted(found)
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode() + b"\n")
    table = pa.table({"text": pa.array(texts, pa.string())})
    return Items(
        {"all": table},
        "",
        digest.hexdigest(),
        "",
        rejected,
        found.total() - len(texts),
        {"files": len(paths), "python": sys.version.split()[0]},
    )


def make_parser() -> CommandParser:
    """The flags of the command."""
    parser = CommandParser(prog="python -m data_prep.python_code", description=__doc__)
    add = parser.add_argument
    add("--out", type=Path, default=Path("data/python_code"), help="folder (%(default)s)")
    add("--library-only", action="store_true", help="no installed packages")
    add("--packages", nargs="+", metavar="NAME", help="these installed packages only")
    add("--input", nargs="+", type=Path, metavar="PATH", help="your own folders or files instead")
    add("--min-length", type=positive_int, default=SHORTEST, help="characters (%(default)s)")
    add("--max-length", type=positive_int, default=LONGEST, help="characters (%(default)s)")
    add("--limit", type=positive_int, help="a seeded sample of this many statements")
    add_tokenizer_arguments(parser, VOCAB_SIZE)
    add("--seed", type=int, default=0, help="of the sample and the split (%(default)s)")
    add("--jobs", type=positive_int, default=available_cores(), help="processors (%(default)s)")
    return parser


def check_arguments(arguments: argparse.Namespace) -> None:
    """Refuses settings that cannot work.

    Raises:
        PrepError: naming the flags.
    """
    check_not_negative(arguments, "seed")
    if arguments.min_length > arguments.max_length:
        raise PrepError("--min-length must not be above --max-length", BAD_USAGE)
    chosen = [flag for flag in ("library_only", "packages", "input") if getattr(arguments, flag)]
    if len(chosen) > 1:
        flags = " and ".join("--" + flag.replace("_", "-") for flag in chosen)
        raise PrepError(f"{flags} exclude each other", BAD_USAGE)


def files_of(arguments: argparse.Namespace) -> tuple[list[Path], str, str, dict[str, str]]:
    """The files that the flags name, their source and licence, and versions of the packages."""
    if arguments.input:
        return own_files(arguments.input), "own Python files", "as the files", {}
    paths, versions = library_files(), dict[str, str]()
    source = f"statements of the standard library of Python {sys.version.split()[0]}"
    licence = "PSF-2.0 (standard library)"
    if not arguments.library_only:
        more, versions = package_files(arguments.packages)
        paths = sorted({*paths, *more})
        source += f" and of {len(versions)} installed packages"
        licence += ", each package's own"
    return paths, source, licence, versions


def prepare(arguments: argparse.Namespace, command: str) -> None:
    """Run the command with parsed arguments."""
    vocab_size = vocab_size_of(arguments, MIN_VOCAB_SIZE, VOCAB_SIZE)
    check_arguments(arguments)
    check_output(arguments.out)
    use_threads(arguments.jobs)
    earlier = open_earlier(arguments.bundle, "python_code")
    paths, source, licence, versions = files_of(arguments)
    items = collect(paths, arguments.min_length, arguments.max_length, arguments.jobs)
    texts = items.splits["all"]
    if arguments.limit:
        texts = sample_rows(texts, arguments.limit, arguments.seed)
    unknown = earlier and earlier.unknown(texts.column("text").to_pylist())
    rows_of = split_rows(len(texts), arguments.seed, unknown=unknown)
    items.splits = {name: texts.take(pa.array(rows)) for name, rows in rows_of.items()}
    items.source, items.licence = source, licence
    items.details |= {"packages": versions} | told(earlier, unknown)

    def build(sample: list[str]) -> PreTrainedTokenizerFast:
        return build_tokenizer(sample, vocab_size, progress=sys.stderr.isatty())

    manifest = write_prepared(
        items,
        arguments.out,
        domain="python_code",
        build=build,
        seed=arguments.seed,
        command=command,
        earlier=earlier,
    )
    print(summary(arguments.out, manifest, "line"))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    return run_preparation("python_code", arguments, make_parser, prepare)


if __name__ == "__main__":
    sys.exit(main())
