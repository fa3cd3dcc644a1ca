"""A compact set of known items, to tell novel ones from those of the training set.

`KnownSet` keeps about ten bits an item (2.0 MB for the 1.58 million molecules of MOSES) and answers
with no false negatives and a false-positive rate of 1/256: one novel item in 256 is called known.

    known = KnownSet.build(canonical_forms)
    known.save("known.bin")
    KnownSet.load("known.bin").contains(["CCO", "c1ccccc1"])      # array([False, True])

`known_of_prepared_set` makes the file for a domain's new bundles, `known_of_bundle` reads it again.

It is a hashed set of n keys in a universe of 256 n, stored as an Elias-Fano sequence (Elias, J. ACM
21, 246 (1974)): the low byte of each sorted value as it is, the high parts as a bit vector of about
two bits a key. The libraries looked at (binary fuse and Bloom filters in C and Rust) are within ten
per cent of that size, but read an untrusted file without bounds checks or hash less portably.

Nothing here imports torch before a prepared set is opened: worker processes use it, too.
"""

from __future__ import annotations

import hashlib
import os
import struct
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import numpy.typing as npt

from tvae_core.support.files import write_whole
from tvae_core.support.progress import Bar

if TYPE_CHECKING:
    from tvae_core.domain import Domain, Known

KNOWN_FILE = "known.bin"
MAGIC = b"SMIKNOWN"
VERSION = 1

_HEADER = struct.Struct("<8sHHIQQ32s")
"""Magic, version, two reserved fields, items, stored values, sha256 of all that is not it."""

_MOST = 2**32
_CHUNK = 5000


def text_hashes(texts: Iterable[str]) -> npt.NDArray[np.uint64]:
    """64-bit hashes, the same on every machine and Python; shape `(n,)`."""
    raw = bytearray()
    for text in texts:
        raw += hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return np.frombuffer(bytes(raw), dtype="<u8").astype(np.uint64)


