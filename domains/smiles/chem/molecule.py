"""Molecules in and out of SMILES: parsing with reasons, canonical forms, a quiet RDKit.

Everything else in `domains.smiles` that needs a molecule from a text goes through here. The
module imports neither torch nor transformers, so worker processes start fast.
"""

from __future__ import annotations

import logging
import re
import threading
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rdkit import Chem, rdBase

from domains.smiles.chem.syntax import Problem, Scan, scan
from tvae_core.support.words import unknown_name as unknown_name

MAX_LENGTH = 2000
"""Longest SMILES accepted, in characters (the longest of MOSES has 57)."""

MAX_ATOMS = 500
"""Most atoms of a molecule, hydrogens aside: many scores take time that grows with their square."""
MAX_RINGS = 100
"""Most rings: substructures of one large cage are found in more ways than can be waited for."""
_SHORT = 200
"""Characters of a SMILES that cannot have too many atoms or rings."""
_REACTION = re.compile(r"(?<!-)>")

_PARSE = Chem.SmilesParserParams()
_PARSE.allowCXSMILES = False
_PARSE.parseName = False

_SYNTAX_ONLY = Chem.SmilesParserParams()
_SYNTAX_ONLY.allowCXSMILES = False
_SYNTAX_ONLY.parseName = False
_SYNTAX_ONLY.sanitize = False
_SYNTAX_ONLY.removeHs = False

_quiet_lock = threading.Lock()
_quiet_depth = 0
_quiet_block: Any = None


class _Messages(logging.Handler):
    """Keeps what RDKit logs in one thread."""

    def __init__(self) -> None:
        super().__init__()
        self.thread = threading.get_ident()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self.thread:
            self.lines.append(re.sub(r"^\[[\d:]+\] ", "", record.getMessage().strip()))


