"""The numbers of a report as HTML: the headlines, the dial, neighbourhoods, labels, all of them."""

from __future__ import annotations

from collections.abc import Mapping

from tvae_core.evaluation.evaluate import Evaluation
from tvae_core.evaluation.geometry import RADII, SETTINGS
from tvae_core.evaluation.intervals import Estimate
from tvae_core.evaluation.labels import PROBES
from tvae_core.evaluation.report_parts import escaped, number, table
from tvae_core.evaluation.tables import AROUND, COLUMNS

HEADLINES = (
    ("reconstruction_exact", "exact reconstruction"),
    ("token_accuracy", "token accuracy"),
    ("cycle_r2", "cycle R², at the shipped setting"),
    ("prior_valid", "valid prior samples"),
    ("prior_unique", "unique of the valid"),
    ("prior_novel", "novel of the unique"),
    ("interpolation_valid", "valid between two items"),
    ("interpolation_distinct", "distinct items a path of 11"),
    ("probe_accuracy", "label read by a linear probe"),
)
"""The numbers of the first section, with what they are called."""


def headlines_html(found: Evaluation) -> str:
    """The numbers to look at first, each with its name and interval."""
    cards = [
        f"<div><dt>{escaped(what)} <code>{key}</code></dt>"
        f"<dd>{number(found.metrics[key], '.3f')}</dd></div>\n"
        for key, what in HEADLINES
        if key in found.metrics
    ]
    note = '<p class="note">Small numbers: 95% confidence intervals.</p>\n' if cards else ""
    return f'<dl class="numbers">{"".join(cards)}</dl>\n{note}' if cards else ""


def dial_html(found: Evaluation) -> str:
    """A row for each setting of the dial."""
    if not found.dial:
        return ""
    columns = [c for c in COLUMNS if any(c[0] in row for row in found.dial)]
    rows = [
        [number(row[key], ".3f") if key in row else "–" for key, _ in columns] for row in found.dial
    ]
    return (
        '<p class="note">1: follow the code; 0: stay valid.</p>\n'
        f"{table([head for _, head in columns], rows, 'figures')}"
    )


def neighbours_html(found: Evaluation) -> str:
    """A row for each setting and radius; empty for an evaluation without geometry."""
    if found.geometry is None:
        return ""
    rows = []
    for setting in SETTINGS:
        prefix = "" if setting is None else f"dial_{setting:.2f}_"
        for radius in RADII:
            keys = [f"{prefix}{key}_r{radius:g}" for key, _ in AROUND]
            held = [found.geometry.metrics.get(key, float("nan")) for key in keys]
            told = "dial of the radius" if setting is None else f"dial {setting:g}"
            rows.append([told, f"{radius:g}", *(number(value, ".3f") for value in held)])
    return table(["decoded at", "radius", *(head for _, head in AROUND)], rows, "figures")


def probes_html(metrics: Mapping[str, float]) -> str:
    """The probes beside their baselines; empty where nothing was classified."""
    rows = []
    for key, what in PROBES:
        if key in metrics:
            bar = f'<span class="bar" style="width:{10 * float(metrics[key]):.2f}em"></span>'
            rows.append([escaped(what), number(metrics[key], ".3f"), bar])
    if not rows:
        return ""
    counts = {key: f"{metrics.get(f'probe_{key}', 0):,.0f}" for key in ("classes", "train", "test")}
    note = (
        f"{counts['classes']} labels, {counts['train']} training items, {counts['test']} held-out "
        "ones. The codes were learned without labels."
    )
    return f'<p class="note">{note}</p>\n{table(["read by", "accuracy", ""], rows, "figures")}'


def all_html(found: Evaluation) -> str:
    """Every number of `flat`, folded away."""
    rows = []
    for key, value in found.flat().items():
        ends = (value.low, value.high) if isinstance(value, Estimate) else ()
        rows.append([f"<code>{escaped(key)}</code>", number(float(value)), *map(number, ends)])
    rows = [row + [""] * (4 - len(row)) for row in rows]
    held = table(["name", "value", "95% from", "to"], rows, "figures")
    return f"<details><summary>{len(rows)} numbers</summary>{held}</details>\n" if rows else ""
