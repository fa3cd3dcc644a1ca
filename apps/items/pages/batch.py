"""Batch: a file of items, reconstructed, scored, or with what lives around each of them."""

from __future__ import annotations

import streamlit as st

from apps.common.access import at_most, note_limit, read_only, switched_off
from apps.common.bundle import Workbench
from apps.common.page import literal, problem, shown_errors
from apps.common.upload import MEGABYTE, Upload, open_upload
from apps.common.widgets.controls import LARGEST_SEED
from apps.common.widgets.dial import fidelity_dial
from apps.items.batch.files import ROWS, SIZE, BatchFile, fitting, format_of, read_batch
from apps.items.batch.job import (
    MOST_DECODED,
    NEIGHBOURS,
    RECONSTRUCT,
    SCORE,
    BatchJob,
    around,
    reconstructing,
    scoring,
)
from apps.items.batch.results import draw_results
from apps.items.batch.rows import draw_account, draw_refused
from apps.items.hooks import Row
from apps.items.spec import Spec
from apps.items.view import compare_button
from apps.items.workplace import frame

TASKS = {RECONSTRUCT: "Reconstruct", SCORE: "Score", NEIGHBOURS: "Neighbours"}
READ_ONLY_ROWS = 50
"""Most items that are pasted in read-only mode."""
MOST_PASTED = 200_000


def about(spec: Spec) -> dict[str, str]:
    """What each task does."""
    unit, noun = spec.unit, spec.words.noun
    return {
        RECONSTRUCT: f"Encodes each {unit} and decodes its code: does it come back?",
        SCORE: f"Scores of each {unit}, and how they are distributed.",
        NEIGHBOURS: f"Decodes codes around each {unit}: distinct other {noun}, and how like it.",
    }


def forget(prefix: str) -> None:
    """Drops the file and what was made of it."""
    for name in (f"{prefix}batch_file", f"{prefix}batch_jobs", f"_{prefix}batch_upload"):
        st.session_state.pop(name, None)


def take(spec: Spec, upload: Upload, column: str | None = None) -> None:
    """Reads a file into the session."""
    kept: BatchFile | None = st.session_state.get(f"{spec.prefix}batch_file")
    if kept is not None and kept.digest == f"{upload.digest}:{column or ''}":
        return
    forget(spec.prefix)
    st.session_state[f"_{spec.prefix}batch_upload"] = upload
    most = at_most(ROWS, READ_ONLY_ROWS)
    st.session_state[f"{spec.prefix}batch_file"] = read_batch(spec, upload, column, most)
    st.session_state[f"{spec.prefix}batch_page"] = 0


def take_examples(spec: Spec) -> None:
    """Reads the well-known items as if they had been pasted."""
    typed = spec.field.examples.items()
    named = [text if name == text else f"{text}\t{name}" for name, text in typed]
    lines = named if format_of(spec).named else [text for _, text in typed]
    _take_text(spec, "examples", "\n".join(lines))


def take_pasted(spec: Spec) -> None:
    """Reads what was pasted."""
    _take_text(spec, "pasted", str(st.session_state.get(f"{spec.prefix}batch_pasted") or ""))


def _take_text(spec: Spec, name: str, text: str) -> None:
    kept = f"_{spec.prefix}batch_problem"
    st.session_state.pop(kept, None)
    file = format_of(spec).pasted.replace("pasted", name)
    try:
        take(spec, open_upload(file, text.encode(), SIZE))
    except ValueError as error:
        st.session_state[kept] = str(error)


