"""The folder of a training run: one process in it, checkpoints that are whole or passed over.

A checkpoint is written under a name that nobody reads, sealed with a list of the sha256 of its
files (`sha256.json`), and renamed: a folder `checkpoint-N` was complete once. What was cut short,
flipped or lost since then is found by the list, and the run goes on from the checkpoint before.
Checkpoints without a list, of older versions, are taken if all that can be checked is well.

    with locked(folder):
        checkpoint = resume_point(folder)
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from safetensors import SafetensorError, safe_open

from tvae_core.support import collectives
from tvae_core.support.errors import OutputError
from tvae_core.support.files import (
    LOG_FILE,
    InUseError,
    held,
    json_text,
    sha256_file,
    write_whole,
    writing_failure,
)


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


LIST_FILE = "sha256.json"
LOCK_FILE = "lock"
STAGING = ".saving"
EARLIER = "earlier"
STATE_FILE = "trainer_state.json"
_LEFT_BY_WRITERS = (".*.new-*", ".*.tmp", "showcase/.*.tmp")


class RunFolderError(OutputError):
    """A run folder that cannot be used, with the reason and what to do."""


def first_process() -> bool:
    """Whether this process is the one that writes, also before `torchrun`'s have met."""
    return not int(os.environ.get("RANK") or 0)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other runs out of a folder for as long as this process lives.

    The lock ends with its process, however that ends (see `held`). Of several processes of one run
    the first holds it.

    Raises:
        RunFolderError: another process is at work there; says which.
        OutputError: the folder cannot be written.
    """
    if not first_process():
        yield
        return
    try:
        with held(folder / LOCK_FILE):
            yield
    except InUseError as holder:
        raise RunFolderError(
            f"{folder} is in use by {holder}; wait for it, stop it, or choose another --output"
        ) from None


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a run, newest first, good or not."""
    found = [p for p in folder.glob("checkpoint-*") if p.name.split("-")[1].isdigit()]
    return sorted(found, key=step_of, reverse=True)


def step_of(checkpoint: Path) -> int:
    """The step after which a checkpoint was written."""
    return int(checkpoint.name.split("-")[1])


def seal(checkpoint: Path) -> None:
    """Writes the list of a checkpoint's files; all of them are on the disk when it is there."""
    hashes = {}
    for file in sorted(p for p in checkpoint.rglob("*") if p.is_file()):
        with file.open("rb") as handle:
            os.fsync(handle.fileno())
        hashes[file.relative_to(checkpoint).as_posix()] = sha256_file(file)
    write_whole(checkpoint / LIST_FILE, json_text({"sha256": hashes}))


def damage(checkpoint: Path) -> str | None:
    """What is wrong with a checkpoint, or None."""
    try:
        if (checkpoint / LIST_FILE).exists():
            return _listed_damage(checkpoint)
        return _visible_damage(checkpoint)
    except OSError as error:
        return f"{Path(error.filename or checkpoint).name} cannot be read ({error.strerror})"


def _listed_damage(checkpoint: Path) -> str | None:
    try:
        hashes: dict[str, str] = json.loads((checkpoint / LIST_FILE).read_text())["sha256"]
        names = sorted(hashes)
    except (ValueError, KeyError, TypeError):
        return f"{LIST_FILE} is damaged"
    for name in {*names, STATE_FILE}:
        if not (checkpoint / name).is_file():
            return f"it has no {name}"
    for name in names:
        if sha256_file(checkpoint / name) != hashes[name]:
            return f"{name} is damaged: its sha256 is not the one that was saved"
    return _unsafe(checkpoint)


def _visible_damage(checkpoint: Path) -> str | None:
    """What can be seen without a list: missing and cut files, checksums inside the `.pt` files."""
    for name in (STATE_FILE, "model.safetensors", "optimizer.pt", "scheduler.pt"):
        if not (checkpoint / name).is_file():
            return f"it has no {name}"
    if not list(checkpoint.glob("rng_state*.pth")):
        return "it has no rng_state.pth"
    for file in sorted(checkpoint.iterdir()):
        try:
            if file.name == STATE_FILE:
                json.loads(file.read_text())
            elif file.suffix == ".safetensors":
                with safe_open(file, "pt"):
                    pass
            elif file.suffix in (".pt", ".pth"):
                with zipfile.ZipFile(file) as archive:
                    if archive.testzip() is not None:
                        return f"{file.name} is damaged"
        except (ValueError, SafetensorError, zipfile.BadZipFile):
            return f"{file.name} is damaged"
    return _unsafe(checkpoint)


