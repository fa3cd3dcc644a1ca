"""Fuzz targets that are data files: molecules, headlines, pictures, idx files, statistics."""

from __future__ import annotations

import argparse
import gzip
import io
import random
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.fuzz.harness import Read, Target
from tests.fuzz.mutate import NUMBERS, json_bomb

CSV = b'headline,label\n"Fed raises rates, again",Business\nA second headline here,Sports\n'
TSV = b"headline\tlabel\nFed raises rates\tBusiness\nA second headline\tSports\n"
JSONL = b'{"headline": "Fed raises rates again", "label": "Business"}\n{"headline": "B c d"}\n'
MOLECULES = b"smiles,name\nCCO,ethanol\nc1ccccc1,benzene\nC1CC,bad\n"
SMI = b"CCO ethanol\n# comment\nc1ccccc1\tbenzene\nnot a molecule\n"


def _file_reader(suffix: str, which: str) -> Callable[[Path], Read]:
    """Writes an input to a file and reads it; `which` is the reader."""

    def start(folder: Path) -> Read:
        path = folder / f"a{suffix}"
        read_file = _READERS[which]()

        def read(data: bytes) -> bool:
            path.write_bytes(data)
            return read_file(path)

        return read

    return start


def _molecule_reader() -> Callable[[Path], bool]:
    from domains.smiles.reading.readers import Account, MoleculeFile, columns_of

    def read(path: Path) -> bool:
        try:
            columns_of(path)
            file, account = MoleculeFile(path), Account()
            for row in file.rows():
                assert row.line >= 1
                assert bool(row.smiles) == (row.reason is None)
                account.add(row.line, row.smiles, row.changes)
            account.notes, account.skipped = file.notes, file.skipped
            assert account.summary()
            assert all(account.told())
        except ValueError:
            return False
        return True

    return read


def extended(rng: random.Random) -> bytes:
    """SMILES with extensions, whole and cut."""
    pieces = ("&1:1", ",", "o2:0,3", "a:1", "r", "$_R1;;$", "(1,2,;)", "Sg:n:1:2:ht", "^1:0", "|",
              "m:1:2.3", "SgD:0:a:b::::", "w:1.0", "99999999999", ":", "$", "(", "atomProp:0.a.b",
              "lp:1:2", "f:0.1", " name", "\u00e9")  # fmt: skip
    lines = []
    for _ in range(rng.choice((1, 5, 20))):
        smiles = rng.choice(("C[C@H](N)O", "[CH3:1][OH:2]", "[H]C([H])F", "*CC*", "CC.O", "C1C"))
        inside = "".join(rng.choices(pieces, k=rng.randrange(6)))
        lines.append(f"{smiles} |{inside}{rng.choice(('|', '|', '| n', ''))}")
    return "\n".join(lines).encode()


def _headline_reader() -> Callable[[Path], bool]:
    from data_prep.common import PrepError
    from data_prep.headlines.rows import choose_columns, collect
    from tvae_core.support.reading.tables import open_table

    settings = argparse.Namespace(
        case="keep", max_characters=250, keep_labels=[], other_labels="keep"
    )

    def read(path: Path) -> bool:
        try:
            table = open_table(path)
            collect(table, choose_columns(table, "headline", None), settings)
        except PrepError:
            return False
        return True

    return read


def _picture_reader() -> Callable[[Path], bool]:
    from domains.mnist.pictures.images import read_image
    from tvae_core.domain import DomainError

    def read(path: Path) -> bool:
        try:
            read_image(path, 14)
        except DomainError:
            return False
        return True

    return read


def _idx_reader() -> Callable[[Path], bool]:
    from data_prep.common import PrepError
    from data_prep.mnist.files import read_input

    def read(path: Path) -> bool:
        labels = path.with_name("labels")
        labels.write_bytes(struct.pack(">II", 0x801, 2) + b"\x01\x02")
        try:
            read_input(path, labels)
        except PrepError:
            return False
        return True

    return read


def _statistics_reader() -> Callable[[Path], bool]:
    from data_prep.moses_reference.arrays import UnsafePickleError, read_object_npy

    def read(path: Path) -> bool:
        try:
            with path.open("rb") as file:
                read_object_npy(file)
        except UnsafePickleError:
            return False
        return True

    return read


