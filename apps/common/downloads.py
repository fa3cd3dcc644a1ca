"""Download buttons for results, each file with where it came from; made when asked for."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import streamlit as st

Rows = Sequence[Mapping[str, object]]
Write = Callable[[Path, Rows, str, Mapping[str, object]], None]
"""`write(path, rows, format, metadata)` writes one file."""

MIME = {
    "csv": "text/csv",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "mid": "audio/midi",
    "musicxml": "application/vnd.recordare.musicxml+xml",
    "png": "image/png",
    "sdf": "chemical/x-mdl-sdfile",
    "smi": "chemical/x-daylight-smiles",
    "txt": "text/plain",
    "wav": "audio/wav",
}


def file_bytes(rows: Rows, format: str, metadata: Mapping[str, object], write: Write) -> bytes:
    """The content of the file that `write` makes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file.{format}"
        write(path, rows, format, metadata)
        return path.read_bytes()


def download_bar(
    stem: str,
    rows: Callable[[], Rows],
    metadata: Mapping[str, object],
    write: Write,
    formats: Sequence[str] = ("sdf", "csv"),
    key: str = "download",
    disabled: bool = False,
) -> None:
    """A row of download buttons, one a format.

    Args:
        stem: file name without its ending.
        rows: gives the rows when a button is pressed.
        metadata: bundle, seed, settings: written into every file.
        write: writes one file.
        formats: file endings.
        key: of the buttons.
        disabled: there is nothing to download.
    """
    with st.container(horizontal=True, gap="small", width="content", key=f"{key}_bar"):
        for format in formats:

            def content(format: str = format) -> bytes:
                return file_bytes(rows(), format, metadata, write)

            st.download_button(
                format.upper(),
                content,
                file_name=f"{stem}.{format}",
                mime=MIME.get(format, "application/octet-stream"),
                key=f"{key}_{format}",
                icon=":material/download:",
                on_click="ignore",
                disabled=disabled,
                help=f"{format}, with seed, settings and bundle hash",
            )
