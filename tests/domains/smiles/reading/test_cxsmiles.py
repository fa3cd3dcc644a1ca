"""CXSMILES extensions: what can be dropped and is told, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.smiles.chem.syntax import Problem
from domains.smiles.reading.cxsmiles import Extension, read_extension, split_extension
from domains.smiles.reading.texts import read_smiles


@pytest.mark.parametrize(
    ("text", "smiles", "told"),
    [
        ("CCO |(1,2,;3.5,-4,;5,6,1e-3)|", "CCO", ["coordinates"]),
        ("CC* |$;;_R1$|", "*CC", ["R-group labels"]),
        ("CC |$a;b$|", "CC", ["atom labels"]),
        ("CC |$_AV:a;b$|", "CC", ["atom values"]),
        ("CC |SgD:0,1:a:b::::,(0,0,;1,1,)|", "CC", ["data", "coordinates"]),
        ("CC |atomProp:0.x.1:1.y.2|", "CC", ["atom properties"]),
        ("C[C@H](N)O |a:1|", "C[C@H](N)O", ["absolute stereo"]),
        ("C[C@H](N)O |&1:1|", "CC(N)O", ["stereo groups"]),
        ("C[C@H](N)O |o12:1,r|", "CC(N)O", ["stereo groups"]),
        ("C[C@H](N)O |r|", "CC(N)O", ["relative stereo"]),
        ("[H][C@](F)(Cl)Br |&1:1|", "FC(Cl)Br", ["stereo groups"]),
        ("C[C@H](N)[C@@H](C)O |&1:1,o1:3|", "CC(N)C(C)O", ["stereo groups"]),
        ("C[C@H](N)[C@@H](C)O |a:3,&1:1|", "CC(N)[C@@H](C)O", ["absolute", "stereo groups"]),
        ("CC.O |f:0.1,lp:2:2,w:0.0|", "CC.O", ["fragment", "lone pairs", "drawing"]),
        ("CC ||", "CC", ["it holds nothing"]),
    ],
)
def test_what_is_dropped_is_told(text: str, smiles: str, told: list[str]) -> None:
    found = read_smiles(text)
    assert (found.smiles, found.reason) == (smiles, None)
    assert len(found.changes) == len(told)
    for change, words in zip(found.changes, told, strict=True):
        assert change.kind.startswith("CXSMILES extension dropped")
        assert words in change.kind


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("CC |&1:1,4,r", "cut short: no closing |"),
        ("CC |", "cut short"),
        ("CC |(1,2|", "is not understood"),
        ("CC |bogus|", "|bogus| is not understood"),
        ("CC |&1:9|", "names an atom that is not there"),
        ("CC |&1:999999999|", "names an atom that is not there"),
        ("*CC* |Sg:n:1,2::ht|", "holds a polymer unit, which a SMILES alone loses"),
        ("CC |^1:0|", "holds radical electrons"),
        ("CC |LN:1:1.3|", "holds a link node"),
        ("CC.O |m:2:0.1|", "holds a position that varies"),
        ("C1CCCCCC=C1 |t:6|", "double bond"),
        ("CC |rb:0:2|", "query features"),
        ("CC |&1:1| ethane", "text after the CXSMILES extension"),
        ("C1C |&1:1|", "ring 1 opened here is never closed"),
    ],
)
def test_what_a_molecule_needs_is_refused_by_name(text: str, words: str) -> None:
    found = read_smiles(text)
    assert found.smiles == ""
    assert words in str(found.reason)


def test_an_extension_is_cut_off() -> None:
    assert split_extension("CC  |r| a b") == ("CC", "|r|", "a b")
    assert split_extension("CC |r") == ("CC", "|r", "")
    assert split_extension("C|r|") == ("C|r|", "", "")


PIECES = ("&1:1", "o2:0,3", "a:1", "r", ",", "$_R1;;$", "(1,2,;)", "Sg:n", "SgD:0:a", "|", ":", "9")


@given(st.lists(st.sampled_from(PIECES), max_size=9), st.integers(0, 5))
def test_any_extension_is_read_or_refused(pieces: list[str], atoms: int) -> None:
    found = read_extension(f"|{''.join(pieces)}|", atoms)
    assert isinstance(found, Extension | Problem)
    if isinstance(found, Extension):
        assert all(place < atoms for group in found.groups for place in group)
