"""Why a molecule does not come back from its own code: what the training molecules lack.

A bundle does not say which molecules it was trained on, but two of its files do in part: its
vocabulary, learned from them, and the histograms of their properties (`reference.json`).

    why_lost(["CC(=O)Oc1ccccc1C(=O)O"], ["CC(=O)Nc1ccccc1"], Path("domains/smiles/bundle"))
    # ["its weight 180 is outside the 250 to 350 of the training molecules"]
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rdkit import Chem
from rdkit.Chem import rdMolDescriptors

from domains.smiles.chem.molecule import parse, plain_smiles
from domains.smiles.chem.scores import score_all
from domains.smiles.chem.syntax import Problem
from domains.smiles.reference import load_reference
from tvae_core.evaluation.words_lost import learned_entries

RANGES = ("weight", "rings", "logp", "tpsa", "sa")
"""Properties whose range is told, the first that a molecule is out of."""

_ATOM = re.compile(r"\[\d*([A-Z][a-z]?|se|as|[bcnops])|(Cl|Br|[BCNOPSFI]|[bcnops])")
_BRACKET = re.compile(r"\[[^\]]*\]?")
_GIVEN = frozenset(("Cl", "Br", "@@"))
"""Entries of every vocabulary, whatever it was learned from."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What a vocabulary has entries for: elements by symbol, and kinds of notation."""

    elements: frozenset[str]
    kinds: frozenset[str]


_KINDS = {
    "charged atoms": re.compile(r"\[[^\]]*[+-]|\+"),
    "stereo centres": re.compile(r"@"),
    "double-bond stereo": re.compile(r"[/\\]"),
    "isotopes": re.compile(r"\[\d"),
    "several parts (a salt or a mixture)": re.compile(r"\."),
    "wildcards": re.compile(r"\*"),
}


def learned_of(bundle: Path) -> Learned | None:
    """What a bundle's vocabulary has learned; None where it is too small to tell, or not there."""
    words = [entry for entry in learned_entries(bundle) if entry not in _GIVEN]
    elements = {symbol.capitalize() for word in words for symbol in _symbols(word)}
    kinds = {name for name, sign in _KINDS.items() if any(sign.search(word) for word in words)}
    return Learned(frozenset(elements), frozenset(kinds)) if "C" in elements else None


def _symbols(word: str) -> Iterable[str]:
    brackets = _BRACKET.findall(word)
    for part in (*brackets, _BRACKET.sub(" ", word)):
        for bracketed, plain in _ATOM.findall(part):
            yield bracketed or plain
            if bracketed:
                break


def why_lost(given: Sequence[str], back: Sequence[str], bundle: Path | None) -> list[str | None]:
    """Why each molecule is lost, as `tvae_core.domain.HasReasons` asks it.

    Args:
        given: canonical SMILES.
        back: what came back, valid or not.
        bundle: the folder of the bundle; without it, only both molecules are compared.
    """
    learned = None if bundle is None else learned_of(bundle)
    ranges = {} if bundle is None else _ranges(bundle)
    return [_why(text, other, learned, ranges) for text, other in zip(given, back, strict=True)]


def _why(
    text: str, other: str, learned: Learned | None, ranges: dict[str, tuple[float, float]]
) -> str:
    mol, found = parse(text), parse(other)
    if isinstance(mol, Problem):
        return ""
    reasons = []
    if not isinstance(found, Problem) and plain_smiles(mol) == plain_smiles(found):
        reasons.append("only its stereochemistry or isotopes are lost")
    missing = [] if learned is None else _missing(mol, learned)
    if missing:
        listed = " and ".join([", ".join(missing[:-1]), missing[-1]] if missing[1:] else missing)
        reasons.append(f"the training molecules have next to no {listed}")
    outside = _outside(text, ranges)
    if outside:
        reasons.append(outside)
    if not reasons and not isinstance(found, Problem):
        formulas = [rdMolDescriptors.CalcMolFormula(each) for each in (mol, found)]
        if formulas[0] != formulas[1]:
            reasons.append(f"{formulas[0]} became {formulas[1]}")
    return "; ".join(reasons)


def _missing(mol: Chem.Mol, learned: Learned) -> list[str]:
    """What a molecule has and the vocabulary has not, in words."""
    table = Chem.GetPeriodicTable()
    numbers = sorted({atom.GetAtomicNum() for atom in mol.GetAtoms()} - {0, 1})
    names = [
        str(table.GetElementName(number)).lower()
        for number in numbers
        if table.GetElementSymbol(number) not in learned.elements
    ]
    if any(atom.GetAtomMapNum() for atom in mol.GetAtoms()):
        names.append("atom map numbers")
    return names + [kind for kind in _kinds(mol) if kind not in learned.kinds]


def _kinds(mol: Chem.Mol) -> list[str]:
    """Which kinds of notation a molecule needs, among those that vocabularies tell of."""
    atoms = list(mol.GetAtoms())
    unset = (Chem.BondStereo.STEREONONE, Chem.BondStereo.STEREOANY)
    has = {
        "charged atoms": any(atom.GetFormalCharge() for atom in atoms),
        "stereo centres": any(
            atom.GetChiralTag() != Chem.ChiralType.CHI_UNSPECIFIED for atom in atoms
        ),
        "double-bond stereo": any(bond.GetStereo() not in unset for bond in mol.GetBonds()),
        "isotopes": any(atom.GetIsotope() for atom in atoms),
        "several parts (a salt or a mixture)": len(Chem.GetMolFrags(mol)) > 1,
        "wildcards": any(not atom.GetAtomicNum() for atom in atoms),
    }
    return [name for name, there in has.items() if there]


def _ranges(bundle: Path) -> dict[str, tuple[float, float]]:
    """Least and greatest value of each property among the training molecules, where known."""
    try:
        known = load_reference(bundle)
    except ValueError:  # damaged: a page that shows it says so
        return {}
    if known is None:
        return {}
    rows = {name: known.histograms[name] for name in RANGES if name in known.histograms}
    return {name: (row.edges[0], row.edges[-1]) for name, row in rows.items()}


def _outside(text: str, ranges: dict[str, tuple[float, float]]) -> str:
    """The first property that is out of its range, in words; empty if none is."""
    values = score_all([text], list(ranges)) if ranges else {}
    for name, (low, high) in ranges.items():
        value = float(values[name][0])
        if value < low or value > high:
            around = f"{_number(low)} to {_number(high)}"
            return f"its {name} {_number(value)} is outside the {around} of the training molecules"
    return ""


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 20 else f"{value:.2g}"
