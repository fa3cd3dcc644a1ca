"""Names that a person may write: of scores, and of catalogues of structural alerts.

Commands read and refuse them, and list them in `--help`, without RDKit; what they stand for is in
`domains.smiles.chem.scores` and `domains.smiles.chem.alerts`.
"""

from __future__ import annotations

from collections.abc import Sequence

from tvae_core.support.words import unknown_name

PLAIN = ("qed", "sa", "logp", "weight", "tpsa", "lipinski", "heavy_atoms", "rings")
"""Scores of a molecule alone."""
COMPARING = ("similarity", "scaffold_match")
"""Scores that compare with a reference."""

CATALOGS: dict[str, str] = {
    "pains": "PAINS",
    "pains_a": "PAINS_A",
    "pains_b": "PAINS_B",
    "pains_c": "PAINS_C",
    "brenk": "BRENK",
    "nih": "NIH",
    "zinc": "ZINC",
    "chembl": "CHEMBL",
    "chembl_bms": "CHEMBL_BMS",
    "chembl_dundee": "CHEMBL_Dundee",
    "chembl_glaxo": "CHEMBL_Glaxo",
    "chembl_inpharmatica": "CHEMBL_Inpharmatica",
    "chembl_lint": "CHEMBL_LINT",
    "chembl_mlsmr": "CHEMBL_MLSMR",
    "chembl_surechembl": "CHEMBL_SureChEMBL",
}
"""Catalogue names as a user writes them, and RDKit's."""
_ALL = ("pains", "brenk", "nih", "zinc", "chembl")
DEFAULT_ALERTS = "pains,brenk"
"""Catalogues that samples are held against where nothing is said."""


def default_names(with_reference: bool = False) -> list[str]:
    """The names of all scores, those that need a reference only if there is one."""
    return [*PLAIN, *(COMPARING if with_reference else ())]


def check_names(names: Sequence[str], with_reference: bool) -> None:
    """Refuses unknown score names, and reference-based ones without a reference.

    Raises:
        ValueError: naming the nearest known scores.
    """
    for name in names:
        if name not in PLAIN + COMPARING:
            raise unknown_name("score", name, PLAIN + COMPARING)
        if name in COMPARING and not with_reference:
            raise ValueError(f"score {name!r} needs a reference molecule to compare with")


def resolve_catalogs(names: str | Sequence[str]) -> tuple[str, ...]:
    """The catalogues behind a user's choice: names, `all` or `none`, in any case.

    A string may list several, separated by commas.

    Raises:
        ValueError: a name is unknown (the nearest are named), or `none` comes with others.
    """
    parts = names.split(",") if isinstance(names, str) else list(names)
    wanted = [part.strip().lower().replace("-", "_") for part in parts if part.strip()]
    for name in wanted:
        if name not in CATALOGS and name not in ("all", "none"):
            raise unknown_name("alert catalogue", name, [*CATALOGS, "all", "none"])
    if "none" in wanted and len(wanted) > 1:
        raise ValueError("alert catalogue 'none' cannot be combined with others")
    chosen = [real for name in wanted for real in (_ALL if name == "all" else (name,))]
    return tuple(dict.fromkeys(name for name in chosen if name != "none"))