class KnownSet:
    """A fixed set of texts with approximate membership; see the module docstring."""

    items: ClassVar[str] = "items"
    """What messages call the items."""

    def __init__(self, values: npt.NDArray[np.uint64], count: int) -> None:
        """Wraps sorted distinct hash values below `256 * count`; use `build` or `load`."""
        self._values = values
        self.count = count

    def __len__(self) -> int:
        return self.count

    @property
    def false_positive_rate(self) -> float:
        """The chance that an item outside the set is called known: the share of values taken."""
        return len(self._values) / (256 * self.count) if self.count else 0.0

    @classmethod
    def build(cls, texts: Iterable[str]) -> Self:
        """The set of these texts, hashed as they are: give them in canonical form."""
        hashes = np.unique(text_hashes(texts))
        count = len(hashes)
        if count >= _MOST:
            raise ValueError(
                f"a set of known {cls.items} holds fewer than {_MOST:,}, not {count:,}"
            )
        return cls(np.unique(hashes % np.uint64(max(256 * count, 1))), count)

    def contains(self, texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Which of these are in the set; shape `(len(texts),)`.

        The texts are looked up as they are: give them in the form that the set was built of.
        """
        if not self.count:
            return np.zeros(len(texts), dtype=np.bool_)
        wanted = text_hashes(texts) % np.uint64(256 * self.count)
        place = np.minimum(np.searchsorted(self._values, wanted), len(self._values) - 1)
        return np.asarray(self._values[place] == wanted)

    def save(self, path: str | Path) -> None:
        """Writes the set to a file, whole or not at all; raises `OutputError`."""
        payload = self._payload()
        head = (MAGIC, VERSION, 0, 0, self.count, len(self._values))
        digest = hashlib.sha256(_HEADER.pack(*head, bytes(32)) + payload).digest()
        write_whole(Path(path), _HEADER.pack(*head, digest) + payload)

    def _payload(self) -> bytes:
        low = (self._values & np.uint64(255)).astype(np.uint8)
        high = (self._values >> np.uint64(8)).astype(np.int64)
        bits = np.zeros(self.count + len(low), dtype=np.uint8)
        bits[high + np.arange(len(low))] = 1
        return low.tobytes() + np.packbits(bits).tobytes()

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Reads a set that `save` wrote.

        Raises:
            ValueError: the file is missing, something else, of another version, cut or altered.
        """
        name = f"set of known {cls.items} {os.fspath(path)!r}"
        try:
            raw = Path(path).read_bytes()
        except OSError as error:
            raise ValueError(f"cannot read the {name}: {error.strerror}") from None
        if raw[: len(MAGIC)] != MAGIC:
            raise ValueError(f"the {name} is not a file of that kind")
        if len(raw) < _HEADER.size:
            raise ValueError(f"the {name} is cut short")
        magic, version, _, _, count, stored, digest = _HEADER.unpack_from(raw)
        if version != VERSION:
            raise ValueError(f"the {name} has version {version}; this program reads {VERSION}")
        if len(raw) != _HEADER.size + stored + (count + stored + 7) // 8:
            raise ValueError(f"the {name} is cut short or has extra bytes")
        head = _HEADER.pack(magic, version, 0, 0, count, stored, bytes(32))
        if hashlib.sha256(head + raw[_HEADER.size :]).digest() != digest:
            raise ValueError(f"the {name} is damaged: its checksum does not match")
        payload = np.frombuffer(raw, dtype=np.uint8, offset=_HEADER.size)
        ones = np.flatnonzero(np.unpackbits(payload[stored:], count=count + stored))
        if len(ones) != stored or stored > count or (count and not stored):
            raise ValueError(f"the {name} is damaged: its counts do not match")
        high = (ones - np.arange(stored)).astype(np.uint64)
        values = (high << np.uint64(8)) | payload[:stored].astype(np.uint64)
        if stored > 1 and not bool(np.all(values[1:] > values[:-1])):
            raise ValueError(f"the {name} is damaged: its values are not in order")
        return cls(values, count)


def readable_known(path: Path) -> bool:
    """Whether a file holds a set of known items; a spoilt one is told on stderr."""
    if not path.is_file():
        return False
    try:
        KnownSet.load(path)
    except ValueError as error:
        print(f"building it again: {error}", file=sys.stderr)
        return False
    return True


def known_of_prepared_set(folder: Path, domain: Domain) -> dict[str, Path]:
    """The set of a prepared set's training items, built once and kept beside it.

    A validation split that was drawn from a published train split belongs to it
    (`published_train` of the manifest): novelty is judged against what was published.

    Args:
        folder: the prepared set.
        domain: gives the canonical form of each text; what it refuses is left out.

    Returns:
        Name in the bundle and file, as a bundle's extra files are given.

    Raises:
        PreparedSetError: there is no prepared set of the domain in the folder.
    """
    from tvae_core.data.prepared import PreparedSet

    path = Path(folder) / KNOWN_FILE
    prepared = PreparedSet(folder, domain.name)
    rows = [prepared.rows(split) for split in prepared.manifest.get("published_train", ["train"])]
    if readable_known(path):
        return {KNOWN_FILE: path}
    total, bar = sum(len(part) for part in rows), Bar("known items", "item")

    def forms() -> Iterator[str]:
        done = 0
        for part in rows:
            for start in range(0, len(part), _CHUNK):
                verdicts = domain.check(part.split[start : start + _CHUNK]["text"])
                yield from (v.canonical for v in verdicts if v.ok and v.canonical is not None)
                done += len(verdicts)
                bar(done, total)

    KnownSet.build(forms()).save(path)
    return {KNOWN_FILE: path}


def known_of_bundle(bundle: Path, domain: Domain) -> Known | None:
    """Which texts are training items, by their canonical form; None if the bundle cannot tell.

    An invalid text is not known.
    """
    path = Path(bundle) / KNOWN_FILE
    if not path.is_file():
        return None
    found = KnownSet.load(path)

    def look(texts: Sequence[str]) -> list[bool]:
        verdicts = domain.check(texts)
        hits = found.contains([verdict.canonical or "" for verdict in verdicts])
        return [bool(hit) and v.ok for hit, v in zip(hits, verdicts, strict=True)]

    return look
