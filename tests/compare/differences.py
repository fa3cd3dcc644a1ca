"""Compares what two runs of the same lines left: text, tables, JSON, files byte for byte.

What must differ from run to run is taken out first: times, rates, versions and absolute paths. All
else counts, also in files that no line names.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TEXTS = {".csv", ".tsv", ".jsonl", ".json", ".txt", ".smi", ".sdf", ".md", ".svg", ".html", ".toml"}
NOT_COMPARED = ("training_args.bin", "/rng_state", "/lock", ".parts/", "sha256.json", ".midi/")
"""Pickles with paths and times, and files of no result; hashes of files that are compared."""
VOLATILE = re.compile(
    r"seconds|minutes|hours|time$|runtime|_per_second|per_sec|speed|rate$|created|date|commit|"
    r"total_flos|memory_mb|version$|command",
    re.IGNORECASE,
)
"""Fields of JSON that hold a time, a rate or a version."""
_BAR = re.compile(r"^(.*?):?\s*\d+%\|[^|]*\|\s*(\S+/\S+) \[.*\]$|^(.*?):? (\d+)\S* \[.*\]$")
_TIMES = (
    (re.compile(r"\b\d+:\d\d(:\d\d)?\b"), "<TIME>"),
    (re.compile(r"\b\d+(\.\d+)?(e-?\d+)? ?(seconds|minutes|s|min|h|ms)\b"), "<TIME>"),
    (re.compile(r"\b[\d.,]+(e[+-]?\d+)? ?(\w+/s|\w+ (a|per) second)\b"), "<RATE>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d:\d\d|Z)?"), "<DATE>"),
    (re.compile(r"process \d+ on \S+"), "<PROCESS>"),
)
_SVG_NAME = re.compile(r"""(id="|#|<dc:date>)[^"<)]*""")
SHOWN = 12


@dataclass(frozen=True)
class Side:
    """One checkout's results: `work` is where its lines ran, `results` what they printed."""

    root: Path
    work: Path
    results: Path
    version: str

    def plain(self, text: str) -> str:
        """Text without what is this checkout's or this moment's own."""
        for path, name in ((self.work, "<WORK>"), (self.root, "<ROOT>")):
            text = text.replace(str(path), name)
        text = text.replace(self.version, "<VERSION>")
        for pattern, name in _TIMES:
            text = pattern.sub(name, text)
        return text

    def printed(self, name: str) -> str:
        """Standard output of a line."""
        return self.plain((self.results / f"{name}.out").read_text(errors="surrogateescape"))

    def told(self, name: str) -> str:
        """Standard error of a line, of each progress bar only what of."""
        text = (self.results / f"{name}.err").read_text(errors="surrogateescape")
        found: list[str] = []
        for piece in re.split(r"[\r\n]+", text.replace("\x1b[A", "")):
            if bar := _BAR.match(piece.strip()):
                total = (bar[2] or bar[4]).split("/")[-1]
                piece = f"<BAR> {bar[1] or bar[3] or ''} {total}"
                if found and found[-1] == piece.rstrip():
                    continue
            found.append(piece.rstrip())
        return self.plain("\n".join(line for line in found if line))

    def code(self, name: str) -> int:
        """Exit code of a line."""
        code: int = json.loads((self.results / f"{name}.json").read_text())["code"]
        return code

    def files(self) -> dict[str, Path]:
        """Every file of the work folder that counts, by its path."""
        found = {str(p.relative_to(self.work)): p for p in self.work.rglob("*") if p.is_file()}
        return {
            name: path
            for name, path in sorted(found.items())
            if not any(part in f"/{name}" for part in NOT_COMPARED)
        }


def of_line(name: str, old: Side, new: Side) -> list[str]:
    """What differs in exit code, output and messages of a line; nothing if it is equal."""
    found = []
    if old.code(name) != new.code(name):
        found.append(f"exit code {old.code(name)} -> {new.code(name)}")
    for what, side in (("stdout", Side.printed), ("stderr", Side.told)):
        if side(old, name) != side(new, name):
            found += [what, *_diff(side(old, name), side(new, name))]
    return found