_READERS: dict[str, Callable[[], Callable[[Path], bool]]] = {
    "molecules": _molecule_reader,
    "headlines": _headline_reader,
    "pictures": _picture_reader,
    "idx": _idx_reader,
    "statistics": _statistics_reader,
}


def table(delimiter: str) -> Callable[[random.Random], bytes]:
    """Makes rows with quotes, line breaks and fields of any length."""

    def make(rng: random.Random) -> bytes:
        def field() -> str:
            content = "".join(
                rng.choices(["word ", '"', delimiter, "\n", "'", "\\", "\0", "CCO", "\u00e9"], k=6)
            )
            content *= rng.choice((1, 1, 1, 50)) if rng.random() < 0.98 else 12_000
            return f'"{content}"' if rng.random() < 0.5 else content

        rows = [
            delimiter.join(field() for _ in range(rng.choice((1, 2, 2, 2, 3))))
            for _ in range(rng.choice((1, 4, 30)))
        ]
        head = delimiter.join(rng.choice((("headline", "label"), ("smiles", "name"), ("a", "a"))))
        return f"{head}\n{chr(10).join(rows)}".encode()

    return make


def jsonl(rng: random.Random) -> bytes:
    """Objects and bombs, a line each."""
    lines = [JSONL.splitlines()[0]]
    for _ in range(rng.choice((1, 3))):
        lines.append(json_bomb(rng))
        value = rng.choice(("1", "null", "[1]", '"\\ud800"', '"x y z"', rng.choice(NUMBERS)))
        lines.append(f'{{"headline": {value}}}'.encode())
    return b"\n".join(lines)


def mol_block() -> bytes:
    """Records of MDL mol blocks, of version 2000 and 3000, with a property."""
    from rdkit import Chem
    from rdkit.Chem import rdDepictor

    blocks = []
    for text in ("CC(=O)Oc1ccccc1C(=O)O", "N[C@@H](C)C(=O)[O-].[Na+]", "F/C=C/F"):
        mol = Chem.MolFromSmiles(text)
        rdDepictor.Compute2DCoords(mol)
        for force in (False, True):
            blocks.append(Chem.MolToMolBlock(mol, forceV3000=force))
    return "".join(f"{block}> <ID>\n1\n\n$$$$\n" for block in blocks).encode()


def sdf(rng: random.Random) -> bytes:
    """Mol blocks whose counts and lines do not fit."""
    atoms, bonds = rng.randrange(60), rng.randrange(80)
    wrong = rng.random() < 0.5
    counts = (rng.randrange(1000), rng.randrange(1000)) if wrong else (atoms, bonds)
    atom = "    0.0000    0.0000    0.0000 {:<3} 0  {}  0  0  0  0"
    lines = ["t", "  x", "", f"{counts[0]:3d}{counts[1]:3d}  0  0  1  0            999 V2000"]
    names = ("C", "N", "O", "R#", "*", "A", "Q", "L", "D", "LP", "Pol", "Zz", "Fe")
    lines += [atom.format(rng.choice(names), rng.randrange(9)) for _ in range(atoms)]
    lines += [
        f"{rng.randint(0, atoms + 1):3d}{rng.randint(0, atoms + 1):3d}"
        f"{rng.choice((1, 2, 3, 4, 8, 9, 10)):3d}{rng.randrange(7):3d}"
        for _ in range(bonds)
    ]
    tags = ("CHG", "RAD", "ISO", "RGP", "ALS", "STY", "SAL", "SBL", "SMT", "SDI")
    for _ in range(rng.randrange(5)):
        lines.append(
            f"M  {rng.choice(tags)}"
            f"{rng.randrange(9):3d}{rng.randint(-1, 70):4d}{rng.randint(-20, 400):4d}"
        )
    if rng.random() < 0.3:
        counted = rng.choice(NUMBERS)
        lines[3:] = [
            "  0  0  0     0  0            999 V3000",
            "M  V30 BEGIN CTAB",
            f"M  V30 COUNTS {counted} {rng.choice(NUMBERS)} 0 0 0",
            "M  V30 BEGIN ATOM",
            *(f"M  V30 {i + 1} {rng.choice(names)} 0 0 0 {i}" for i in range(atoms)),
            *("M  V30 END ATOM", "M  V30 END CTAB"),
        ]
    return ("\n".join([*lines, "M  END", "$$$$"]) + "\n").encode()


