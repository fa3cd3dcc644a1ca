"""The app of molecules: its words, its scores, drawings with alerts, goals, files, a sketcher."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from apps.common.bundle import Workbench, stamp_of
from apps.common.widgets.windows import Range
from apps.items.hooks import Goals, Histogram, Hooks, Named, Stage
from apps.items.spec import Cards, Field, ScoreView, Spec, Words
from apps.molecule import structure
from apps.molecule.constraints import constrain, terms
from apps.molecule.files import FORMAT
from apps.molecule.sketch import sketcher
from domains.smiles import SmilesDomain
from domains.smiles.chem.distributions import Distributions
from domains.smiles.chem.molecule import MAX_LENGTH
from domains.smiles.chem.scores import SCORES
from domains.smiles.commands import COMMANDS
from domains.smiles.domain import EXAMPLES
from domains.smiles.reference import REFERENCE_FILE

BUNDLE = COMMANDS.bundle


def score(name: str, label: str, form: str, ends: Range) -> ScoreView:
    """How a score of `domains.smiles.chem.scores` is shown."""
    about = SCORES[name]
    said = about.description + (f" ({about.unit})" if about.unit else "")
    unit = about.unit if about.unit in ("g/mol", "Å²") else ""
    return ScoreView(label, form, said, ends, about.better == "lower", unit)


def reference_of(bench: Workbench) -> Distributions | None:
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


def histograms(bench: Workbench) -> Mapping[str, Histogram]:
    """The histograms of the training set, by property."""
    found = reference_of(bench)
    return {} if found is None else found.histograms


TITLES = {
    "sample": (
        "Sample molecules",
        "Random codes from the prior, decoded to molecules. Filters act on what is already there.",
    ),
    "molecule": (
        "One molecule",
        "Type, paste or draw a molecule: its scores and alerts, what comes back from its "
        "code, and what lives around it.",
    ),
    "walk": (
        "Walk between two molecules",
        "Codes on the way from one molecule to another, each decoded to what lies there.",
    ),
    "map": (
        "Map of the latent space",
        "Sampled molecules on the two axes along which their codes vary most.",
    ),
    "compare": (
        "Compare with the training set",
        "Are these molecules like those the model learned from? Property by property.",
    ),
}
VIEWS = {
    "qed": score("qed", "QED", ".2f", Range(0.0, 1.0, 0.05)),
    "sa": score("sa", "SA", ".1f", Range(1.0, 10.0, 0.5)),
    "logp": score("logp", "logP", ".1f", Range(-4.0, 8.0, 0.5)),
    "weight": score("weight", "MW", ".0f", Range(100.0, 700.0, 10.0)),
    "tpsa": score("tpsa", "TPSA", ".0f", Range(0.0, 200.0, 5.0)),
    "lipinski": score("lipinski", "Ro5 breaks", ".0f", Range(0.0, 4.0, 1.0)),
    "heavy_atoms": score("heavy_atoms", "Heavy atoms", ".0f", Range(5.0, 60.0, 1.0)),
    "rings": score("rings", "Rings", ".0f", Range(0.0, 10.0, 1.0)),
}

SPEC = Spec(
    app="molecules",
    commands=COMMANDS,
    make_domain=lambda folder: SmilesDomain(),
    words=Words(
        noun="molecules",
        titles=TITLES,
        text="SMILES",
        page="molecule",
        look=("Open", "Look at this molecule on the Molecule page"),
        likeness="Tanimoto similarity",
    ),
    cards=Cards(
        scores=VIEWS,
        names=("qed", "sa", "logp", "weight", "tpsa", "lipinski"),
        on_steps=("qed", "sa", "logp"),
        draw=structure.face_of,
        width=200,
        strip=158,
        always_text=True,
        badges=structure.alert_chips,
        similarity=ScoreView("Similarity", ".2f", "Tanimoto, Morgan radius 2, 2,048 bits"),
        changed=structure.changed_face,
        cells=structure.alert_cells,
        views=("reconstruction", "neighbours", "stability"),
        one=structure.chosen_face,
    ),
    field=Field(
        examples={name.title(): smiles for name, smiles in EXAMPLES.items()},
        ends=(EXAMPLES["lidocaine"], EXAMPLES["metoprolol"]),
        label="SMILES",
        key="smiles",
        longest=MAX_LENGTH,
        in_address=True,
        desk=sketcher,
    ),
    hooks=Hooks(
        key=structure.key_of,
        stages=(Stage("alerts", "No alerts", "alerts", structure.choose_alerts),),
        sort="+qed",
        told=structure.told_of,
        against=structure.against,
        same_but=structure.same_but,
        goals=Goals(
            named={
                "qed": Named(
                    "Drug-likeness (QED)",
                    "qed",
                    "Quantitative estimate of drug-likeness, 0 to 1.",
                ),
                "qed - 0.1*sa": Named(
                    "Drug-likeness, and easy to make",
                    "qed - 0.1*sa",
                    "`qed - 0.1*sa`: drug-likeness less a tenth of the synthetic accessibility "
                    "score.",
                ),
                "plogp": Named(
                    "Penalised logP",
                    "plogp",
                    "logP less penalties for hard syntheses and large rings, the benchmark's usual "
                    "goal.",
                ),
            },
            targets=("logp",),
            first="qed - 0.1*sa",
            constrain=constrain,
            terms=terms,
        ),
        file=FORMAT,
        reference=histograms,
        figures=structure.alert_figures,
        compare=True,
        formats=("sdf", "csv", "smi", "jsonl"),
    ),
)

workbench = SPEC.workbench
