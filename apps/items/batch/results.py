"""What came of a file of items: key figures, a sortable table with drawings, downloads."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import streamlit as st

from apps.common.bundle import Workbench
from apps.common.elements.bars import figures_html
from apps.common.widgets.pager import page_of
from apps.items.batch.job import (
    EXACT,
    NEARLY,
    NEIGHBOURS,
    RECONSTRUCT,
    SCORE,
    BatchJob,
    Record,
    file_row,
)
from apps.items.histograms import histogram_figure, key_html, values_of
from apps.items.spec import Spec
from apps.items.table import column_config, score_cells
from apps.items.view import picture_of, written
from apps.items.workplace import downloads, novelty

PER_PAGE = 25
IN_FILE, LEAST_LIKE, MOST_LIKE = "order in the file", "least similar first", "most similar first"


def sorts_of(spec: Spec, task: str) -> tuple[str, ...]:
    """What a task's results may be sorted by."""
    scores = tuple(spec.cards.scores)
    by_task = {
        RECONSTRUCT: (IN_FILE, LEAST_LIKE),
        NEIGHBOURS: (IN_FILE, MOST_LIKE, LEAST_LIKE, *scores[:1]),
        SCORE: (IN_FILE, *scores),
    }
    return by_task[task]


def percent(part: int, whole: int) -> str:
    """A share in words; a dash of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "–"


def median_of(values: Sequence[float]) -> float:
    """The median of what is defined; NaN where nothing is."""
    known = [value for value in values if not math.isnan(value)]
    return float(np.median(known)) if known else math.nan


def figures_of(spec: Spec, job: BatchJob) -> list[tuple[str, str, str]]:
    """The task's key figures: label, value, meaning."""
    done, records, unit = job.done, job.records, spec.unit
    view = spec.cards.similarity
    near = written(view, median_of([record.similarity for record in records]))
    valid = ("valid", percent(job.decoded_valid, done), f"decoded to a {unit}")
    if job.task == RECONSTRUCT:
        counts = Counter(record.kind for record in records)
        exact = percent(counts[EXACT], done)
        figures = [("come back exactly", exact, f"the same {unit}")]
        if counts[NEARLY]:
            said = next(record.said for record in records if record.kind == NEARLY)
            figures.append((said, percent(counts[NEARLY], done), "besides those"))
        return [*figures, valid, ("median similarity", near, view.about)]
    if job.task == NEIGHBOURS:
        per = len(records) / max(done / job.per, 1e-9) if done else 0.0
        return [
            ("neighbours", f"{len(records):,}", f"distinct for each {unit}, other than itself"),
            (f"per {unit}", f"{per:.1f}", f"distinct neighbours a {unit} of the file"),
            valid,
            ("median similarity", near, view.about),
        ]
    items = [record.found for record in records]
    figures = [(spec.words.noun, f"{len(items):,}", "scored")]
    for name in spec.cards.on_steps:
        score = spec.cards.scores[name]
        middle = median_of([item.scores.get(name, math.nan) for item in items])
        figures.append((f"median {score.label}", written(score, middle), score.about))
    return [*figures, *spec.hooks.figures(items)]


def draw_score_histogram(spec: Spec, bench: Workbench, records: Sequence[Record]) -> None:
    """A histogram of a score that is chosen, over that of the training set where it is known."""
    names = [name for name, view in spec.shown(bench).items() if view.form != "yes"]
    name = st.segmented_control(
        "Histogram of",
        names,
        default=names[0],
        required=True,
        format_func=lambda name: spec.cards.scores[name].title,
        key=f"{spec.prefix}batch_histogram",
        wrap=True,
        persist_state="session",
    )
    view, noun = spec.cards.scores[name], spec.words.noun
    behind = spec.hooks.reference(bench).get(name)
    if behind is not None:
        st.html(key_html(noun))
    st.plotly_chart(
        histogram_figure(view, noun, values_of([r.found for r in records], name), behind, 260),
        key=f"{spec.prefix}batch_chart",
        config={"displayModeBar": False},
        alt=f"histogram of {view.label}",
    )


