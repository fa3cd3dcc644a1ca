"""What a text's own code lost of it, and what a bundle's vocabulary tells of its training texts.

A bundle does not say which items it was trained on, but its vocabulary was learned from them: what
was common in them is part of an entry.
"""

from __future__ import annotations

import difflib
import json
import re
from pathlib import Path

from tvae_core.data.byte_pair import BASE_SIZE, MASK_TOKEN, SPECIAL_TOKENS, spelt
from tvae_core.support.words import shortened

LEARNED = 256
"""Entries learned from the training texts, beside the alphabet, by which a vocabulary tells."""
_SPECIAL = {*SPECIAL_TOKENS.values(), *MASK_TOKEN.values()}
_WORD = re.compile(r"\w+|[^\w\s]")


def words_lost(given: str, back: str, bundle: Path | None = None) -> str:
    """Which words came back as others, and which characters the vocabulary has to spell out.

    Args:
        given: a text.
        back: what came back.
        bundle: folder with the `tokenizer.json` of the bundle that decoded.
    """
    changes = changed_words(given, back)
    odd = [] if bundle is None else spelt_out(given, bundle)
    if not odd:
        return changes
    said = f"{', '.join(map(repr, odd[:3]))} {'is' if len(odd) == 1 else 'are'} spelt byte by byte"
    return f"{changes}; {said}" if changes else said


def changed_words(given: str, back: str, most: int = 2) -> str:
    """Which words of a text came back as others, in words; empty where they are all the same.

    Args:
        given: the text.
        back: what came back.
        most: changes that are named.
    """
    before, after = _WORD.findall(given), _WORD.findall(back)
    steps = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    changes = []
    for kind, start, end, left, right in steps:
        if kind == "equal":
            continue
        old = shortened(" ".join(before[start:end]), 30)
        new = shortened(" ".join(after[left:right]), 30)
        said = {"replace": f"{old} became {new}", "delete": f"{old} is gone"}
        changes.append(said.get(kind, f"{new} is new"))
    more = len(changes) - most
    return ", ".join(changes[:most]) + (f" and {more} more" if more > 0 else "")


def spelt_out(text: str, bundle: Path) -> list[str]:
    """Characters of a text that no entry of a bundle's vocabulary holds whole."""
    odd = [char for char in dict.fromkeys(text) if not " " <= char <= "~"]
    if not odd:
        return []
    entries = "\n".join(learned_entries(bundle))
    return [char for char in odd if entries and spelt(char) not in entries]


def learned_entries(bundle: Path, least: int = BASE_SIZE + LEARNED) -> list[str]:
    """The entries of a bundle's vocabulary that are longer than a character.

    Args:
        bundle: folder with a `tokenizer.json`.
        least: fewest entries of a vocabulary that tells by what it lacks.

    Returns:
        None of a smaller vocabulary, or where there is none to be read.
    """
    try:
        content = json.loads((bundle / "tokenizer.json").read_text(encoding="utf-8"))
        entries = [str(entry) for entry in content["model"]["vocab"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    if len(entries) < least:
        return []
    return [entry for entry in entries if len(entry) > 1 and entry not in _SPECIAL]
