"""The SMILES domain: molecules as text, behind the `Domain` protocol.

`SmilesDomain().check(["OCC", "C1CC"])` finds the first valid, canonically `CCO`, and the second
not: ring 1, opened at its second character, is never closed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from domains.smiles.chem.drawing import DEFAULT_SIZE, draw_svg
from domains.smiles.chem.syntax import Problem
from tvae_core.bundle_domain import BundleDomain
from tvae_core.domain import DomainError, FloatArray, Rendered, Verdict

if TYPE_CHECKING:
    from rdkit import Chem

BUNDLE = Path(__file__).parent / "bundle"
"""The trained bundle that ships with the domain."""

EXAMPLES: dict[str, str] = {
    "aspirin": "CC(=O)Oc1ccccc1C(=O)O",
    "caffeine": "Cn1c(=O)c2c(ncn2C)n(C)c1=O",
    "ibuprofen": "CC(C)Cc1ccc(C(C)C(=O)O)cc1",
    "paracetamol": "CC(=O)Nc1ccc(O)cc1",
    "lidocaine": "CCN(CC)CC(=O)Nc1c(C)cccc1C",
    "diazepam": "CN1C(=O)CN=C(c2ccccc2)c2cc(Cl)ccc21",
    "sildenafil": "CCCc1nn(C)c2c(=O)[nH]c(-c3cc(S(=O)(=O)N4CCN(C)CC4)ccc3OCC)nc12",
    "imatinib": "Cc1ccc(NC(=O)c2ccc(CN3CCN(C)CC3)cc2)cc1Nc1nccc(-c2cccnc2)n1",
    "celecoxib": "Cc1ccc(-c2cc(C(F)(F)F)nn2-c2ccc(S(N)(=O)=O)cc2)cc1",
    "fluconazole": "OC(Cn1cncn1)(Cn1cncn1)c1ccc(F)cc1F",
    "omeprazole": "COc1ccc2[nH]c(S(=O)Cc3ncc(C)c(OC)c3C)nc2c1",
    "metoprolol": "COCCc1ccc(OCC(O)CNC(C)C)cc1",
}
"""Well-known drugs by name, without stereochemistry, in canonical form."""


class SmilesDomain(BundleDomain):
    """Molecules; an item is an `rdkit.Chem.Mol`. Implements `tvae_core.domain.Domain`."""

    name = "smiles"
    shipped, items = BUNDLE, "molecules"

    def __init__(self, bundle: str | Path | None = None, jobs: int = 1) -> None:
        """Nothing is read yet.

        Args:
            bundle: the folder (a bundle or a prepared set) whose `tokenizer.json` is used; the
                shipped bundle by default.
            jobs: processes that `score` may use.
        """
        super().__init__(bundle)
        self.jobs = jobs

    def to_text(self, item: Chem.Mol) -> str:
        """The canonical SMILES of a molecule, with its stereochemistry."""
        from rdkit import Chem

        from domains.smiles.chem.molecule import canonical

        if not isinstance(item, Chem.Mol):
            raise DomainError(f"a molecule is an rdkit Mol, not {type(item).__name__}")
        return canonical(item)

    def from_text(self, text: str) -> Chem.Mol:
        """The molecule of a SMILES, sanitised.

        Raises:
            DomainError: it does not parse or is chemically impossible; with the reason and, where
                one character can be blamed, its position.
        """
        from domains.smiles.chem.molecule import canonical_form, parse

        mol = parse(text)
        found = mol if isinstance(mol, Problem) else canonical_form(mol, text)
        if isinstance(found, Problem):
            raise DomainError(found.reason, found.position if found.position >= 0 else None)
        assert not isinstance(mol, Problem)
        return mol

    def check(self, texts: Sequence[str]) -> list[Verdict]:
        """One verdict a text, the canonical SMILES or the reason and position; never raises."""
        return [_verdict(text) for text in texts]

    def score(self, texts: Sequence[str]) -> dict[str, FloatArray]:
        """All scores that need no reference, each `(len(texts),)`; see `scores.SCORES`."""
        from domains.smiles.chem.scores import score_all

        return score_all(texts, jobs=self.jobs)

    def similarity(self, a: Sequence[str], b: Sequence[str]) -> FloatArray:
        """Tanimoto similarity of `a[i]` and `b[i]`, Morgan radius 2, 2,048 bits; NaN if invalid."""
        from domains.smiles.chem.similarity import tanimoto

        return tanimoto(a, b)

    def features(self, texts: Sequence[str]) -> FloatArray:
        """What makes molecules alike, see `domains.smiles.chem.features`; NaN rows if invalid."""
        from domains.smiles.chem.features import molecule_features

        return molecule_features(texts)

    def why_lost(
        self, given: Sequence[str], back: Sequence[str], bundle: Path | None
    ) -> list[str | None]:
        """Why molecules do not come back; see `domains.smiles.reading.lost`."""
        from domains.smiles.reading.lost import why_lost

        return why_lost(given, back, bundle)

    def render(
        self,
        text: str,
        *,
        size: tuple[int, int] = DEFAULT_SIZE,
        highlight: Collection[int] = (),
    ) -> Rendered:
        """A drawing as SVG; `highlight` marks atoms, counted from 0 in the order of the text.

        Raises:
            DomainError: the text is no molecule.
        """
        return Rendered("svg", draw_svg(self.from_text(text), size=size, highlight=highlight))

    def examples(self) -> list[str]:
        """Well-known drugs; `EXAMPLES` has their names."""
        return list(EXAMPLES.values())


def _verdict(text: object) -> Verdict:
    from domains.smiles.chem.molecule import canonical_form, parse

    mol = parse(text)
    written = mol if isinstance(mol, Problem) else canonical_form(mol, text)
    if isinstance(written, Problem):
        place = written.position if written.position >= 0 else None
        return Verdict(False, reason=written.reason, position=place)
    return Verdict(True, canonical=written)
