"""The log of a training run, `log.jsonl`: lines of JSON, none of them half, no step twice."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from tvae_core.support.files import OutputError, write_whole


def append_line(file: Path, line: str) -> None:
    """Appends a line, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    size = file.stat().st_size if file.exists() else 0
    try:
        with file.open("ab", buffering=0) as handle:
            data = memoryview(line.encode() + b"\n")
            while data:
                data = data[handle.write(data) :]
    except OSError as error:
        with suppress(OSError):
            os.truncate(file, size)
        raise OutputError(f"cannot write {file}: {error.strerror}") from error


def trim_log(file: Path, step: int) -> None:
    """Takes out of a log what a run that goes on after `step` writes again.

    Also out go half a line at the end, and lines that an older version wrote twice: the later
    one is of the run that went on.
    """
    kept: dict[tuple[int, tuple[str, ...]], str] = {}
    text = file.read_text(encoding="utf-8", errors="replace")
    newest = -1
    for line in text.splitlines():
        try:
            content: dict[str, Any] = json.loads(line)
            key = (int(content["step"]), tuple(sorted(content)))
        except (ValueError, KeyError, TypeError):
            continue
        if key[0] < newest:
            kept = {other: told for other, told in kept.items() if other[0] <= key[0]}
        newest = key[0]
        kept.pop(key, None)
        kept[key] = line
    found = "".join(f"{line}\n" for (at, _), line in kept.items() if at <= step)
    if found != text:
        write_whole(file, found)
