"""What is right for each file of molecules in `tests/cases`, whichever way it is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from domains.smiles.reading.readers import Account

CASES = Path(__file__).resolve().parent / "cases" / "molecules"


class Right(NamedTuple):
    """What a case gives: rows kept, duplicates, reasons by line, and words of what is told."""

    kept: int
    duplicates: int = 0
    rejected: Mapping[int, str] = MappingProxyType({})
    told: tuple[str, ...] = ()


RIGHT = {
    "m01_cxsmiles.csv": Right(
        6,
        1,
        {6: "CXSMILES extension |&1:1,4,r is cut short", 7: "text after the SMILES: 'ethanol, a"},
        ("3 rows: CXSMILES extension dropped (stereo groups, whose centres have no mark now)",),
    ),
    "m02_atom_maps.csv": Right(5, 4, {}, ("4 rows: atom maps removed (first in line 3)",)),
    "m03_reactions.csv": Right(
        4, 0, {2: "a reaction is not a molecule", 3: "a reaction is not a molecule"}
    ),
    "m05_chembl_semicolon.csv": Right(6, 0, {}, ("separated by semicolons",)),
    "m06_chembl_utf16.csv": Right(
        6, 0, {}, ("read as UTF-16 (little-endian)", "separated by tabs")
    ),
    "m07_comment_header.smi": Right(6),
    "m07_csv_named.smi": Right(
        0, 0, dict.fromkeys(range(2, 8), "separated by commas: name it .csv")
    ),
    "m08_spreadsheet_leftovers.csv": Right(
        5,
        1,
        {
            3: "no molecule: the cell says 'NaN'",
            4: "empty SMILES",
            5: "no molecule: the cell says 'None'",
            6: "an error of a spreadsheet (#NAME?)",
            7: "no molecule: the cell says 'N/A'",
            10: "unknown element 't'",
            14: "a SMILES has no line break (at character 9)",
            17: "only 1 field, the header has 3",
            18: "5 fields, the header has 3",
            19: "no molecule: the cell says '-'",
            20: "no molecule: the cell says '?'",
            21: "a number (0), no SMILES",
            22: "a bond has no atom before it",
            23: "empty SMILES",
        },
    ),
    "m10_rgroups.smi": Right(
        7,
        0,
        {4: "unknown element 'R'", 5: "names no element", 6: "unknown element 'X'"},
        ("3 rows hold wildcards (*) (first in line 1)",),
    ),
    "m11_metals.smi": Right(
        12,
        0,
        {9: "boron atom 2 has a valence of 4", 10: "aluminium atom 2 has a valence of 4"},
        ("3 rows hold several fragments (salts, mixtures) (first in line 3)",),
    ),
    "m17_open_quote.tsv": Right(12),
    "s1_sdf_missing_separator.sdf": Right(6, 0, {}, ("a line $$$$ is missing in 1 place, first",)),
    "s3_v3000_racemate.sdf": Right(
        6, 0, {}, ("1 row: stereo groups dropped, whose centres have no mark now",)
    ),
    "s5_broken_blocks.sdf": Right(
        5,
        0,
        {
            1: "unexpected blank line found at line 12",
            16: "unexpected blank line found at line 12 (line 27 of the file)",
            29: "a molecule without atoms",
            35: "Atom line too short",
            49: "nitrogen atom 3 has a valence of 4",
        },
    ),
}


def check(name: str, rejected: Mapping[int, str], account: Account) -> None:
    """Holds what some way of reading a case gave against what is right."""
    right = RIGHT[name]
    assert (account.kept, account.duplicates) == (right.kept, right.duplicates)
    assert rejected.keys() == right.rejected.keys()
    for line, words in right.rejected.items():
        assert words in rejected[line]
    told = account.told()
    assert len(told) == len(right.told)
    for line_told, words in zip(told, right.told, strict=True):
        assert words in line_told
