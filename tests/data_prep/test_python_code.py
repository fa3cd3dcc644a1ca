"""`python -m data_prep.python_code` on files of one's own: what is taken, what is refused."""

from __future__ import annotations

import ast
import csv
import json
import shutil
import sys
from pathlib import Path

import pytest

from data_prep.common import PrepError
from data_prep.python_code import library_files, main, package_files, statements
from domains.python_code.syntax import canonical
from tvae_core.data.prepared import PreparedSet

SOURCE = '''"""A docstring is no line."""
import os
from a import b as c


def f(x, y):
    """Nor is this."""
    z = x+y
    z = x + y
    if z:
        return  z
    raise ValueError("no", {name!r})


class A:
    kind: str = "a string that is far too long to be one of the lines that are taken here, really"
    def g(self):
        yield self.value ; self.value += 1
'''


def write(folder: Path, n: int = 30) -> Path:
    folder.mkdir(exist_ok=True)
    for i in range(n):
        (folder / f"m{i}.py").write_text(SOURCE.replace("{name!r}", f"'name_{i}'"))
    return folder


def prepare(folder: Path, *arguments: str) -> int:
    given = ["--input", str(folder), "--out", str(folder.parent / "out"), "--jobs", "1"]
    return main([*given, "--vocab-size", "200", *arguments])


def test_statements_in_normal_form() -> None:
    found = list(statements(SOURCE.replace("{name!r}", "1")))
    assert sorted(found) == [
        "from a import b as c",
        "import os",
        "raise ValueError('no', 1)",
        "return z",
        "self.value += 1",
        "yield self.value",
        "z = x + y",
        "z = x + y",
    ]
    assert list(statements("ab\nabcde\n" + "x" * 61)) == ["abcde"]


def test_a_prepared_set_of_own_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write(tmp_path / "code")
    (folder / "broken.py").write_text("def f(:\n")
    (folder / "latin.py").write_bytes(b"# coding: latin-1\nname = '\xe9t\xe9 de mille'\n")
    (folder / "binary.py").write_bytes(b"\x00\xff\xfe")
    (folder / "bad_coding.py").write_bytes(b"# coding: no-such\nx = 12345\n")
    assert prepare(folder) == 0
    out, err = capsys.readouterr()
    version = f"Python {sys.version_info[0]}.{sys.version_info[1]}"
    assert "left out " in err
    assert f", and 2 more of 34 files; read with {version}" in err
    assert "4 rejected" not in out
    assert "3 rejected" in out
    prepared = PreparedSet(tmp_path / "out", "python_code")
    texts = [text for split in prepared.splits for text in list(prepared.rows(split).split["text"])]
    assert len(texts) == len(set(texts)) == 30 + 6 + 1
    assert "name = 'été de mille'" in texts
    assert all(canonical(text) == text for text in texts)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["duplicates"] == 30 * 8 - 36
    assert manifest["files"] == 34
    assert manifest["python"] == sys.version.split()[0]
    with (tmp_path / "out" / "rejected.csv").open() as file:
        rows = list(csv.DictReader(file))
    reasons = {Path(row["text"]).name: row["reason"] for row in rows}
    lines = {Path(row["text"]).name: row["line"] for row in rows}
    assert lines["broken.py"] == "1"
    assert sorted(reasons) == ["bad_coding.py", "binary.py", "broken.py"]
    assert "SyntaxError" in reasons["broken.py"]


CASES = Path(__file__).parents[1] / "cases" / "other"


@pytest.mark.parametrize("name", ["q02_pep701.py", "q08_modern.py"])
def test_a_file_for_another_python_is_told(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path / "code")
    shutil.copy(CASES / name, folder)
    assert prepare(folder) == 0
    err = capsys.readouterr().err
    told = ""
    try:
        ast.parse((CASES / name).read_text())
    except SyntaxError as error:
        told = f"left out {folder / name}, line {error.lineno}: SyntaxError: {error.msg}"
    assert ("left out" in err) == bool(told)
    assert told in err
    assert (f"read with Python 3.{sys.version_info[1]}" in err) == bool(told)


def test_files_of_which_none_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "new.py").write_text("x = 1\n\ndef f(:\n")
    assert prepare(tmp_path / "code") == 2
    first, second = [
        line for line in capsys.readouterr().err.splitlines() if "reading" not in line and line
    ]
    assert "new.py, line 3: SyntaxError" in first
    assert "three splits need at least 3" in second


def test_the_same_seed_gives_the_same_split(tmp_path: Path) -> None:
    seen = []
    for name, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        (tmp_path / name).mkdir()
        folder = write(tmp_path / name / "code")
        assert prepare(folder, "--seed", seed) == 0
        seen.append(list(PreparedSet(tmp_path / name / "out").rows("test").split["text"]))
    assert seen[0] == seen[1]
    assert seen[0] != seen[2]


def test_limit_and_lengths(tmp_path: Path) -> None:
    folder = write(tmp_path / "code")
    assert prepare(folder, "--limit", "20", "--min-length", "9") == 0
    prepared = PreparedSet(tmp_path / "out")
    texts = [t for split in prepared.splits for t in list(prepared.rows(split).split["text"])]
    assert len(texts) == 20
    assert min(map(len, texts)) >= 9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--input", "no-such-folder"], "does not exist"),
        (["--packages", "no-such-package"], "not installed: no-such-package"),
        (["--library-only", "--packages", "pip"], "exclude each other"),
        (["--vocab-size", "20", "--library-only"], "--vocab-size must be from"),
        (["--min-length", "9", "--max-length", "8", "--library-only"], "--min-length"),
        (["--seed", "-1", "--library-only"], "--seed"),
        (["--limt", "3"], "did you mean --limit"),
    ],
)
def test_bad_usage(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr()
    assert message in told.err
    assert "Traceback" not in told.err
    assert not (tmp_path / "out").exists()


def test_a_folder_without_python(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "code").mkdir()
    assert prepare(tmp_path / "code") == 2
    assert "no .py file" in capsys.readouterr().err
    (tmp_path / "code" / "a.py").write_text("x = 12\n")
    assert prepare(tmp_path / "code") == 2
    assert "at least 3 distinct items" in capsys.readouterr().err


def test_what_is_installed_is_found() -> None:
    names = {path.name for path in library_files()}
    assert {"argparse.py", "ast.py"} <= names
    files, versions = package_files(["NumPy"])
    assert versions.keys() == {"numpy"}
    assert any(path.name == "linalg.py" or "linalg" in path.parts for path in files)
    with pytest.raises(PrepError, match="not installed"):
        package_files(["nothing-of-this-name"])
