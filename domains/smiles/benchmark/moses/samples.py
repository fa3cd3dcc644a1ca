"""Samples from a file, one a line, invalid ones included."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

_HEADERS = frozenset({"smiles", "canonical_smiles"})


def read_samples(path: Path) -> list[str]:
    """The samples in a file: the first word of each line, up to a comma or white space.

    A header line `SMILES` is left out, and so are empty lines at the end; any other empty line is
    an invalid sample. The file may be compressed (`.gz`).

    Raises:
        ValueError: the file cannot be read, is no text, or holds no samples.
    """
    try:
        raw = path.read_bytes()
        if path.name.lower().endswith(".gz"):
            raw = gzip.decompress(raw)
        lines = raw.decode("utf-8-sig").rstrip().splitlines()
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise ValueError(f"{path}: not a whole gzip file") from None
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not a text file with a SMILES a line") from None
    found = [(line.replace(",", " ").split() or [""])[0] for line in lines]
    if found and found[0].lower() in _HEADERS:
        found = found[1:]
    if not found:
        raise ValueError(f"{path}: the file holds no samples")
    return found
