"""What came of a file of molecules: key figures, a sortable table with structures, downloads."""

from __future__ import annotations

import math
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import streamlit as st

from apps.common.bundle import Workbench
from apps.common.downloads import download_bar
from apps.common.elements.bars import figures_html
from apps.common.widgets.pager import page_of
from apps.molecule.batch import (
    EXACT,
    NEIGHBOURS,
    RECONSTRUCT,
    SCORE,
    STEREO,
    BatchJob,
    Record,
    file_row,
)
from apps.molecule.facts import Facts, alerts_of, drawing, novelty
from apps.molecule.histograms import KEY, histogram_figure, values_of
from apps.molecule.view import ALL_SCORES, LABELS, ON_CARDS, meaning, slim
from apps.molecule.workplace import known_set, provenance, reference, write

PER_PAGE = 25
PICTURE = (220, 130)
IN_FILE, LEAST_LIKE, MOST_LIKE = "order in the file", "least similar first", "most similar first"
SORTS: dict[str, tuple[str, ...]] = {
    RECONSTRUCT: (IN_FILE, LEAST_LIKE),
    NEIGHBOURS: (IN_FILE, MOST_LIKE, LEAST_LIKE, "qed"),
    SCORE: (IN_FILE, *ALL_SCORES),
}


def picture(facts: Facts) -> str:
    """A structure for a cell of a table; empty for what is no molecule."""
    if not facts.ok:
        return ""
    svg = slim(drawing(facts.smiles, (), PICTURE))
    return "data:image/svg+xml;base64," + b64encode(svg.encode()).decode()


def percent(part: int, whole: int) -> str:
    """A share in words; a dash of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "–"


def draw_figures(job: BatchJob) -> None:
    """The task's key figures."""
    done, records = job.done, job.records
    near = [r.similarity for r in records if not math.isnan(r.similarity)]
    middle = f"{np.median(near):.2f}" if near else "–"
    if job.task == RECONSTRUCT:
        counts = Counter(record.kind for record in records)
        figures = [
            ("come back exactly", percent(counts[EXACT], done), "the same molecule, by InChIKey"),
            (
                "stereo aside",
                percent(counts[EXACT] + counts[STEREO], done),
                "the same but for stereochemistry at most",
            ),
            ("valid", percent(job.decoded_valid, done), "decoded to a molecule"),
            ("median similarity", middle, "Tanimoto, Morgan radius 2, of what came back"),
        ]
    elif job.task == NEIGHBOURS:
        per = len(records) / max(done / job.per, 1e-9) if done else 0.0
        figures = [
            ("neighbours", f"{len(records):,}", "distinct for each molecule, other than itself"),
            ("per molecule", f"{per:.1f}", "distinct neighbours a molecule of the file"),
            ("valid", percent(job.decoded_valid, done), "decoded to a molecule"),
            ("median similarity", middle, "Tanimoto, Morgan radius 2"),
        ]
    else:
        clean = sum(not alerts_of(record.found) for record in records)
        figures = [("molecules", f"{len(records):,}", "scored")]
        for name in ("qed", "sa", "logp"):
            values = values_of([r.found for r in records], name)
            known = values[np.isfinite(values)]
            text = f"{np.median(known):.2f}" if len(known) else "–"
            figures.append((f"median {LABELS[name][0]}", text, meaning(name)))
        figures.append(("without alerts", percent(clean, done), "of PAINS and BRENK"))
    st.html(figures_html(figures))


def draw_score_histogram(bench: Workbench, records: Sequence[Record]) -> None:
    """A histogram of a property that is chosen, over that of the training set."""
    name = st.segmented_control(
        "Histogram of",
        ALL_SCORES,
        default="qed",
        required=True,
        format_func=lambda name: LABELS[name][0],
        key="batch_histogram",
        wrap=True,
        persist_state="session",
    )
    found = reference(bench)
    behind = None if found is None else found.histograms.get(name)
    if behind is not None:
        st.html(KEY)
    st.plotly_chart(
        histogram_figure(name, values_of([r.found for r in records], name), behind, 260),
        key="batch_chart",
        config={"displayModeBar": False},
        alt=f"histogram of {LABELS[name][0]}",
    )


def ordered(records: Sequence[Record], sort: str) -> list[Record]:
    """Records in the order asked for; what has no value comes last."""
    if sort == IN_FILE:
        return list(records)

    def key(record: Record) -> tuple[bool, float]:
        value = (
            record.similarity
            if sort in (LEAST_LIKE, MOST_LIKE)
            else record.found.scores.get(sort, math.nan)
        )
        missing = math.isnan(value)
        worst_first = sort == LEAST_LIKE or sort == "sa"
        return missing, 0.0 if missing else value if worst_first else -value

    return sorted(records, key=key)