def upload_field(spec: Spec) -> Upload | None:
    """The uploaded file, None for none; in read-only mode it says that there is no upload."""
    noun, form = spec.words.noun, format_of(spec)
    if read_only():
        switched_off("Uploads are")
        note_limit(READ_ONLY_ROWS, noun)
        return None
    kinds = ", ".join(ending for ending in form.endings if ending != "gz")
    usual = ", ".join(form.usual)
    found = st.file_uploader(
        f"A file of {noun}: {kinds}, also packed (.gz), of at most {ROWS:,} rows",
        type=list(form.endings),
        key=f"{spec.prefix}batch_upload",
        max_upload_size=int(SIZE / MEGABYTE),
        on_change=forget,
        args=(spec.prefix,),
        help=f"A table needs a column of {noun}, named {usual} or chosen below; a column such as "
        f"name or id is kept beside the results. What you bring stays on this machine.",
    )
    if found is None or f"_{spec.prefix}batch_upload" in st.session_state:
        return None
    return open_upload(found.name, found.getvalue(), SIZE)


def file_controls(spec: Spec) -> BatchFile | None:
    """The file: uploaded, pasted, or the one from before."""
    prefix, form = spec.prefix, format_of(spec)
    names = ", each with a name if you like" if form.named else ""
    left, right = st.columns([3, 2], gap="medium")
    with left:
        fresh = upload_field(spec)
    with right:
        st.text_area(
            f"Or paste {spec.words.noun}, one a line{names}",
            key=f"{prefix}batch_pasted",
            height=96,
            placeholder=form.example,
            max_chars=MOST_PASTED,
            persist_state="session",
        )
        with st.container(horizontal=True, gap="small"):
            st.button("Use these", key=f"{prefix}batch_paste", on_click=take_pasted, args=(spec,))
            st.button(
                "Try the examples",
                key=f"{prefix}batch_examples",
                on_click=take_examples,
                args=(spec,),
                type="tertiary",
            )
    if message := st.session_state.pop(f"_{prefix}batch_problem", ""):
        problem(message)
    if fresh is not None:
        st.session_state[f"_{prefix}batch_upload"] = fresh
    upload = st.session_state.get(f"_{prefix}batch_upload")
    if upload is not None:
        read(spec, upload)
    found: BatchFile | None = st.session_state.get(f"{prefix}batch_file")
    return found


def read(spec: Spec, upload: Upload) -> None:
    """Reads an upload; a table whose column of items is not plain asks for it."""
    form = format_of(spec)
    columns = upload.read(form.columns)
    named = [name for usual in form.usual for name in columns if name.lower() == usual]
    column = None
    if len(columns) > 1:
        column = st.selectbox(
            form.column,
            columns,
            index=columns.index(named[0]) if named else None,
            key=f"{spec.prefix}batch_column_{upload.digest}",
            placeholder=f"Choose the column that holds the {spec.words.noun}",
            width=320,
            persist_state="session",
        )
        if column is None:
            st.session_state.pop(f"{spec.prefix}batch_file", None)
            return
    with st.spinner(f"Reading {spec.words.noun} ..."):
        take(spec, upload, column)


