"""Music files read in parallel into pieces, and kept so that a second run takes seconds.

The cache is JSON lines, gzipped, a line a file: its SHA-256 and what it holds as texts. It grows
while files are read, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import re
import time
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from data_prep.common import BAD_USAGE, PrepError
from domains.midi.notation import MAX_BARS, MAX_CHARACTERS, Score, format_score
from domains.midi.reading import MAX_BYTES, SUFFIXES, Piece, read_file
from tvae_core.domain import DomainError
from tvae_core.support.files import write_whole
from tvae_core.support.progress import Bar

SECONDS = 600.0
"""Of processor time that a file may take to be read."""
MOST_BARS = 16 * MAX_BARS
"""Of a file; it is read in stretches that the notation holds."""
READING = 3
"""Goes up when files are read differently, so that no older cache is used."""
MELODIES = {
    "essen": "essenFolksong/*.abc",
    "oneill": "oneills1850/*.abc",
    "aird": "airdsAirs/*.abc",
    "ryan": "ryansMammoth/*.abc",
}
CHORALES = {"bach": "bach/bwv*.mxl"}


@dataclass(frozen=True, slots=True)
class MusicFile:
    """A file to read, the name it goes by, and the collection that it belongs to."""

    path: Path
    name: str
    label: str


@dataclass(slots=True)
class Tune:
    """The stretches of one tune, as texts, and those of parts that cannot stand together."""

    source: str
    title: str
    label: str
    texts: list[str] = field(default_factory=list)
    alone: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Corpus:
    """What was read, in the order of the files.

    Attributes:
        tunes: those that hold music.
        rejected: source and reason of every other.
        lost_bars: bars that did not add up.
        told: file and what of it was left out or changed.
        sha256: of all texts and sources.
        seconds: that reading took, files from the cache included.
        parsed, cached: how many files were parsed, and how many came from the cache.
        read: how many of both hold music.
    """

    tunes: list[Tune] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)
    lost_bars: int = 0
    told: list[tuple[str, str]] = field(default_factory=list)
    sha256: str = ""
    seconds: float = 0.0
    parsed: int = 0
    cached: int = 0
    read: int = 0


def corpus_files(collections: dict[str, str]) -> list[MusicFile]:
    """Files of music21's corpus."""
    import music21

    root = Path(music21.__file__).parent / "corpus"
    found = [
        MusicFile(path, path.relative_to(root).as_posix(), label)
        for label, pattern in collections.items()
        for path in sorted(root.glob(pattern))
    ]
    if not found:
        raise PrepError("this music21 has no corpus; install it with its corpus, or use --input")
    return found


def own_files(folder: Path) -> list[MusicFile]:
    """Music files of a folder and its subfolders, or one file; the label is the folder's name.

    Raises:
        PrepError: it is not there, or holds none.
    """
    if not folder.exists():
        raise PrepError(f"{folder} does not exist", BAD_USAGE)
    if folder.is_file():
        return [MusicFile(folder, folder.name, folder.resolve().parent.name)]
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not paths:
        raise PrepError(f"no {' '.join(SUFFIXES)} file in {folder}", BAD_USAGE)
    root = folder.resolve().name
    return [
        MusicFile(path, path.relative_to(folder).as_posix(), path.resolve().parent.name or root)
        for path in paths
    ]


def read_row(path: Path, name: str, grid: int = 0) -> dict[str, Any]:
    """What a file holds, as the cache keeps it.

    `pieces` are source, title and text of every stretch; `alone` those of parts of pieces that
    cannot be written together.
    """
    logging.disable(logging.CRITICAL)
    row: dict[str, Any] = {"pieces": [], "alone": [], "rejected": [], "lost": 0, "told": []}
    try:
        reading = read_file(path.read_bytes(), name, SECONDS, grid=grid, most_bars=MOST_BARS)
    except DomainError as error:
        reason = error.reason.removeprefix(f"{name}: ")
        row["rejected"] = [(name, reason)]
        return row
    except OSError as error:
        row["rejected"] = [(name, f"cannot be read: {error.strerror}")]
        return row
    row["rejected"], row["lost"] = list(reading.rejected), reading.lost_bars
    told: dict[tuple[str, str], None] = {}
    for piece in reading.pieces:
        told |= dict.fromkeys((piece.source, phrase) for phrase in piece.told)
        _add_piece(row, piece)
    row["told"] = list(told)
    return row


