"""Drawings of molecules as SVG: `draw_svg(mol, size=(300, 220), highlight=[3, 4])`."""

from __future__ import annotations

from collections.abc import Collection

from rdkit import Chem
from rdkit.Chem.Draw import rdMolDraw2D

from domains.smiles.chem.molecule import quiet

DEFAULT_SIZE = (300, 220)
HIGHLIGHT = (1.0, 0.72, 0.45)
MAX_SIDE = 4000
MAX_DRAWN = 250
"""Most atoms of a drawing: placing them takes time that grows with their cube."""


def draw_svg(
    mol: Chem.Mol,
    *,
    size: tuple[int, int] = DEFAULT_SIZE,
    highlight: Collection[int] = (),
    legend: str = "",
    background: bool = False,
) -> str:
    """Draws a molecule.

    Args:
        mol: a sanitised molecule; its coordinates, if any, are kept.
        size: width and height in pixels.
        highlight: atoms to mark, with the bonds between them.
        legend: a line under the drawing.
        background: paint it white; otherwise it is transparent.

    Returns:
        An `<svg>` element without the XML header, ready for a page; a line of text in it for a
        molecule of more than `MAX_DRAWN` atoms.

    Raises:
        ValueError: a size outside 1 to 4,000 pixels, or an atom that does not exist.
    """
    width, height = size
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise ValueError(f"a drawing of {width} x {height} pixels: sides go from 1 to {MAX_SIDE}")
    atoms = sorted(set(highlight))
    if atoms and (atoms[0] < 0 or atoms[-1] >= mol.GetNumAtoms()):
        raise ValueError(f"atoms to highlight go from 0 to {mol.GetNumAtoms() - 1}")
    if mol.GetNumAtoms() > MAX_DRAWN:
        return _too_large(width, height, mol.GetNumAtoms())
    bonds = [
        bond.GetIdx()
        for bond in mol.GetBonds()
        if bond.GetBeginAtomIdx() in atoms and bond.GetEndAtomIdx() in atoms
    ]
    with quiet():
        drawer = rdMolDraw2D.MolDraw2DSVG(width, height)
        options = drawer.drawOptions()
        options.clearBackground = background
        options.setHighlightColour(HIGHLIGHT)
        try:
            ready = rdMolDraw2D.PrepareMolForDrawing(mol)
        except ValueError:  # some odd aromatic systems do not kekulise a second time
            ready = rdMolDraw2D.PrepareMolForDrawing(mol, kekulize=False)
            options.prepareMolsBeforeDrawing = False
        drawer.DrawMolecule(ready, legend=legend, highlightAtoms=atoms, highlightBonds=bonds)
        drawer.FinishDrawing()
        svg = str(drawer.GetDrawingText())
    return svg[svg.index("<svg") :]


def _too_large(width: int, height: int, atoms: int) -> str:
    return (
        f"<svg version='1.1' xmlns='http://www.w3.org/2000/svg' width='{width}px' "
        f"height='{height}px' viewBox='0 0 {width} {height}'><text x='50%' y='50%' "
        f"text-anchor='middle' font-size='12' fill='#777777'>{atoms:,} atoms: too many to draw"
        "</text></svg>\n"
    )