def _around_controls(spec: Spec, rows: int) -> tuple[int, float, int]:
    """Codes an item, radius and seed."""
    in_all = at_most(MOST_DECODED)
    most = max(1, min(50, in_all // max(rows, 1)))
    one, two, three = st.columns([2, 3, 2])
    key = f"{spec.prefix}batch_per"
    st.session_state[key] = min(st.session_state.get(key, 8), most)
    per = one.number_input(
        f"Codes a {spec.unit}",
        1,
        most,
        key=key,
        help=f"Codes decoded around each {spec.unit}; at most {in_all:,} in all.",
        persist_state="session",
    )
    radius = two.slider(
        "Radius",
        0.05,
        3.0,
        0.5,
        0.05,
        key=f"{spec.prefix}batch_radius",
        help=f"Size of the step away from a {spec.unit}, in units of the codes' own spread.",
        persist_state="session",
    )
    seed = three.number_input(
        "Seed", 0, LARGEST_SEED, 0, key=f"{spec.prefix}batch_seed", persist_state="session"
    )
    return int(per), float(radius), int(seed)


def make_job(spec: Spec, bench: Workbench, task: str, rows: list[Row]) -> BatchJob | None:
    """Settings of the task and its button; a new job when it is pressed."""
    asked: dict[str, object] = {"task": task, "bundle": bench.hash}
    per, radius, seed, fidelity = 1, 1.0, 0, 1.0
    if task == RECONSTRUCT:
        with st.container(width=520):
            config = bench.space.model.config
            fidelity = fidelity_dial(config, f"{spec.prefix}batch_fidelity", 1.0)
        asked["fidelity"] = fidelity
    elif task == NEIGHBOURS:
        per, radius, seed = _around_controls(spec, len(rows))
        asked |= {f"per_{spec.unit}": per, "radius": radius, "seed": seed}
    decoded = f"{len(rows) * per:,} decodings"
    what = decoded if task != SCORE else f"{len(rows):,} {spec.words.noun}"
    if not st.button(
        f"{TASKS[task]} · {what}",
        type="primary",
        key=f"{spec.prefix}batch_go",
        icon=":material/play_arrow:",
        disabled=not rows,
    ):
        return None
    if task == SCORE:
        return scoring(spec, rows, asked)
    if task == RECONSTRUCT:
        return reconstructing(spec, rows, fidelity, asked)
    return around(spec, bench, rows, per, radius, seed, asked)


def progress(spec: Spec, job: BatchJob) -> None:
    """A progress bar with a stop button while the job runs, a note once it was stopped."""
    key = f"{spec.prefix}batch"
    if job.running:
        with st.container(horizontal=True, vertical_alignment="center", key=f"{key}_row"):
            st.progress(
                job.done / job.total, text=f"{job.done:,} of {job.total:,}", width="stretch"
            )
            st.button("Stop", key=f"{key}_stop", on_click=job.stop, icon=":material/stop_circle:")
    elif job.stopped and job.done < job.total:
        st.caption(f"Stopped after {job.done:,} of {job.total:,}.")


def work_on(spec: Spec, bench: Workbench, found: BatchFile, task: str, rows: list[Row]) -> None:
    """The task's settings and results; does a slice of its work."""
    kept = f"{spec.prefix}batch_jobs"
    jobs: dict[tuple[str, str, str], BatchJob] = st.session_state.setdefault(kept, {})
    key = (bench.hash, found.digest, task)
    with shown_errors():
        fresh = make_job(spec, bench, task, rows)
        if fresh is not None:
            jobs[key] = fresh
            st.session_state[f"{spec.prefix}batch_page"] = 0
        job = jobs.get(key)
        if job is None:
            return
        progress(spec, job)
        draw_results(spec, bench, job, found.name)
        if job.running:
            job.advance(bench)
            st.rerun()


def main() -> None:
    """Draws the page and does a slice of the work."""
    spec, bench = frame("batch")
    tasks = about(spec)
    with shown_errors():
        found = file_controls(spec)
    if found is None:
        for task, words in tasks.items():
            st.caption(f"**{TASKS[task]}** {words}")
        return
    rows, long = fitting(bench, found.items)
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        st.markdown(f"**{literal(found.name)}** · {len(found.items):,} {spec.words.noun}")
        if found.items and spec.hooks.compare:
            compare_button(f"{spec.prefix}batch", "uploaded")
    draw_account(spec, bench, found)
    task = st.segmented_control(
        "Task",
        list(TASKS),
        default=RECONSTRUCT,
        required=True,
        format_func=TASKS.__getitem__,
        key=f"{spec.prefix}batch_task",
        label_visibility="collapsed",
        persist_state="session",
    )
    st.caption(tasks[task])
    left_out = list(found.refused) + ([] if task == SCORE else long)
    draw_refused(spec, bench, sorted(left_out), found.name)
    chosen = list(found.items) if task == SCORE else rows
    if chosen:
        work_on(spec, bench, found, task, chosen)
    else:
        st.warning(f"The file has no {spec.unit} to work on.", icon=":material/block:")


main()
