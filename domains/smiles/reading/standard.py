"""A molecule as a training set holds it: one organic part or the whole, no isotopes, known size.

    found = standardise("CN(C)C(=N)N=C(N)N.Cl")
    assert found.smiles == "CN(C)C(=N)N=C(N)N"
    assert found.changes == (Change("taken off: hydrochloric acid"),)

Charges and stereo marks stay as they are written. What is taken off is named (`PARTS`), so that a
salt and a mixture of two drugs are told apart.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

from rdkit import Chem
from rdkit.Chem import Descriptors
from rdkit.Chem.MolStandardize import rdMolStandardize

from domains.smiles.chem.molecule import canonical, canonical_form, parse, quiet
from domains.smiles.chem.syntax import Problem
from domains.smiles.reading.texts import Change, Found, refused

ELEMENTS = frozenset(["H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Se", "Br", "I"])
LEAST_ATOMS, MOST_ATOMS = 5, 60
"""Heavy atoms of a molecule."""
CARBON = 6
FRAGMENTS = ("largest", "whole")
_MARKS = "@/\\+-[:"
ISOTOPES = "isotopes removed"
TAKEN_OFF = "taken off: "
MIXTURE = "another part of a mixture"

PARTS = {
    "Cl": "hydrochloric acid",
    "Br": "hydrobromic acid",
    "I": "hydroiodic acid",
    "F": "hydrofluoric acid",
    "O": "water",
    "N": "ammonia",
    "S": "hydrogen sulfide",
    "[Na]": "sodium",
    "[K]": "potassium",
    "[Li]": "lithium",
    "[Ca]": "calcium",
    "[Mg]": "magnesium",
    "[Zn]": "zinc",
    "O=S(=O)(O)O": "sulfuric acid",
    "O=P(O)(O)O": "phosphoric acid",
    "O=[N+]([O-])O": "nitric acid",
    "[O-][Cl+3]([O-])([O-])O": "perchloric acid",
    "O=C(O)O": "carbonic acid",
    "F[P-](F)(F)(F)(F)F": "hexafluorophosphate",
    "F[B-](F)(F)F": "tetrafluoroborate",
    "CS(=O)(=O)O": "methanesulfonic acid",
    "CCS(=O)(=O)O": "ethanesulfonic acid",
    "O=S(=O)(O)c1ccccc1": "benzenesulfonic acid",
    "Cc1ccc(S(=O)(=O)O)cc1": "p-toluenesulfonic acid",
    "O=S(=O)(O)C(F)(F)F": "trifluoromethanesulfonic acid",
    "O=CO": "formic acid",
    "CC(=O)O": "acetic acid",
    "O=C(O)C(F)(F)F": "trifluoroacetic acid",
    "CCC(=O)O": "propionic acid",
    "O=C(O)C(=O)O": "oxalic acid",
    "O=C(O)CC(=O)O": "malonic acid",
    "O=C(O)CCC(=O)O": "succinic acid",
    "O=C(O)C=CC(=O)O": "fumaric or maleic acid",
    "O=C(O)C(O)C(O)C(=O)O": "tartaric acid",
    "O=C(O)CC(O)C(=O)O": "malic acid",
    "CC(O)C(=O)O": "lactic acid",
    "O=C(O)CC(O)(CC(=O)O)C(=O)O": "citric acid",
    "O=C(O)c1ccccc1": "benzoic acid",
    "O=C(O)c1ccccc1O": "salicylic acid",
    "CO": "methanol",
    "CCO": "ethanol",
    "CC(C)O": "2-propanol",
    "CC(C)=O": "acetone",
    "CC#N": "acetonitrile",
    "CS(C)=O": "dimethyl sulfoxide",
    "CN(C)C=O": "dimethylformamide",
    "ClCCl": "dichloromethane",
    "ClC(Cl)Cl": "chloroform",
    "CCOC(C)=O": "ethyl acetate",
    "CCOCC": "diethyl ether",
    "C1CCOC1": "tetrahydrofuran",
    "C1COCCO1": "dioxane",
    "Cc1ccccc1": "toluene",
    "c1ccncc1": "pyridine",
    "CCN(CC)CC": "triethylamine",
    "NCCO": "ethanolamine",
    "NCCN": "ethylenediamine",
    "NC(CO)(CO)CO": "tromethamine",
    "C1CCC(NC2CCCCC2)CC1": "dicyclohexylamine",
    "CNCC(O)C(O)C(O)C(O)CO": "meglumine",
}
"""Salts and solvents by their canonical SMILES, neutral and without stereo marks."""
_COMMON = frozenset(PARTS.values())


def standardise(text: str, fragments: str = "largest") -> Found:
    """The standard form of a molecule, or why it has none; never raises.

    Args:
        text: a SMILES.
        fragments: of a molecule of several parts the `largest` organic one that is no common salt
            or solvent, or the `whole`.

    Raises:
        ValueError: another value of `fragments`.
    """
    return standard_molecule(text, fragments)[0]


def standard_molecule(
    text: str, fragments: str = "largest", canonical_text: bool = False
) -> tuple[Found, Chem.Mol | None]:
    """As `standardise`, with the molecule itself; None where there is none.

    Args:
        text: a SMILES.
        fragments: as in `standardise`.
        canonical_text: the text is known to be canonical, which saves half of the work.
    """
    if fragments not in FRAGMENTS:
        raise ValueError(f"fragments must be one of {', '.join(FRAGMENTS)}, not {fragments!r}")
    mol = parse(text)
    if isinstance(mol, Problem):
        return refused(mol), None
    counts: Counter[str] = Counter()
    for atom in mol.GetAtoms() if "[" in text else ():
        if atom.GetIsotope():
            atom.SetIsotope(0)
            counts[ISOTOPES] += 1
    if "." in text and fragments == "largest":
        mol, dropped = _largest(mol)
        counts.update(f"{TAKEN_OFF}{name}" for name in dropped)
    changes = tuple(Change(kind, times) for kind, times in counts.items())
    if reason := unfit(mol):
        return Found("", reason, changes), None
    form: str | Problem = text
    if changes:
        # a hydrogen that only its isotope kept apart goes when the molecule is read again
        again = parse(canonical(mol))
        mol = mol if isinstance(again, Problem) else again
        form = again if isinstance(again, Problem) else canonical_form(again)
    elif not canonical_text:
        form = canonical_form(mol, text)
    if isinstance(form, Problem):
        return refused(form), None
    return Found(form, None, changes), mol


def unfit(mol: Chem.Mol) -> str | None:
    """Why a molecule is not one for a training set; None for one that is."""
    heavy = 0
    for atom in mol.GetAtoms():
        symbol = atom.GetSymbol()
        if symbol not in ELEMENTS:
            if not atom.GetAtomicNum():
                return "a wildcard (*): not a whole molecule"
            return f"the element {symbol} is none of {', '.join(sorted(ELEMENTS))}"
        if atom.GetNumRadicalElectrons():
            return f"a radical at {symbol} atom {atom.GetIdx() + 1}"
        heavy += symbol != "H"
    if not LEAST_ATOMS <= heavy <= MOST_ATOMS:
        return f"{heavy} heavy atoms, not {LEAST_ATOMS} to {MOST_ATOMS}"
    return None


def _largest(mol: Chem.Mol) -> tuple[Chem.Mol, list[str]]:
    """The largest organic part, and names of the others, each once for each time."""
    parts = [(canonical(part), part) for part in Chem.GetMolFrags(mol, asMols=True)]
    kept = max(range(len(parts)), key=lambda place: _size(*parts[place]))
    return parts[kept][1], [_name(part[0]) for place, part in enumerate(parts) if place != kept]


def _size(text: str, part: Chem.Mol) -> tuple[bool, bool, int, float, str]:
    """What the largest part is largest in: organic, no common salt or solvent, atoms, weight."""
    organic = any(atom.GetAtomicNum() == CARBON for atom in part.GetAtoms())
    own = _name(text) not in _COMMON
    return organic, own, part.GetNumHeavyAtoms(), Descriptors.MolWt(part), text


@lru_cache(maxsize=10_000)
def _name(part: str) -> str:
    plain = part if part in PARTS else skeleton(part)
    found = PARTS.get(part) or PARTS.get(plain) or PARTS.get(_bare(part))
    if found:
        return found
    mol = parse(part)
    known = not isinstance(mol, Problem) and mol.GetNumHeavyAtoms() >= LEAST_ATOMS
    return MIXTURE if known else part


def _bare(part: str) -> str:
    """A lone ion as the neutral atom, with hydrogen or as a metal."""
    mol = parse(part)
    if isinstance(mol, Problem) or mol.GetNumAtoms() != 1:
        return part
    atom = mol.GetAtomWithIdx(0)
    symbol = str(atom.GetSymbol())
    return symbol if atom.GetFormalCharge() <= 0 else f"[{symbol}]"


def is_ionised(mol: Chem.Mol) -> bool:
    """Whether an atom has a charge that no neighbour balances, as a nitro group's do."""
    for atom in mol.GetAtoms():
        charge = atom.GetFormalCharge()
        if charge and not any(n.GetFormalCharge() * charge < 0 for n in atom.GetNeighbors()):
            return True
    return False


def skeleton(text: str, mol: Chem.Mol | None = None) -> str:
    """What two forms of one compound share: no stereo, isotopes or maps, ions neutralised.

    Args:
        text: a canonical SMILES.
        mol: its molecule, if it is at hand.

    Raises:
        ValueError: the text is no SMILES.
    """
    if not any(mark in text for mark in _MARKS):
        return text
    found = parse(text) if mol is None else mol
    if isinstance(found, Problem):
        raise ValueError(found.reason)
    if is_ionised(found):
        with quiet():
            found = rdMolStandardize.Uncharger().uncharge(found)
    return str(Chem.MolToSmiles(found, isomericSmiles=False))
