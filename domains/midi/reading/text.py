"""Bytes of a text file as text."""

from __future__ import annotations

from tvae_core.domain import DomainError


def decoded(data: bytes) -> str:
    """Text in UTF-8, with or without a mark of it, or UTF-16 with one; else Latin-1.

    Raises:
        DomainError: it is no text.
    """
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    if "\0" in text:
        raise DomainError("no text, as this kind of file should be")
    return text
