"""Work on untrusted molecules, tunes and pictures is bounded before it is slow."""

from __future__ import annotations

import contextlib
import struct
import threading
from pathlib import Path

import pytest

from domains.midi.reading import read_music
from domains.midi.reading.time_limit import TimeLimitError, within
from domains.mnist.pictures.images import read_image
from domains.python_code.domain import PythonDomain
from domains.smiles.chem.drawing import MAX_DRAWN
from domains.smiles.chem.molecule import MAX_ATOMS, parse
from domains.smiles.chem.syntax import Problem
from domains.smiles.domain import SmilesDomain
from domains.smiles.reading.mol_block import parse_block
from tvae_core.domain import DomainError
from tvae_core.search.expressions import Expression


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("C" * (MAX_ATOMS + 1), "501 atoms"),
        (".".join(["c1ccccc1"] * 200), "1,200 atoms"),
        ("".join(f"C%({n})" for n in range(1, 140)) * 2, "rings"),
        ("C" * 3000, "3,000 characters"),
    ],
)
def test_molecules_that_are_too_large_are_refused(text: str, reason: str) -> None:
    verdict = SmilesDomain().check([text])[0]
    assert not verdict.ok
    assert reason in str(verdict.reason)


def test_the_largest_molecule_is_read() -> None:
    assert not isinstance(parse("C" * MAX_ATOMS), Problem)


def test_a_large_molecule_is_told_not_drawn() -> None:
    drawn = str(SmilesDomain().render("C" * (MAX_DRAWN + 1)).data)
    assert drawn.startswith("<svg")
    assert "251 atoms: too many to draw" in drawn
    assert "too many" not in str(SmilesDomain().render("C" * 40).data)


@pytest.mark.parametrize("count", ["1000000000", "5000", "99999999999999999999"])
def test_counts_of_a_mol_block_are_looked_at_first(count: str) -> None:
    lines = ["t", "  x", "", "  0  0  0     0  0            999 V3000", "M  V30 BEGIN CTAB"]
    found = parse_block("\n".join([*lines, f"M  V30 COUNTS {count} 0 0 0 0", "M  END"]))
    assert isinstance(found, Problem)
    assert "more than the 999 atoms" in found.reason


def test_a_normal_form_longer_than_a_line_is_refused() -> None:
    verdict = PythonDomain().check(["0x" + "f" * 900])[0]
    assert "its normal form has 1,0" in str(verdict.reason)


def test_deep_expressions_are_refused() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        Expression("-" * 400 + "qed", ["qed"])


def test_postscript_is_not_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "digit.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) print showpage\n")
    with pytest.raises(DomainError, match="is not an image"):
        read_image(path, 14)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_work_is_stopped_and_other_work_goes_on() -> None:
    def endless() -> None:
        while True:
            with contextlib.suppress(Exception):
                [str(number) for number in range(100)]

    with pytest.raises(TimeLimitError, match=r"longer than 0\.2 s"):
        within(0.2, endless)
    assert within(30.0, lambda: 3) == 3
    with pytest.raises(KeyError):
        within(30.0, lambda: {}["missing"])


def test_work_in_another_thread_is_stopped_there() -> None:
    told: list[str] = []

    def work() -> None:
        try:
            within(0.1, lambda: sum(1 for _ in iter(int, 1)))
        except TimeLimitError as error:
            told.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert told == ["longer than 0.1 s of work"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_score_that_takes_too_long_is_refused() -> None:
    spine = "\n".join(["**kern", "*M4/4", "=1", *["4c"] * 6000, "*-"]).encode()
    with pytest.raises(DomainError, match=r"long\.krn: reading it takes longer than 0\.3 s"):
        read_music(spine, "long.krn", seconds=0.3)


def test_of_a_long_abc_file_the_first_tunes_are_kept() -> None:
    tune = "X:{}\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|\n\n"
    data = "".join(tune.format(n) for n in range(4)).encode()
    assert len(read_music(data, "a.abc")) == 4
    with pytest.raises(DomainError, match=r"longer than 0 s to read \(and 3 more\)"):
        read_music(data, "a.abc", seconds=0.0)


def test_a_metre_every_step_is_read_in_linear_time() -> None:
    changes = b"\x01\xff\x58\x04\x20\x00\x18\x08" * 200_000
    events = b"\x00\x90\x3c\x40\x01\x80\x3c\x40" + changes
    events += b"\x00\x90\x3c\x40\x60\x80\x3c\x40\x00\xff\x2f\x00"
    data = b"MThd" + struct.pack(">IHHH", 6, 0, 1, 24) + b"MTrk" + struct.pack(">I", len(events))
    assert len(read_music(data + events, "a.mid", seconds=20.0)) == 1