def parquet_seeds() -> Sequence[bytes]:
    """Small files of several column types and encodings."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = []
    for values in (["Fed raises rates", "A b c", None], [b"A b c", b"D e f", b""], [1, 2, 3]):
        for settings in ({}, {"compression": "zstd", "use_dictionary": False}):
            out = io.BytesIO()
            pq.write_table(
                pa.table({"headline": values, "label": ["a", "b", "c"]}), out, **settings
            )
            found.append(out.getvalue())
    return found


def picture_seeds() -> Sequence[bytes]:
    """A digit in several formats."""
    import numpy as np
    from PIL import Image

    pixels = np.zeros((40, 36), dtype=np.uint8)
    pixels[8:30, 14:20] = 255
    found = []
    for kind in ("PNG", "PPM", "BMP", "GIF", "JPEG", "TIFF", "WEBP"):
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, kind)
        found.append(out.getvalue())
    return found


def picture(rng: random.Random) -> bytes:
    """Headers that promise huge or odd pictures, and files of kinds that are not read."""
    side = rng.choice((b"28", b"0", b"4000", b"100000", b"-3", b"99999999999"))
    return rng.choice(
        (
            b"P5 " + side + b" " + side + b" 255\n" + bytes(rng.randrange(2000)),
            b"P2 " + side + b" 3 65535 1 2 3",
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) print\n",
            b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + rng.randbytes(17),
            b"GIF89a" + rng.randbytes(30),
            b"RIFF" + rng.randbytes(4) + b"WEBPVP8 " + rng.randbytes(40),
        )
    )


def idx(rng: random.Random) -> bytes:
    """Headers with any sizes."""
    shape = [rng.choice((0, 1, 2, 28, 2**31, 2**32 - 1, 65536)) for _ in range(3)]
    data = struct.pack(">IIII", 0x803, *shape) + bytes(rng.choice((0, 784, 1568)))
    return gzip.compress(data) if rng.random() < 0.3 else data


def statistics_seeds() -> Sequence[bytes]:
    """An object array as numpy writes it."""
    import numpy as np

    out = io.BytesIO()
    values = {"a": np.arange(4.0), "b": {"C": 2, "N": 3}, "c": [1, 2.5, "x"]}
    np.lib.format.write_array(out, np.array(values, dtype=object), allow_pickle=True)
    return [out.getvalue()]


_SDF_WORDS = (b"M  V30 ", b"M  CHG", b"$$$$\n", b"M  END\n", b"999999", b"  0", b"V3000", b"V2000")

TABLE_TARGETS = (
    Target("molecule_csv", 12_000, _file_reader(".csv", "molecules"), lambda: [MOLECULES],
           (b'"', b",", b"\n", b"CCO"), table(",")),
    Target("molecule_smi", 12_000, _file_reader(".smi", "molecules"), lambda: [SMI],
           (b"\n", b" ", b"|", b"&1:1", b"$_R1$"), extended),
    Target("molecule_sdf", 8_000, _file_reader(".sdf", "molecules"), lambda: [mol_block()],
           _SDF_WORDS, sdf),
    Target("headlines_csv", 16_000, _file_reader(".csv", "headlines"), lambda: [CSV],
           (b'"', b",", b"\n"), table(",")),
    Target("headlines_tsv", 12_000, _file_reader(".tsv", "headlines"), lambda: [TSV],
           (b'"', b"\t"), table("\t")),
    Target("headlines_jsonl", 10_000, _file_reader(".jsonl", "headlines"), lambda: [JSONL],
           (b"{", b"[", b'"', b"\\u", b"null"), jsonl),
    Target("headlines_gz", 5_000, _file_reader(".csv.gz", "headlines"),
           lambda: [gzip.compress(CSV, mtime=0)]),
    Target("headlines_parquet", 8_000, _file_reader(".parquet", "headlines"), parquet_seeds,
           (b"PAR1",)),
    Target("pictures", 15_000, _file_reader(".png", "pictures"), picture_seeds, (), picture),
    Target("idx", 8_000, _file_reader("", "idx"),
           lambda: [struct.pack(">IIII", 0x803, 2, 28, 28) + bytes(1568)], (), idx),
    Target("statistics", 10_000, _file_reader("", "statistics"), statistics_seeds,
           (b"cposix\nsystem\n", b"cbuiltins\neval\n", b"R", b"\x93", b"(", b".")),
)  # fmt: skip