def table_row(record: Record, task: str, novel: bool | None) -> dict[str, object]:
    """A record as the cells of a table."""
    row: dict[str, object] = {"Line": record.row.line, "Name": record.row.name or None}
    row["Structure"] = picture(record.given)
    if task == RECONSTRUCT:
        row["Comes back as"] = picture(record.found)
        row["Outcome"] = record.kind if record.found.ok else f"invalid: {record.found.why}"
        row["Similarity"] = record.similarity
        row["SMILES"] = record.given.smiles
        row["Comes back"] = record.found.smiles or record.found.text
        return row
    if task == NEIGHBOURS:
        row["Neighbour"] = picture(record.found)
        row["Similarity"] = record.similarity
        row["Times"] = record.times
    names = ON_CARDS[:4] if task == NEIGHBOURS else ALL_SCORES
    row |= {LABELS[name][0]: record.found.scores.get(name, math.nan) for name in names}
    row["Alerts"] = ", ".join(alert.name.replace("_", " ") for alert in alerts_of(record.found))
    row["Novel"] = novel
    row["SMILES"] = record.found.smiles
    return row


def column_config(rows: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """How the columns of a table are drawn; those that are empty are left out."""
    config: dict[str, object] = {
        "Line": st.column_config.NumberColumn(width=50, pinned=True, help="of the file"),
        "Name": st.column_config.TextColumn(width=110),
        "Similarity": st.column_config.NumberColumn(format="%.2f", help="Tanimoto, Morgan 2"),
        "Alerts": st.column_config.TextColumn(width=150, help="of PAINS and BRENK"),
        "Outcome": st.column_config.TextColumn(width="medium"),
        "Novel": st.column_config.CheckboxColumn(help="not in the training set"),
    }
    for name in ("Structure", "Comes back as", "Neighbour"):
        config[name] = st.column_config.ImageColumn(width=170)
    for name in ALL_SCORES:
        label, form = LABELS[name]
        config[label] = st.column_config.NumberColumn(format=f"%{form}", help=meaning(name))
    for name in ("Name", "Novel"):
        if all(row.get(name) is None for row in rows):
            config[name] = None
    return config


def draw_table(bench: Workbench, job: BatchJob, shown: Sequence[Record]) -> None:
    """One page of results with structures."""
    part = page_of(shown, PER_PAGE, "batch_page")
    news = novelty([record.found for record in part], known_set(bench))
    rows = [table_row(r, job.task, n) for r, n in zip(part, news, strict=True)]
    st.dataframe(
        rows,
        key=f"batch_table_{job.task}",
        hide_index=True,
        row_height=96,
        height="content" if len(rows) <= 6 else 640,
        column_config=column_config(rows),
        alt="results by molecule",
    )


def draw_results(bench: Workbench, job: BatchJob, file_name: str) -> None:
    """Figures, histogram, table and downloads of a task."""
    draw_figures(job)
    if job.task == SCORE and job.records:
        draw_score_histogram(bench, job.records)
    with st.container(
        horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"
    ):
        sort = st.selectbox(
            "Sort by",
            SORTS[job.task],
            format_func=lambda name: LABELS[name][0] if name in LABELS else name.capitalize(),
            key=f"batch_sort_{job.task}",
            width=230,
            persist_state="session",
        )
        only = False
        if job.task == RECONSTRUCT:
            only = st.toggle("Only what changed", key="batch_changed", persist_state="session")
        shown = ordered(job.records, sort)
        if only:
            shown = [record for record in shown if record.kind not in (EXACT, STEREO)]
        stem = file_name.rsplit(".", 1)[0]
        settings = {**job.settings, "file": file_name, "done": job.done, "of": job.total}
        rows: Callable[[], list[dict[str, object]]] = lambda: [  # noqa: E731
            file_row(record, job.task) for record in shown
        ]
        download_bar(
            f"{stem}-{job.task}",
            rows,
            provenance(bench, "Batch", settings),
            write,
            formats=("csv", "sdf"),
            key=f"batch_{job.task}",
            disabled=not shown,
        )
    if shown:
        draw_table(bench, job, shown)
    elif job.records or not job.running:
        st.info(
            "Everything came back unchanged." if only else "Nothing was found: try a larger radius."
        )
