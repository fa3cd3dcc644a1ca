"""The words of a training set, in `words.bin` of its bundles: what the score `known_words` asks.

Only words that at least two headlines have are kept: a name or a misspelling that stands once says
little about what a word is. As in `tvae_core.data.known`, the file holds hashes, about ten bits a
word.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from domains.headlines.text import words_of
from tvae_core.data.known import KnownSet, readable_known
from tvae_core.data.prepared import PreparedSet
from tvae_core.support.progress import Bar

WORDS_FILE = "words.bin"
LEAST_HEADLINES = 2
_CHUNK = 5000


class KnownWords(KnownSet):
    """The distinct words of many headlines."""

    items = "words"


def words_of_prepared_set(folder: Path) -> dict[str, Path]:
    """The words of a prepared set's training headlines, built once and kept beside it.

    Returns:
        Name in the bundle and file, as a bundle's extra files are given.

    Raises:
        PreparedSetError: there is no prepared set of headlines in the folder.
    """
    path = Path(folder) / WORDS_FILE
    rows = PreparedSet(folder, "headlines").rows("train")
    if readable_known(path):
        return {WORDS_FILE: path}
    counts: Counter[str] = Counter()
    bar = Bar("known words", "headline")
    for start in range(0, len(rows), _CHUNK):
        for text in rows.split[start : start + _CHUNK]["text"]:
            counts.update(set(words_of(text)))
        bar(min(start + _CHUNK, len(rows)), len(rows))
    KnownWords.build(word for word, n in counts.items() if n >= LEAST_HEADLINES).save(path)
    return {WORDS_FILE: path}


def words_of_bundle(bundle: Path) -> KnownWords | None:
    """The words of a bundle; None if it has none.

    Raises:
        ValueError: the file is damaged.
    """
    path = Path(bundle) / WORDS_FILE
    return KnownWords.load(path) if path.is_file() else None
