"""What every page of the molecules app needs: the bundle, the known set, files with provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from apps.common import codes
from apps.common.bundle import (
    Workbench,
    bundle_folder,
    bundle_panel,
    open_workbench,
    stamp_of,
)
from apps.common.page import heading, shown_errors
from apps.molecule_parts.facts import Facts, alerts_of
from domains.smiles import SmilesDomain
from domains.smiles.chem.distributions import Distributions
from domains.smiles.chem.writers import write_molecules
from domains.smiles.domain import BUNDLE
from domains.smiles.novelty import KnownSet
from domains.smiles.reference import REFERENCE_FILE

KNOWN_FILE = "known.bin"


def workbench() -> Workbench:
    """The loaded bundle of this session.

    Raises:
        BundleError: it cannot be used.
    """
    return open_workbench(bundle_folder(BUNDLE), SmilesDomain())


def frame(title: str, lead: str) -> Workbench:
    """Draws the head of a page and gives the bundle."""
    bench = workbench()
    heading(title, lead, lambda: bundle_panel(bench, BUNDLE))
    return bench


def known_set(bench: Workbench) -> KnownSet | None:
    """The bundle's set of training molecules; None if it has none, or a damaged one (said so)."""
    path = bench.folder / KNOWN_FILE
    if not path.is_file():
        return None
    with shown_errors(stop=False):
        return _known(str(path), stamp_of(bench.folder))
    return None


@st.cache_resource(max_entries=2, show_spinner=False)
def _known(path: str, stamp: tuple[int, ...]) -> KnownSet:
    del stamp
    return KnownSet.load(path)


def reference(bench: Workbench) -> Distributions | None:
    """How the training set's properties are distributed; None if the bundle does not say.

    Raises:
        ValueError: the bundle's file is damaged.
    """
    path = bench.folder / REFERENCE_FILE
    return _reference(str(path), stamp_of(bench.folder)) if path.is_file() else None


@st.cache_resource(max_entries=2, show_spinner=False)
def _reference(path: str, stamp: tuple[int, ...]) -> Distributions:
    del stamp
    return Distributions.load(path)


def write(
    path: Path, rows: Sequence[Mapping[str, object]], format: str, metadata: Mapping[str, object]
) -> None:
    """Writes molecules to a file, as the commands do."""
    write_molecules(path, rows, format, metadata)


def provenance(bench: Workbench, page: str, settings: Mapping[str, object]) -> dict[str, object]:
    """What a download says of where it came from."""
    return codes.provenance(bench, "molecules", page, settings)


def row_of(facts: Facts, **more: object) -> dict[str, object]:
    """A flat row of a file; an invalid text has its reason instead of scores."""
    if facts.problem is not None:
        place = None if facts.position is None else facts.position + 1
        return {"smiles": facts.text, **more, "reason": facts.problem.reason, "character": place}
    return {
        "smiles": facts.smiles,
        **more,
        "inchikey": facts.inchikey,
        **facts.scores,
        "alerts": [alert.name for alert in alerts_of(facts)],
        "scaffold": facts.scaffold,
    }
