"""A compact set of known molecules, to tell novel ones from those of the training set.

`KnownSet` keeps about ten bits a molecule (2.0 MB for the 1.58 million of MOSES) and answers with
no false negatives and a false-positive rate of 1/256: one novel molecule in 256 is called known.

    known = KnownSet.from_molecules(training_smiles, jobs=2)
    known.save("known.bin")
    KnownSet.load("known.bin").contains(["CCO", "c1ccccc1"])      # array([False, True])

It is a hashed set of n keys in a universe of 256 n, stored as an Elias-Fano sequence (Elias, J. ACM
21, 246 (1974)): the low byte of each sorted value as it is, the high parts as a bit vector of about
two bits a key. The libraries looked at (binary fuse and Bloom filters in C and Rust) are within ten
per cent of that size, but read an untrusted file without bounds checks or hash less portably.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from domains.smiles.chem import parse, plain_smiles
from domains.smiles.files import replacing
from domains.smiles.parallel import CHEAP, Progress, Workers
from domains.smiles.syntax import Problem

MAGIC = b"SMIKNOWN"
VERSION = 1

_HEADER = struct.Struct("<8sHHIQQ32s")
"""Magic, version, two reserved fields, molecules, stored values, sha256 of all that is not it."""

_MOST = 2**32


def text_hashes(texts: Iterable[str]) -> npt.NDArray[np.uint64]:
    """64-bit hashes, the same on every machine and Python; shape `(n,)`."""
    raw = bytearray()
    for text in texts:
        raw += hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return np.frombuffer(bytes(raw), dtype="<u8").astype(np.uint64)


def _plain_chunk(texts: Sequence[str]) -> list[str | None]:
    found = (parse(text) for text in texts)
    return [None if isinstance(mol, Problem) else plain_smiles(mol) for mol in found]


def plain_forms(
    texts: Sequence[str], jobs: int = 1, progress: Progress | None = None
) -> list[str | None]:
    """The form each molecule is known by: canonical SMILES without stereochemistry.

    Args:
        texts: SMILES in any form.
        jobs: processes, used for many texts.
        progress: called as `progress(done, total)`.

    Returns:
        As many as `texts`, in their order; None for one that is no molecule.
    """
    with Workers(jobs) as workers:
        return workers.map(_plain_chunk, texts, chunk=2000, pays_from=CHEAP, progress=progress)


class KnownSet:
    """A fixed set of SMILES with approximate membership; see the module docstring."""

    def __init__(self, values: npt.NDArray[np.uint64], count: int) -> None:
        """Wraps sorted distinct hash values below `256 * count`; use `build` or `load`."""
        self._values = values
        self.count = count

    def __len__(self) -> int:
        return self.count

    @property
    def false_positive_rate(self) -> float:
        """The chance that a molecule outside the set is called known: the share of values taken."""
        return len(self._values) / (256 * self.count) if self.count else 0.0

    @classmethod
    def build(cls, smiles: Iterable[str]) -> KnownSet:
        """The set of these SMILES, hashed as they are: give them in `plain_forms`."""
        hashes = np.unique(text_hashes(smiles))
        count = len(hashes)
        if count >= _MOST:
            raise ValueError(f"a set of known molecules holds fewer than {_MOST:,}, not {count:,}")
        return cls(np.unique(hashes % np.uint64(max(256 * count, 1))), count)

    @classmethod
    def from_molecules(
        cls, texts: Sequence[str], jobs: int = 1, progress: Progress | None = None
    ) -> KnownSet:
        """The set of these molecules, whatever form their SMILES have; invalid ones are skipped."""
        forms = plain_forms(texts, jobs, progress)
        return cls.build(form for form in forms if form is not None)

    def contains(self, texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Which of these are in the set; shape `(len(texts),)`.

        The texts are looked up as they are: give them in `plain_forms`, as the set was built.
        """
        if not self.count:
            return np.zeros(len(texts), dtype=np.bool_)
        wanted = text_hashes(texts) % np.uint64(256 * self.count)
        place = np.minimum(np.searchsorted(self._values, wanted), len(self._values) - 1)
        return np.asarray(self._values[place] == wanted)

    def save(self, path: str | Path) -> None:
        """Writes the set to a file, whole or not at all."""
        payload = self._payload()
        head = (MAGIC, VERSION, 0, 0, self.count, len(self._values))
        digest = hashlib.sha256(_HEADER.pack(*head, bytes(32)) + payload).digest()
        with replacing(path) as temporary:
            temporary.write_bytes(_HEADER.pack(*head, digest) + payload)

    def _payload(self) -> bytes:
        low = (self._values & np.uint64(255)).astype(np.uint8)
        high = (self._values >> np.uint64(8)).astype(np.int64)
        bits = np.zeros(self.count + len(low), dtype=np.uint8)
        bits[high + np.arange(len(low))] = 1
        return low.tobytes() + np.packbits(bits).tobytes()

    @classmethod
    def load(cls, path: str | Path) -> KnownSet:
        """Reads a set that `save` wrote.

        Raises:
            ValueError: the file is missing, something else, of another version, cut or altered.
        """
        name = f"set of known molecules {os.fspath(path)!r}"
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
        if len(ones) != stored or stored > count:
            raise ValueError(f"the {name} is damaged: its counts do not match")
        high = (ones - np.arange(stored)).astype(np.uint64)
        values = (high << np.uint64(8)) | payload[:stored].astype(np.uint64)
        if stored > 1 and not bool(np.all(values[1:] > values[:-1])):
            raise ValueError(f"the {name} is damaged: its values are not in order")
        return cls(values, count)
