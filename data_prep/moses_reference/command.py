"""The reference statistics of the MOSES benchmark, for a prepared set that exists already.

    python -m data_prep.moses_reference                      into data/smiles/moses
    python -m data_prep.moses_reference --out data/small --wheel molsets-0.3.1-py3-none-any.whl

They lie in the wheel molsets 0.3.1 as pickled arrays, which are read here once, through a reader
that admits arrays and plain containers only, and written as safetensors, JSON and Parquet (70 MB).
`python -m data_prep.smiles` does the same while it prepares MOSES.
"""

from __future__ import annotations

import argparse
import csv
import io
import zipfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from data_prep.common import (
    BAD_USAGE,
    CommandParser,
    PrepError,
    is_prepared_set,
    run_preparation,
    whole_folder,
)
from data_prep.fetch import MOSES, WheelSource, read_wheel, wheel_of
from data_prep.moses_reference.arrays import UnsafePickleError, read_object_npy
from domains.smiles.benchmark.moses.reference import FOLDER, SETS, Reference, Statistics

_STATISTICS = "moses/dataset/data/{}_stats.npz"
_FILTERS = ("moses/metrics/mcf.csv", "moses/metrics/wehi_pains.csv")


def has_statistics(wheel: Path) -> bool:
    """Whether a wheel holds reference statistics at all."""
    with zipfile.ZipFile(wheel) as archive:
        return _STATISTICS.format(SETS[0]) in archive.namelist()


def _statistics(archive: zipfile.ZipFile, name: str) -> Statistics:
    with (
        archive.open(_STATISTICS.format(name)) as outer,
        zipfile.ZipFile(io.BytesIO(outer.read())) as npz,
        npz.open("stats.npy") as file,
    ):
        found: dict[str, Any] = read_object_npy(file)
    return Statistics(
        np.packbits(found["SNN"]["fps"].astype(bool), axis=1),
        found["FCD"]["mu"].astype(np.float64),
        found["FCD"]["sigma"].astype(np.float64),
        {
            name.lower(): np.array(found[name]["values"], np.float64)
            for name in ("logP", "SA", "QED", "weight")
        },
        {str(key): int(count) for key, count in found["Frag"]["frag"].items()},
        {str(key): int(count) for key, count in found["Scaf"]["scaf"].items()},
    )


def _filters(archive: zipfile.ZipFile) -> tuple[str, ...]:
    """The SMARTS of the medicinal-chemistry filters, then of PAINS."""
    mcf, pains = (
        list(csv.reader(io.StringIO(archive.read(member).decode()))) for member in _FILTERS
    )
    return tuple(row[1] for row in mcf[1:]) + tuple(row[0].strip() for row in pains)


def read_reference(wheel: Path, train: pa.ChunkedArray) -> Reference:
    """The statistics inside a verified wheel.

    Raises:
        PrepError: they are missing, or hold something that is not read.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            found = [
                _statistics(archive, name)
                for name in tqdm(SETS, desc="reference statistics", unit="set")
            ]
            return Reference(found[0], found[1], train, _filters(archive))
    except UnsafePickleError as error:
        raise PrepError(f"the reference statistics in {wheel} are refused: {error}") from error
    except (KeyError, IndexError, AttributeError, OSError, zipfile.BadZipFile) as error:
        raise PrepError(f"{wheel} holds no readable reference statistics: {error}") from error


def save_reference(reference: Reference, source: WheelSource, folder: Path) -> None:
    """Writes the statistics into an empty folder, or one to be made, with where they come from."""
    folder.mkdir(exist_ok=True)
    reference.save(
        folder,
        {
            "source": source.full_description,
            "source_sha256": source.sha256,
            "licence": source.licence,
            "command": "python -m data_prep.moses_reference",
        },
    )


def make_parser() -> CommandParser:
    """The flags of the command."""
    parser = CommandParser(prog="python -m data_prep.moses_reference", description=__doc__)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("data/smiles"),
        help="the prepared set that gets the folder (%(default)s)",
    )
    parser.add_argument("--wheel", type=Path, help="the molsets wheel, if it is here already")
    return parser


def prepare(source: WheelSource, arguments: argparse.Namespace, _command: str) -> None:
    """Run the command with parsed arguments."""
    out = arguments.out
    if not is_prepared_set(out):
        raise PrepError(
            f"{out} is not a prepared set; run: python -m data_prep.smiles --out {out}", BAD_USAGE
        )
    path = wheel_of(source, arguments.wheel)
    train = read_wheel(source, path)["train"]
    reference = read_reference(path, train)
    with whole_folder(out / FOLDER) as fresh:
        save_reference(reference, source, fresh)
    print(f"{out / FOLDER}: statistics of {', '.join(SETS)}; {len(train):,} training molecules")


def main(arguments: Sequence[str] | None = None, source: WheelSource = MOSES) -> int:
    """The command; returns the exit code."""
    work = partial(prepare, source)
    return run_preparation("moses_reference", arguments, make_parser, work)