def ordered(spec: Spec, records: Sequence[Record], sort: str) -> list[Record]:
    """Records in the order asked for; what has no value comes last."""
    if sort == IN_FILE:
        return list(records)
    by_likeness = sort in (LEAST_LIKE, MOST_LIKE)
    low_first = sort == LEAST_LIKE if by_likeness else spec.cards.scores[sort].lower

    def key(record: Record) -> tuple[bool, float]:
        value = record.similarity if by_likeness else record.found.scores.get(sort, math.nan)
        missing = math.isnan(value)
        return missing, 0.0 if missing else value if low_first else -value

    return sorted(records, key=key)


def table_row(spec: Spec, record: Record, task: str, novel: bool | None) -> dict[str, object]:
    """A record as the cells of a table."""
    row: dict[str, object] = {"Line": record.row.line, "Name": record.row.name or None}
    row["Picture"] = picture_of(spec, record.given)
    text = spec.words.text
    if task == RECONSTRUCT:
        why = record.found.why or record.reason
        row["Comes back as"] = picture_of(spec, record.found)
        row["Outcome"] = f"{record.said}: {why}" if why else record.said
        row["Similarity"] = record.similarity
        row[text] = record.given.form
        row["Comes back"] = record.found.form
        return row
    names = tuple(spec.cards.scores)
    if task == NEIGHBOURS:
        row["Neighbour"] = picture_of(spec, record.found)
        row["Similarity"] = record.similarity
        row["Times"] = record.times
        names = names[:4]
    row |= score_cells(spec, record.found, names)
    row |= {**spec.cards.cells(record.found), "Novel": novel, text: record.found.form}
    return row


def draw_table(spec: Spec, bench: Workbench, job: BatchJob, shown: Sequence[Record]) -> None:
    """One page of results."""
    part = page_of(shown, PER_PAGE, f"{spec.prefix}batch_page")
    news = novelty(spec, bench, [record.found for record in part])
    rows = [table_row(spec, r, job.task, n) for r, n in zip(part, news, strict=True)]
    st.dataframe(
        rows,
        key=f"{spec.prefix}batch_table_{job.task}",
        hide_index=True,
        row_height=96 if any(row["Picture"] for row in rows) else None,
        height="content" if len(rows) <= 6 else 640,
        column_config=column_config(spec, rows),
        alt=f"results by {spec.unit}",
    )


def draw_results(spec: Spec, bench: Workbench, job: BatchJob, file_name: str) -> None:
    """Figures, histogram, table and downloads of a task."""
    st.html(figures_html(figures_of(spec, job)))
    if job.task == SCORE and job.records:
        draw_score_histogram(spec, bench, job.records)
    with st.container(
        horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"
    ):
        scores = spec.cards.scores
        sort = st.selectbox(
            "Sort by",
            sorts_of(spec, job.task),
            format_func=lambda name: scores[name].title if name in scores else name.capitalize(),
            key=f"{spec.prefix}batch_sort_{job.task}",
            width=230,
            persist_state="session",
        )
        only = False
        if job.task == RECONSTRUCT:
            key = f"{spec.prefix}batch_changed"
            only = st.toggle("Only what changed", key=key, persist_state="session")
        shown = ordered(spec, job.records, sort)
        if only:
            shown = [record for record in shown if record.kind not in (EXACT, NEARLY)]
        downloads(
            spec,
            bench,
            "Batch",
            f"{file_name.rsplit('.', 1)[0]}-{job.task}",
            lambda: [file_row(spec, record, job.task) for record in shown],
            {**job.settings, "file": file_name, "done": job.done, "of": job.total},
            f"batch_{job.task}",
            disabled=not shown,
        )
    if shown:
        draw_table(spec, bench, job, shown)
    elif job.records or not job.running:
        st.info(
            "Everything came back unchanged." if only else "Nothing was found: try a larger radius."
        )