def _unsafe(checkpoint: Path) -> str | None:
    """Whether a file that `torch.load` reads holds more than numbers; nothing in it is run."""
    for name in ("optimizer.pt", "scheduler.pt"):
        if not (checkpoint / name).is_file():  # sharded
            continue
        try:
            torch.load(checkpoint / name, map_location="cpu", weights_only=True, mmap=True)
        except (pickle.UnpicklingError, RuntimeError):
            return f"{name} is not the state of an optimiser"
    return None


def last_checkpoint(folder: Path) -> Path | None:
    """The newest good checkpoint of a run, or None; those passed over are named on stderr."""
    for path in checkpoints(folder):
        reason = damage(path)
        if reason is None:
            return path
        if first_process():
            print(f"passing over {path}: {reason}", file=sys.stderr)
    return None


def resume_point(folder: Path) -> Path | None:
    """The checkpoint that a run goes on from, or None for a run that has to begin.

    Raises:
        RunFolderError: there are checkpoints, and none of them is good.
    """
    found = last_checkpoint(folder)
    # Older versions wrote in place, the state last: one without it was never complete.
    lost = [p for p in checkpoints(folder) if (p / LIST_FILE).exists() or (p / STATE_FILE).exists()]
    if found is None and lost:
        raise RunFolderError(
            f"no checkpoint in {folder} can be read: {lost[0].name}: {damage(lost[0])}; bring back "
            "a good copy of it, or start over with --resume false"
        )
    return found


def tidy(folder: Path, checkpoint: Path | None, resume: bool = True) -> None:
    """Clears away what an earlier process left, and makes the log end where the run goes on.

    To be called by one process that holds the lock.

    Args:
        folder: of the run.
        checkpoint: that the run goes on from.
        resume: False to start over: checkpoints and log of before move to `earlier/`.
    """
    shutil.rmtree(folder / STAGING, ignore_errors=True)
    for old in folder.glob(".*.old-*"):
        target = folder / old.name[1:].partition(".old-")[0]
        if target.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.rename(target)
    for pattern in _LEFT_BY_WRITERS:
        for left in folder.glob(pattern):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    here = -1 if checkpoint is None else step_of(checkpoint)
    newer = [path for path in checkpoints(folder) if step_of(path) > here]
    log = folder / LOG_FILE
    if not resume and (newer or log.exists()):
        shutil.rmtree(folder / EARLIER, ignore_errors=True)
        (folder / EARLIER).mkdir()
        for path in (*newer, log):
            if path.exists():
                path.rename(folder / EARLIER / path.name)
        return
    for path in newer:
        aside = path.with_name(path.name + ".damaged")
        shutil.rmtree(aside, ignore_errors=True)
        path.rename(aside)
    if log.exists():
        trim_log(log, here)


@contextmanager
def new_checkpoint(target: Path, keep: int | None = None) -> Iterator[Path]:
    """A folder that becomes a checkpoint, sealed, when the block ends well in every process.

    Args:
        target: `checkpoint-N` of the run.
        keep: newest checkpoints to leave (None: all).

    Raises:
        OutputError: it cannot be written; the checkpoints of before are as they were.
    """
    staging, first = target.parent / STAGING, collectives.rank() == 0
    fresh = staging / target.name
    try:
        if first:
            shutil.rmtree(staging, ignore_errors=True)
        meet()
        fresh.mkdir(parents=True, exist_ok=True)
        yield fresh
        meet()
        if first:
            seal(fresh)
            _put_in_place(fresh, target, keep)
    except Exception as error:
        reason = writing_failure(error)
        if reason is None:
            raise
        shutil.rmtree(staging, ignore_errors=True)
        before = last_checkpoint(target.parent)
        raise OutputError(
            f"cannot write {target}: {reason}; "
            + (f"{before.name} is as it was: " if before else "")
            + "make room and start again"
        ) from error


def _put_in_place(fresh: Path, target: Path, keep: int | None) -> None:
    if target.exists():
        target.rename(fresh.with_name(target.name + ".old"))
    fresh.rename(target)
    _sync(target.parent)
    surplus = checkpoints(target.parent)[keep:] if keep else []
    for index, path in enumerate([*surplus, *target.parent.glob("checkpoint-*.damaged")]):
        # under its own name it would be a damaged checkpoint for as long as the deletion takes
        path.rename(fresh.parent / f"surplus-{index}")
    shutil.rmtree(fresh.parent, ignore_errors=True)


def meet() -> None:
    """Waits until all processes of the run are here."""
    if collectives.world() > 1:
        dist.barrier()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)