def _add_piece(row: dict[str, Any], piece: Piece) -> None:
    """Adds a piece to a row; where its parts cannot stand together, each that can stand alone."""
    if not piece.refused:
        for text in texts_of(piece.score):
            row["pieces"].append((piece.source, piece.title, text))
        return
    for number, part in enumerate(piece.parts, 1):
        if part.score is None:
            row["rejected"].append((f"{piece.source}@{part.name or number}", part.reason))
        elif part.notes:
            for text in texts_of(part.score):
                row["alone"].append((piece.source, piece.title, text))


def texts_of(score: Score) -> list[str]:
    """The text of a score, or those of its halves, quarters, ... where it is too long for one."""
    bars, text = len(score.metres), format_score(score)
    if len(text) <= MAX_CHARACTERS or bars < 2:
        return [text]
    half = bars // 2
    return texts_of(score.excerpt(0, half)) + texts_of(score.excerpt(half, bars - half))


def read_corpus(files: Sequence[MusicFile], cache: Path, workers: int, grid: int = 0) -> Corpus:
    """Reads files, those of the cache at once, the others in parallel.

    Args:
        files: what to read.
        cache: folder of the cache; made where missing.
        workers: processes.
        grid: parts of a whole note that notes of MIDI are put on; 0 leaves them.
    """
    began = time.monotonic()
    names = [file.name for file in files]
    digests = [_digest(file.path) for file in files]
    identity = json.dumps([READING, version("music21"), version("symusic"), grid])
    key = hashlib.sha256((identity + json.dumps(sorted({f.label for f in files}))).encode())
    store = cache / f"{key.hexdigest()[:16]}.jsonl.gz"
    rows = {(row["name"], row["sha256"]): row for row in stored(store)}
    wanted = list(zip(names, digests, strict=True))
    missing = [i for i, pair in enumerate(wanted) if pair not in rows]
    if missing:
        cache.mkdir(parents=True, exist_ok=True)
        for place, row in _parse([files[i] for i in missing], workers, grid):
            name, digest = wanted[missing[place]]
            row |= {"name": name, "sha256": digest}
            rows[name, digest] = row
            with gzip.open(store, "at", encoding="utf-8") as out:
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
    corpus = Corpus(parsed=len(missing), cached=len(files) - len(missing))
    whole = hashlib.sha256()
    for file, pair in zip(files, wanted, strict=True):
        row = rows[pair]
        corpus.rejected += [(source, reason) for source, reason in row["rejected"]]
        corpus.lost_bars += row["lost"]
        corpus.read += bool(row["pieces"] or row["alone"])
        corpus.told += [(source, phrase) for source, phrase in row["told"]]
        tunes: dict[str, Tune] = {}
        for kind in ("pieces", "alone"):
            for source, title, text in row[kind]:
                tune = tunes.setdefault(source, Tune(source, title, file.label))
                (tune.texts if kind == "pieces" else tune.alone).append(text)
                whole.update(f"{source}\t{text}\n".encode())
        corpus.tunes += tunes.values()
    corpus.sha256, corpus.seconds = whole.hexdigest(), time.monotonic() - began
    return corpus


def _parse(
    files: Sequence[MusicFile], workers: int, grid: int
) -> Iterator[tuple[int, dict[str, Any]]]:
    sizes = [_tunes(file.path) for file in files]
    bar, done, total = Bar("reading", "tune"), 0, sum(sizes)
    bar(0, total)
    with ProcessPoolExecutor(min(workers, len(files))) as pool:
        running = {
            pool.submit(read_row, f.path, f.name, grid): place for place, f in enumerate(files)
        }
        for future in as_completed(running):
            place = running[future]
            yield place, future.result()
            done += sizes[place]
            bar(done, total)


def _tunes(path: Path) -> int:
    if path.suffix.lower() != ".abc" or path.stat().st_size > MAX_BYTES:
        return 1
    return max(1, len(re.findall(rb"^[ \t]*X:", path.read_bytes(), re.MULTILINE)))


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def stored(store: Path) -> list[dict[str, Any]]:
    """Rows of a cache; one that was not written to its end is cut off, the file mended."""
    rows: list[dict[str, Any]] = []
    if not store.is_file():
        return rows
    try:
        with gzip.open(store, "rt", encoding="utf-8") as lines:
            for line in lines:
                rows.append(json.loads(line))
    except (EOFError, OSError, ValueError, zlib.error):
        content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        write_whole(store, gzip.compress(content.encode()))
    return rows