def of_files(old: Side, new: Side) -> dict[str, list[str]]:
    """Files that differ, with what differs."""
    ours, theirs = old.files(), new.files()
    found = {name: ["is gone"] for name in ours if name not in theirs}
    found |= {name: ["is new"] for name in theirs if name not in ours}
    for name in sorted(ours.keys() & theirs.keys()):
        if ours[name].read_bytes() != theirs[name].read_bytes() and (
            told := _of_file(ours[name], theirs[name], old, new)
        ):
            found[name] = told
    return found


def _of_file(a: Path, b: Path, old: Side, new: Side) -> list[str]:
    if a.suffix == ".json":
        try:
            ours, theirs = (json.loads(path.read_text()) for path in (a, b))
        except ValueError:
            return ["no JSON any more"]
        return list(_of_fields(ours, theirs, old, new))[:SHOWN]
    if a.suffix == ".parquet":
        return _of_tables(a, b, old, new)
    if a.suffix == ".safetensors":
        return _of_tensors(a, b)
    if a.suffix in TEXTS:
        texts = [
            side.plain(path.read_text(errors="replace")) for side, path in ((old, a), (new, b))
        ]
        if a.suffix == ".svg":
            texts = [_SVG_NAME.sub("", text) for text in texts]
        if a.suffix in (".jsonl", ".html", ".md"):
            texts = [_without_volatile(text) for text in texts]
        return _diff(*texts) if texts[0] != texts[1] else []
    return [f"{a.stat().st_size:,} -> {b.stat().st_size:,} bytes, not the same"]


def _without_volatile(text: str) -> str:
    """JSON lines without volatile fields; other lines without numbers beside words of time."""
    lines = []
    for line in text.splitlines():
        try:
            row = json.loads(line)
            line = json.dumps({k: v for k, v in row.items() if not VOLATILE.search(k)})
        except (ValueError, AttributeError):
            pass
        lines.append(line)
    return "\n".join(lines)


def _of_fields(a: Any, b: Any, old: Side, new: Side, at: str = "") -> Iterator[str]:
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted(a.keys() | b.keys()):
            if VOLATILE.search(key):
                continue
            if key not in a or key not in b:
                yield f"{at}{key}: {'is new' if key in b else 'is gone'}"
            else:
                yield from _of_fields(a[key], b[key], old, new, f"{at}{key}.")
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            yield from _of_fields(x, y, old, new, f"{at}{i}.")
    else:
        x, y = old.plain(json.dumps(a)), new.plain(json.dumps(b))
        if x != y:
            yield f"{at.rstrip('.')}: {x[:80]} -> {y[:80]}"


def _of_tables(a: Path, b: Path, old: Side, new: Side) -> list[str]:
    import pyarrow.parquet as pq

    ours, theirs = pq.read_table(a), pq.read_table(b)
    if not ours.schema.equals(theirs.schema):
        return _diff(str(ours.schema), str(theirs.schema))
    x = old.plain("\n".join(map(str, ours.to_pylist())))
    y = new.plain("\n".join(map(str, theirs.to_pylist())))
    return _diff(x, y) if x != y else []


def _of_tensors(a: Path, b: Path) -> list[str]:
    from safetensors.torch import load_file

    ours, theirs = load_file(a), load_file(b)
    if ours.keys() != theirs.keys():
        return _diff("\n".join(ours), "\n".join(theirs))
    if any(ours[k].shape != theirs[k].shape for k in ours):
        return ["other shapes"]
    gap = max(float((ours[k].double() - theirs[k].double()).abs().max()) for k in ours)
    return [f"largest difference of a weight: {gap:.2g}"] if gap else []


def _diff(a: str, b: str) -> list[str]:
    rows = difflib.unified_diff(a.splitlines(), b.splitlines(), n=0, lineterm="")
    changed = [row for row in rows if not row.startswith(("---", "+++", "@@"))]
    shown = [row[:160] for row in changed[:SHOWN]]
    return shown + ([f"... {len(changed) - SHOWN} more lines"] if len(changed) > SHOWN else [])
