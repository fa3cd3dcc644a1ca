"""SMILES in: verdicts, reasons and positions, quietness, the domain's contract."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem

from domains.smiles import SmilesDomain
from domains.smiles.chem.molecule import MAX_LENGTH, parse, quiet
from domains.smiles.chem.syntax import ELEMENTS, Problem, scan
from domains.smiles.chem.tokenizer import build_tokenizer
from domains.smiles.domain import EXAMPLES
from tests.examples import examples
from tvae_core.domain import Domain, DomainError

DOMAIN = SmilesDomain()

# text, 0-based position, words that the reason must hold
BAD = [
    ("", None, "empty"),
    ("   ", None, "empty"),
    ("C1CC", 1, "ring 1 opened here is never closed"),
    ("CC%12CC", 2, "ring 12 opened here is never closed"),
    ("C%(123)CC", 1, "ring 123"),
    ("CC(C", 2, "parenthesis opened here is never closed"),
    ("CC(C(C)", 2, "parenthesis opened here is never closed"),
    ("CC)C", 2, "closing parenthesis"),
    ("(C)C", 0, "branch has no atom before it"),
    ("C()C", 2, "empty branch"),
    ("C=(C)C", 1, "bond leads to no atom"),
    ("C==C", 1, "bond leads to no atom"),
    ("CC=", 2, "bond leads to no atom"),
    ("=CC", 0, "bond has no atom before it"),
    ("C.", 1, "nothing follows the dot"),
    (".C", 0, "dot has no atom before it"),
    ("C(C.)C", 4, "nothing follows the dot"),
    ("C11", 1, "closes on the atom it opened at"),
    ("C12CC12", 6, "bonded already"),
    ("1CC", 0, "ring number 1 has no atom before it"),
    ("C(1)CC1", 2, "ring number 1 has no atom before it"),
    ("C%1C", 1, "two digits"),
    ("CXC", 1, "unknown element 'X'"),
    ("C[Xx]C", 2, "unknown element 'Xx'"),
    ("C[#200]", 2, "unknown element '#200'"),
    ("NaCl", 0, "[Na]"),
    ("CCHC", 2, "[H]"),
    ("C[NH", 1, "bracket opened here is never closed"),
    ("C]C", 1, "closing bracket"),
    ("C[]C", 1, "empty brackets"),
    ("C[#119]", 2, "unknown element '#119'"),
    ("C[Fe+++]", 6, "'+' does not belong here"),
    ("C[13]C", 4, "names no element"),
    ("C[C@@@H]C", 5, "'@' does not belong here"),
    ("C[NH2+x]C", 6, "'x' does not belong here"),
    ("[013CH4]", 1, "isotope 013 is not a mass number"),
    ("C@C", 1, "inside a bracket atom"),
    ("C+C", 1, "charge belongs inside a bracket atom"),
    ("CC>>CC", 2, "reaction"),
    ("C C", 1, "white space"),
    ("CC\u00e9", 2, "does not belong"),
    ("C\x00C", 1, "does not belong"),
    ("CC\ud800", 2, "does not belong"),
    ("CCN(C)(C)C", 2, "nitrogen atom 3 has a valence of 4, more than allowed"),
    ("CC(C)(C)(C)C", 1, "carbon atom 2 has a valence of 5"),
    ("[13CH3]C[O](C)C", 8, "oxygen atom 3 has a valence of 3"),
    ("BrBr(C)", 2, "bromine atom 2 has a valence of 2"),
    ("Cc1#scc1", 1, "carbon atom 2 has a valence of 5"),
    ("Cc1cccc1", 1, "cannot be kekulised"),
    ("n1cccc1", 0, "[nH]"),
    ("CCc", 2, "carbon atom 3 is written as aromatic (lower case) but is in no ring"),
    ("C" * (MAX_LENGTH + 1), MAX_LENGTH, "2,001 characters"),
    ("  C1CC", 3, "ring 1 opened here"),
]


@pytest.mark.parametrize(("text", "position", "words"), BAD, ids=[ascii(b[0][:12]) for b in BAD])
def test_refusals_name_reason_and_place(text: str, position: int | None, words: str) -> None:
    (verdict,) = DOMAIN.check([text])
    assert not verdict.ok
    assert verdict.canonical is None
    assert verdict.position == position
    assert words in str(verdict.reason)
    with pytest.raises(DomainError) as caught:
        DOMAIN.from_text(text)
    assert (caught.value.reason, caught.value.position) == (verdict.reason, position)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("thing", [None, 5, b"CC", ["CC"]])
def test_what_is_not_text_is_refused(thing: object) -> None:
    (verdict,) = DOMAIN.check([thing])  # type: ignore[list-item]
    assert "must be text" in str(verdict.reason)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("OCC", "CCO"),
        (" C(C)O\n", "CCO"),
        ("C1=CC=CC=C1", "c1ccccc1"),
        ("[Cl-].[Na+]", "[Cl-].[Na+]"),
        ("C%12CCCCC%12", "C1CCCCC1"),
        ("C%(100)CCCCC%(100)", "C1CCCCC1"),
        ("F\\C=C\\F", "F/C=C/F"),
        ("N[C@@H](C)C(=O)O", "C[C@H](N)C(=O)O"),
        ("[2H]C", "[2H]C"),
        ("*C", "*C"),
    ],
)
def test_valid_texts_are_canonical(text: str, expected: str) -> None:
    (verdict,) = DOMAIN.check([text])
    assert verdict.ok
    assert verdict.canonical == expected
    assert verdict.reason is None
    assert DOMAIN.to_text(DOMAIN.from_text(text)) == expected


def test_domain_keeps_its_contract() -> None:
    assert isinstance(DOMAIN, Domain)
    assert DOMAIN.name == "smiles"
    texts = [*DOMAIN.examples(), "C1CC"]
    verdicts = DOMAIN.check(texts)
    assert [v.ok for v in verdicts] == [True] * len(EXAMPLES) + [False]
    assert [v.canonical for v in verdicts[:-1]] == DOMAIN.examples()
    assert all(len(values) == len(texts) for values in DOMAIN.score(texts).values())
    assert DOMAIN.check([]) == []
    with pytest.raises(DomainError, match="not str"):
        DOMAIN.to_text("CCO")  # type: ignore[arg-type]


def test_tokenizer_is_the_one_of_the_folder(tmp_path: Path) -> None:
    build_tokenizer(list(EXAMPLES.values()), vocab_size=128).save_pretrained(tmp_path)
    tokenizer = SmilesDomain(tmp_path).tokenizer()
    names = ("<pad>", "<bos>", "<eos>", "<mask>")
    assert tokenizer.convert_tokens_to_ids(list(names)) == [0, 1, 2, 3]
    aspirin = EXAMPLES["aspirin"]
    ids = tokenizer(aspirin).input_ids
    assert tokenizer.decode(ids, skip_special_tokens=True) == aspirin


def test_missing_or_broken_tokenizer_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(DomainError, match="does not exist"):
        SmilesDomain(tmp_path).tokenizer()
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(DomainError, match="is not a readable tokenizer") as caught:
        SmilesDomain(tmp_path).tokenizer()
    assert "\n" not in str(caught.value)


def test_atoms_are_found_where_rdkit_numbers_them() -> None:
    text = "C[C@H](Cl)c1cc[nH]c1.[13CH3]Br"
    mol = Chem.MolFromSmiles(text)
    places = scan(text).atoms
    assert len(places) == mol.GetNumAtoms()
    for atom, place in zip(mol.GetAtoms(), places, strict=True):
        start = text[place:].lstrip("[0123456789").lower()
        assert start.startswith(atom.GetSymbol().lower())


def test_elements_are_rdkits() -> None:
    table = Chem.GetPeriodicTable()
    assert {table.GetElementSymbol(i) for i in range(1, table.GetMaxAtomicNumber() + 1)} == ELEMENTS


def test_checking_is_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    DOMAIN.check([text for text, _, _ in BAD])
    assert capfd.readouterr().err == ""
    Chem.MolFromSmiles("C1CC")
    assert "unclosed ring" in capfd.readouterr().err, "RDKit's log must work again afterwards"


def test_quiet_holds_until_the_last_thread_leaves(capfd: pytest.CaptureFixture[str]) -> None:
    inside, leave = threading.Event(), threading.Event()

    def first() -> None:
        with quiet():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=first)
    thread.start()
    inside.wait(10)
    with quiet():
        leave.set()
        thread.join()
        Chem.MolFromSmiles("C1CC")
    assert capfd.readouterr().err == ""


def test_threads_agree() -> None:
    texts = [*DOMAIN.examples(), "C1CC", "c1cccc1"] * 20
    alone = DOMAIN.check(texts)
    answers: list[object] = []
    threads = [
        threading.Thread(target=lambda: answers.append(DOMAIN.check(texts))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [alone] * 4


@examples(300)
@given(st.lists(st.text(max_size=30), max_size=5))
def test_check_never_raises_on_any_text(texts: list[str]) -> None:
    verdicts = DOMAIN.check(texts)
    assert len(verdicts) == len(texts)
    for text, verdict in zip(texts, verdicts, strict=True):
        assert verdict.ok == (verdict.canonical is not None) == (verdict.reason is None)
        assert verdict.position is None or 0 <= verdict.position < len(text)


@st.composite
def mutants(draw: st.DrawFn) -> str:
    """A drug's SMILES with up to three characters inserted, removed or replaced."""
    text = draw(st.sampled_from(list(EXAMPLES.values())))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(text)))
        new = draw(st.sampled_from(["", *"CNOSPFclnos()[]=#/\\.%@+-123456H*>"]))
        text = text[:place] + new + text[place + draw(st.integers(0, 1)) :]
    return text


@examples(500)
@given(mutants())
def test_verdicts_agree_with_rdkit_and_are_explained(text: str) -> None:
    found = parse(text)
    with quiet():
        mol = Chem.MolFromSmiles(text)
    accepted = mol is not None and mol.GetNumAtoms() > 0
    assert isinstance(found, Problem) != accepted
    if isinstance(found, Problem):
        assert found.position >= 0
        assert found.reason
    else:
        assert scan(text).problem is None