def messages_of(work: Callable[[], object]) -> list[str]:
    """What RDKit logs while `work` is done, without its time stamps; inside `quiet` or outside."""
    global _quiet_block
    logger, kept = logging.getLogger("rdkit"), _Messages()
    with _quiet_lock:
        handlers, propagate = logger.handlers[:], logger.propagate
        logger.handlers, logger.propagate = [kept], False
        _quiet_block = None  # its end turns round what it finds, so it comes before new streams
        states = [state.partition(":")[::2] for state in rdBase.LogStatus().split()]
        rdBase.LogToPythonLogger()
        try:
            work()
        finally:
            rdBase.LogToCppStreams()
            for name, state in states:
                (rdBase.EnableLog if state == "enabled" else rdBase.DisableLog)(name)
            if _quiet_depth:
                _quiet_block = rdBase.BlockLogs()
            logger.handlers, logger.propagate = handlers, propagate
    return [line for line in kept.lines if line]


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps RDKit's log off stderr inside the block; nests, and is safe across threads.

    `rdBase.BlockLogs` alone is not: of two overlapping blocks in two threads, the first to end
    would switch the log on again for the other.
    """
    global _quiet_depth, _quiet_block
    with _quiet_lock:
        if _quiet_depth == 0:
            _quiet_block = rdBase.BlockLogs()
        _quiet_depth += 1
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_depth -= 1
            if _quiet_depth == 0:
                _quiet_block = None


def parse(text: object) -> Chem.Mol | Problem:
    """The sanitised molecule of a SMILES, or what is wrong with it; never raises.

    White space around the SMILES is ignored. The empty text, which RDKit reads as a molecule
    without atoms, is refused. `Problem.position` is -1 where no character can be named.
    """
    if not isinstance(text, str):
        return Problem(f"a SMILES must be text, not {type(text).__name__}", -1)
    if not text.strip():
        return Problem("empty SMILES", -1)
    if len(text) > MAX_LENGTH:
        if place := _REACTION.search(text):
            return Problem("a reaction is not a molecule: '>' does not belong here", place.start())
        return Problem(
            f"SMILES of {len(text):,} characters, more than the {MAX_LENGTH:,} allowed", MAX_LENGTH
        )
    with quiet():
        if len(text) > _SHORT and (reason := _too_large_text(text.strip())):
            return Problem(reason, -1)
        try:
            mol = Chem.MolFromSmiles(text, _PARSE) if _plain(text.strip()) else None
        except Exception:  # RDKit's C++ invariants surface as RuntimeError, among others
            mol = None
        if mol is not None and mol.GetNumAtoms():
            return mol
        return _diagnose(text)


def _too_large_text(text: str) -> str | None:
    """Whether a SMILES is of too large a molecule, before anything slow is done with it."""
    try:
        mol = Chem.MolFromSmiles(text, _SYNTAX_ONLY) if _plain(text) else None
    except Exception:  # as in `parse`, which says what is wrong
        return None
    return None if mol is None else too_large(mol)


def too_large(mol: Chem.Mol) -> str | None:
    """Why a molecule, sanitised or not, is too large to work on; None for one that is not."""
    atoms = sum(atom.GetAtomicNum() != 1 for atom in mol.GetAtoms())
    if atoms > MAX_ATOMS:
        return f"{atoms:,} atoms, more than the {MAX_ATOMS:,} allowed"
    rings = mol.GetNumBonds() - mol.GetNumAtoms() + 1
    if rings > MAX_RINGS:
        return f"at least {rings:,} rings, more than the {MAX_RINGS:,} allowed"
    return None


def _plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def canonical(mol: Chem.Mol) -> str:
    """The canonical SMILES of a molecule, with its stereochemistry."""
    return str(Chem.MolToSmiles(mol))


def canonical_form(mol: Chem.Mol, text: object = None) -> str | Problem:
    """The canonical SMILES of a molecule, or why it has none that can be relied on; never raises.

    Args:
        mol: sanitised.
        text: what it was read from, which is known to be read where it is the canonical form.
    """
    try:
        written = canonical(mol)
        if len(written) > MAX_LENGTH:
            return Problem(
                f"its canonical form has {len(written):,} characters, more than the "
                f"{MAX_LENGTH:,} allowed",
                -1,
            )
        if written == text:
            return written
        # of half-aromatic and dative bonds RDKit may write what it does not read
        again = parse(written)
        if isinstance(again, Problem) or (
            len(written) > MAX_LENGTH // 2 and len(canonical(again)) > MAX_LENGTH
        ):
            return Problem("its canonical form is not read again", -1)
    except Exception:  # RDKit's C++ layer raises whatever it likes
        return Problem("RDKit cannot write this molecule as a SMILES", -1)
    return written


def plain_smiles(mol: Chem.Mol) -> str:
    """The canonical SMILES without stereochemistry and isotopes, the form novelty is judged on."""
    return str(Chem.MolToSmiles(mol, isomericSmiles=False))


def inchikey(mol: Chem.Mol) -> str:
    """The standard InChIKey; the canonical SMILES where InChI has none (wildcards, polymers)."""
    with quiet():
        try:
            key = str(Chem.MolToInchiKey(mol))
        except Exception:  # as in `parse`: whatever InChI trips over, the SMILES identifies it
            key = ""
    return key or canonical(mol)


def _diagnose(text: str) -> Problem:
    """Why RDKit refused `text`; called with the log already quiet."""
    start = len(text) - len(text.lstrip())
    found = scan(text.strip())
    if not _plain(text.strip()):
        place = next(i for i, c in enumerate(text.strip()) if not _plain(c))
        if found.problem is None or place <= found.problem.position:
            return Problem(_odd_character(text.strip()[place]), start + place)
    if found.problem is not None:
        return Problem(found.problem.reason, start + found.problem.position)
    problem = _chemistry_problem(text.strip(), found)
    return Problem(problem.reason, problem.position + start if problem.position >= 0 else -1)


def _odd_character(character: str) -> str:
    if character in "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029":
        return "a SMILES has no line break"
    if character.isspace():
        return "a SMILES has no white space"
    name = "" if character.isascii() else unicodedata.name(character, "").lower()
    return f"character {character!a}{f' ({name})' * bool(name)} does not belong in a SMILES"


def _chemistry_problem(text: str, found: Scan) -> Problem:
    """Why a SMILES without a syntax error is refused nevertheless."""
    try:
        mol = Chem.MolFromSmiles(text, _SYNTAX_ONLY)
        if mol is None:
            return Problem("RDKit cannot read this as a SMILES", -1)
        why = refusal(mol)
    except Exception:  # as in `parse`
        why = None
    if why is None:
        return Problem("RDKit cannot make a molecule of this SMILES", -1)
    reason, atom = why
    known = atom is not None and atom < len(found.atoms)
    return Problem(reason, found.atoms[atom] if known and atom is not None else -1)


def refusal(mol: Chem.Mol) -> tuple[str, int | None] | None:
    """Sanitises `mol` in place: None, or the first thing wrong and the 0-based atom it is about."""
    try:
        Chem.SanitizeMol(mol)
    except Chem.MolSanitizeException as error:
        return _explain(mol, error.cause)
    return None


def _explain(mol: Chem.Mol, problem: Any) -> tuple[str, int | None]:
    """A reason in words and the atom it is about; atoms are counted from 1 in the words."""
    kind = problem.GetType()
    if kind == "KekulizeException":
        atoms = list(problem.GetAtomIndices())
        listed = ", ".join(str(i + 1) for i in atoms[:12]) + (", ..." if len(atoms) > 12 else "")
        hint = (
            " (one of its nitrogens may need to be [nH])"
            if any(mol.GetAtomWithIdx(i).GetSymbol() == "N" for i in atoms)
            else ""
        )
        return (
            f"the aromatic atoms {listed} cannot be kekulised: no pattern of double bonds "
            f"fits them{hint}",
            atoms[0] if atoms else None,
        )
    if hasattr(problem, "GetAtomIdx"):
        index = int(problem.GetAtomIdx())
        name = f"{_element(mol, index)} atom {index + 1}"
        if kind == "AtomValenceException":
            # "Explicit valence for atom # 1 N, 4, is greater than permitted"
            valence = problem.Message().split(",")[1].strip()
            return f"{name} has a valence of {valence}, more than allowed", index
        if kind == "AtomKekulizeException" and "non-ring" in problem.Message():
            return f"{name} is written as aromatic (lower case) but is in no ring", index
        return f"{name}: {counted_from_one(problem.Message().strip())}", index
    return counted_from_one(str(problem.Message()).strip().splitlines()[0]), None


def counted_from_one(message: str) -> str:
    """A message of RDKit's with its atoms counted from 1, as everywhere else."""
    return re.sub(r"\batom (?:# )?(\d+)", lambda found: f"atom {int(found[1]) + 1}", message)


def _element(mol: Chem.Mol, index: int) -> str:
    number = mol.GetAtomWithIdx(index).GetAtomicNum()
    return str(Chem.GetPeriodicTable().GetElementName(number)).lower() if number else "wildcard"
