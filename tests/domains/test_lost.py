"""Why items do not come back from their own codes, in the words of each domain."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from domains.midi.lost import hard_parts, off_grid, rare_signs
from domains.midi.lost import why_lost as why_tunes
from domains.midi.notation import parse_score
from domains.mnist.domain import shipped_examples
from domains.mnist.lost import why_lost as why_digits
from domains.mnist.pictures.text import array_to_text, text_to_array
from domains.registry import DOMAINS, commands_of
from domains.smiles.domain import BUNDLE
from domains.smiles.reading.lost import learned_of, why_lost
from tvae_core.domain import HasReasons
from tvae_core.evaluation.comes_back import comes_back
from tvae_core.space import LatentSpace

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


@pytest.mark.parametrize("name", list(DOMAINS))
def test_every_domain_answers_any_text(name: str) -> None:
    commands = commands_of(name)
    domain = commands.domain
    assert isinstance(domain, HasReasons)
    item = domain.examples()[0]
    texts = [item, item, "no item (", ""]
    backs = [domain.examples()[1], "no item (", item, item]
    for bundle in (None, commands.bundle, Path("nowhere")):
        found = domain.why_lost(texts, backs, bundle)
        assert len(found) == 4
        assert all(reason is None or "\n" not in reason for reason in found)
        assert domain.why_lost([], [], bundle) == []


def test_aspirin_in_the_shipped_bundle() -> None:
    space = LatentSpace.load(BUNDLE, commands_of("smiles").domain)
    aspirin, diazepam = comes_back(space, [ASPIRIN, "CN1C(=O)CN=C(c2ccccc2)c2cc(Cl)ccc21"])
    assert diazepam.exact
    assert not aspirin.exact
    assert "weight 180 is outside the 250 to 350 of the training molecules" in aspirin.reason
    told = aspirin.told("molecule")
    assert told.startswith("does not come back from its code, ")
    assert aspirin.back in told


@pytest.mark.parametrize(
    ("smiles", "reason"),
    [
        ("CN1CCC(CNC(=O)c2ccc(P(=O)(O)O)cc2)CC1", "next to no phosphorus"),
        ("NCCCCNC(=O)c1cc(I)ccc1CCO", "next to no iodine"),
        ("CC(C)Cc1ccc([C@@H](C)C(=O)NCCO)cc1", "next to no stereo centres"),
        ("CC(C)(C)c1ccc(/C=C/C(=O)NCCOC)cc1", "next to no double-bond stereo"),
        ("C[N+](C)(C)CCc1ccc(C(=O)NCCO)cc1", "next to no charged atoms"),
        ("[2H]c1ccc(C(=O)NCCN2CCOCC2)cc1C", "next to no isotopes"),
        ("CC(=O)[O-].[Na+]", "sodium, charged atoms and several parts (a salt or a mixture)"),
        ("*c1ccc(C(=O)NCCN2CCOCC2)cc1C", "next to no wildcards"),
        ("[CH3:1]c1ccc(C(=O)NCCN2CCOCC2)cc1", "next to no atom map numbers"),
        ("CCO", "weight 46 is outside the 250 to 350"),
    ],
)
def test_what_the_training_molecules_lack(smiles: str, reason: str) -> None:
    assert reason in (why_lost([smiles], ["CCN"], BUNDLE)[0] or "")


def test_molecules_that_the_bundle_has_words_for() -> None:
    plain = "Cc1ccc(S(=O)(=O)N2CCC(C(=O)Nc3ccc(F)cc3)CC2)s1"
    for other in ("Clc1ccc(Br)cc1CCN2CCOCC2", "CCO"):
        (reason,) = why_lost([plain], [other], BUNDLE)
        assert reason is not None
        assert "next to no" not in reason
    assert why_lost(["CCO"], ["CCN"], None) == ["C2H6O became C2H7N"]
    assert why_lost(["CCO"], ["COC"], None) == [""]
    assert why_lost(["C[C@H](N)O"], ["CC(N)O"], None) == [
        "only its stereochemistry or isotopes are lost"
    ]


def test_a_bundle_that_cannot_tell(tmp_path: Path) -> None:
    assert learned_of(tmp_path) is None
    shutil.copy(BUNDLE / "tokenizer.json", tmp_path)
    (tmp_path / "reference.json").write_text("{")
    learned = learned_of(tmp_path)
    assert learned is not None
    assert learned.elements == {"C", "N", "O", "S", "F", "Cl", "Br", "H"}
    assert learned.kinds == frozenset()
    assert why_lost(["CCO"], ["CCN"], tmp_path) == ["C2H6O became C2H7N"]


TUNE = "0 |4/4 C4:24E4:24G4:48|C5:72r:24"


def test_tunes() -> None:
    bundle = commands_of("midi").bundle
    assert why_tunes([TUNE], ["0 |4/4 C4:24E4:24G4:48|D5:72r:24"], bundle) == [
        "3 of 4 notes come back at their time"
    ]
    (reason,) = why_tunes([TUNE], ["1# |4/4 C4:24E4:24G4:48"], bundle)
    assert reason is not None
    assert "2 bars became 1" in reason
    assert "key signature" in reason
    two = "0 |4/4 C4:96;C3:48E3+G3:48|C5:96;C4:96"
    (reason,) = why_tunes([two], [TUNE], bundle)
    assert "2 voices became 1" in (reason or "")
    assert hard_parts(two, bundle) == [
        "the training tunes have next to no second voices and chords"
    ]
    assert rare_signs(Path("nowhere")) == []
    loose = "0 |4/4 C4:21E4:27G4:48"
    assert off_grid(parse_score(loose)) == 2
    assert off_grid(parse_score("0 |4/4 C4:8E4:8G4:8C4:6D4:18E4:48")) == 0
    assert "2 of its notes are off the grid" in hard_parts(loose, None)[0]


def test_digits_tell_only_of_what_can_be_seen() -> None:
    text = shipped_examples()[3][0]
    levels = text_to_array(text).copy()
    levels[0, 0] = 21
    near = array_to_text(levels)
    assert why_digits([text], [near], None) == [None]
    (reason,) = why_digits([text], [shipped_examples()[8][0]], None)
    assert reason is not None
    assert "% of its pixels come back, and it reads as 8 instead of 3" in reason
    assert why_digits([text], ["no digit"], None) == [""]
