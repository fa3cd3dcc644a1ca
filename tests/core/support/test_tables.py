"""Tables of texts: quotes of both kinds, and any bytes at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tvae_core.support.tables import open_table


def test_quotes_of_tsv_files(tmp_path: Path) -> None:
    plain, quoted = tmp_path / "plain.tsv", tmp_path / "quoted.tsv"
    plain.write_text('headline\tlabel\n"Rain" ends it\tx\n"All is well"\ty\n')
    quoted.write_text('"headline"\t"label"\n"""Rain"" ends it"\t"x"\n')
    assert [row.values for row in open_table(plain).rows([0])] == [
        ('"Rain" ends it',),
        ('"All is well"',),
    ]
    assert [row.values for row in open_table(quoted).rows([0, 1])] == [('"Rain" ends it', "x")]


@given(data=st.binary(max_size=300), kind=st.sampled_from(["csv", "tsv", "jsonl"]))
def test_any_bytes_are_read_or_refused(
    data: bytes, kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any.{kind}"
    path.write_bytes((b'{"headline": ""}\n' if kind == "jsonl" else b"headline,b\n") + data)
    if path.read_bytes()[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return
    for row in open_table(path).rows([0]):
        assert row.line >= 1
        assert all(isinstance(value, str) for value in row.values)
