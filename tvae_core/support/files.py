"""Files and folders that appear whole or not at all, their locks and hashes."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from tvae_core.support.errors import OutputError

LOG_FILE = "log.jsonl"
"""The log of a training, in the folder of its run."""
KIT_FILE = "kit.json"
"""What a folder of the training kit tells of its run."""


class InUseError(OutputError):
    """A file that another process holds; the message is the line that says which."""


_NOT_LINES = frozenset(
    [
        ".gz",
        ".json",
        ".mid",
        ".midi",
        ".musicxml",
        ".mxl",
        ".parquet",
        ".png",
        ".sdf",
        ".svg",
        ".wav",
        ".zip",
    ]
)


def json_text(content: object) -> str:
    """The content as JSON that every reader takes: NaN and infinities become null."""

    def clean(value: object) -> object:
        if isinstance(value, float) and not math.isfinite(value):
            return None
        if isinstance(value, dict):
            return {str(key): clean(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [clean(item) for item in value]
        return value

    return json.dumps(clean(content), indent=1, allow_nan=False) + "\n"


def sha256_file(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def writing_failure(error: BaseException) -> str | None:
    """Why the disk did not take a file, from an error of any library that writes; else None."""
    full = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
    if isinstance(error, OSError):
        return os.strerror(error.errno) if error.errno in full else None
    text = str(error)
    if "PytorchStreamWriter" in text or "inline_container" in text:
        return "the file could not be written to its end; is the disk full?"
    # safetensors, whose errors are no OSError: "... No space left on device (os error 28)"
    number = text.rpartition("(os error ")[2].partition(")")[0]
    return os.strerror(int(number)) if number in map(str, full) else None


def check_parent(target: Path) -> None:
    """Refuses a target whose folder cannot be written, before any work is done.

    Raises:
        OutputError: naming the target and the folder in the way.
    """
    target = target.absolute()
    parent = next(parent for parent in target.parents if parent.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"cannot write {target}: {parent} is not a writable folder")


def check_lines(path: str | Path) -> None:
    """Refuses a file whose name promises something other than lines of text.

    Raises:
        ValueError: naming it.
    """
    if (ending := Path(path).suffix.lower()) in _NOT_LINES:
        raise ValueError(f"--raw writes lines of text, not {ending}: {path} (take .txt, say)")


def check_file(target: Path) -> None:
    """Refuses a file that cannot be written, before any work is done; raises `OutputError`."""
    check_parent(target)
    if target.is_dir():
        raise OutputError(f"cannot write {target}: it is a folder")


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A new folder that becomes `target` when the block ends well, and vanishes otherwise.

    An existing `target` is replaced only then, and stays if the replacement fails.

    Raises:
        OutputError: when the place cannot be written, before the block runs; when the disk is
            full, in the block.
    """
    target = target.resolve()
    check_parent(target)
    if target.exists() and not target.is_dir():
        raise OutputError(f"cannot write {target}: it is a file, not a folder")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.new-", dir=target.parent))
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror}") from error
    old = fresh.with_name(fresh.name.replace(".new-", ".old-"))
    try:
        yield fresh
        fresh.chmod(0o755)
        if target.exists():
            target.rename(old)
        fresh.rename(target)
    except Exception as error:
        reason = writing_failure(error)
        if reason is None:
            raise
        raise OutputError(f"cannot write {target}: {reason}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        if old.exists() and not target.exists():
            old.rename(target)
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A file beside `target` that takes its place when the block ends well, and vanishes otherwise.

    Raises:
        OutputError: when the place cannot be written, before the block runs or in it.
    """
    target = target.absolute()
    check_file(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(".tmp", f".{target.name}.", target.parent)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror}") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(target)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(target: Path, content: str | bytes) -> None:
    """Writes a file under a temporary name and renames it; raises `OutputError`."""
    with replacing(target) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def whole_file(target: Path) -> Iterator[TextIO]:
    """A text file that becomes `target` when the block ends well; raises `OutputError`."""
    with (
        replacing(target) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as file,
    ):
        yield file


@contextmanager
def held(file: Path) -> Iterator[None]:
    """Holds a lock on a file, with a line in it that says who does, while the block runs.

    The lock is the system's and ends with its process, however that ends. File systems without
    locks are used without one.

    Raises:
        InUseError: another process holds it.
        OutputError: the file cannot be written.
    """
    from filelock import FileLock, Timeout

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    except OSError as error:
        raise OutputError(f"cannot write {file.parent}: {error.strerror}") from error
    lock = FileLock(file, blocking=False, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise InUseError(file.read_text().strip() or "another process") from None
    except OSError:
        pass
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    file.write_text(f"process {os.getpid()} on {socket.gethostname()} since {since}\n")
    try:
        yield
    finally:
        lock.release()
