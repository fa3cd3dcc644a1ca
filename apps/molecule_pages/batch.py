"""Batch: a file of molecules, reconstructed, scored, or with what lives around each of them."""

from __future__ import annotations

import streamlit as st

from apps.common.access import at_most
from apps.common.bundle import Workbench
from apps.common.dial import fidelity_dial
from apps.common.page import go, literal, problem, shown_errors
from apps.common.upload import Upload, open_upload
from apps.molecule_parts.batch import (
    MOST_DECODED,
    NEIGHBOURS,
    RECONSTRUCT,
    ROWS,
    SCORE,
    SIZE,
    BatchFile,
    BatchJob,
    around,
    fitting,
    read_batch,
    reconstructing,
    scoring,
    table_columns,
)
from apps.molecule_parts.batch_results import draw_results
from apps.molecule_parts.batch_rows import draw_account, draw_refused
from apps.molecule_parts.upload_field import READ_ONLY_ROWS, molecule_file
from apps.molecule_parts.workplace import frame
from domains.smiles.domain import EXAMPLES
from domains.smiles.reading.readers import SMILES_COLUMNS, Row

TASKS = {RECONSTRUCT: "Reconstruct", SCORE: "Score", NEIGHBOURS: "Neighbours"}
ABOUT = {
    RECONSTRUCT: "Encodes each molecule and decodes its code: does it come back?",
    SCORE: "Scores and alerts of each molecule, and how they are distributed.",
    NEIGHBOURS: "Decodes codes around each molecule: distinct other molecules, and how like it.",
}
MOST_PASTED = 200_000


def forget() -> None:
    """Drops the file and what was made of it."""
    for name in ("batch_file", "batch_jobs", "_batch_upload"):
        st.session_state.pop(name, None)


def take(upload: Upload, column: str | None = None) -> None:
    """Reads a file into the session; errors are kept to be shown."""
    kept: BatchFile | None = st.session_state.get("batch_file")
    if kept is not None and kept.digest == f"{upload.digest}:{column or ''}":
        return
    forget()
    st.session_state["_batch_upload"] = upload
    st.session_state["batch_file"] = read_batch(upload, column, at_most(ROWS, READ_ONLY_ROWS))
    st.session_state["batch_page"] = 0


def take_examples() -> None:
    """Reads the well-known drugs as if they had been uploaded."""
    lines = "".join(f"{smiles} {name}\n" for name, smiles in EXAMPLES.items())
    take(Upload("drugs.smi", lines.encode()))


def take_pasted() -> None:
    """Reads what was pasted."""
    text = str(st.session_state.get("batch_pasted") or "")
    st.session_state.pop("_batch_problem", None)
    try:
        take(open_upload("pasted.smi", text.encode(), SIZE))
    except ValueError as error:
        st.session_state["_batch_problem"] = str(error)


def file_controls() -> BatchFile | None:
    """The file: uploaded, pasted, or the one from before."""
    left, right = st.columns([3, 2], gap="medium")
    with left:
        uploaded = molecule_file(forget)
    with right:
        st.text_area(
            "Or paste SMILES, one a line, each with a name if you like",
            key="batch_pasted",
            height=96,
            placeholder="CC(=O)Nc1ccc(O)cc1 paracetamol",
            max_chars=MOST_PASTED,
            persist_state="session",
        )
        with st.container(horizontal=True, gap="small"):
            st.button("Use these", key="batch_paste", on_click=take_pasted)
            st.button(
                "Try some drugs", key="batch_examples", on_click=take_examples, type="tertiary"
            )
    if message := st.session_state.pop("_batch_problem", ""):
        problem(message)
    if uploaded is not None and "_batch_upload" not in st.session_state:
        upload = open_upload(uploaded.name, uploaded.getvalue(), SIZE)
        st.session_state["_batch_upload"] = upload
    upload = st.session_state.get("_batch_upload")
    if upload is not None:
        read(upload)
    found: BatchFile | None = st.session_state.get("batch_file")
    return found


def read(upload: Upload) -> None:
    """Reads an upload; a table whose column of SMILES is not plain asks for it."""
    columns = table_columns(upload)
    named = [name for usual in SMILES_COLUMNS for name in columns if name.lower() == usual]
    column = None
    if len(columns) > 1:
        column = st.selectbox(
            "Column of SMILES",
            columns,
            index=columns.index(named[0]) if named else None,
            key=f"batch_column_{upload.digest}",
            placeholder="Choose the column that holds the SMILES",
            width=320,
            persist_state="session",
        )
        if column is None:
            st.session_state.pop("batch_file", None)
            return
    with st.spinner("Reading molecules ..."):
        take(upload, column)


def make_job(bench: Workbench, task: str, rows: list[Row]) -> BatchJob | None:
    """Settings of the task and its button; a new job when it is pressed."""
    asked: dict[str, object] = {"task": task}
    per, radius, seed, fidelity = 1, 1.0, 0, 1.0
    if task == RECONSTRUCT:
        with st.container(width=520):
            fidelity = fidelity_dial(bench.space.model.config, "batch_fidelity", 1.0)
        asked["fidelity"] = fidelity
    elif task == NEIGHBOURS:
        in_all = at_most(MOST_DECODED)
        most = max(1, min(50, in_all // max(len(rows), 1)))
        one, two, three = st.columns([2, 3, 2])
        st.session_state["batch_per"] = min(st.session_state.get("batch_per", 8), most)
        per = one.number_input(
            "Codes a molecule",
            1,
            most,
            key="batch_per",
            help=f"Codes decoded around each molecule; at most {in_all:,} in all.",
            persist_state="session",
        )
        radius = two.slider(
            "Radius",
            0.05,
            3.0,
            0.5,
            0.05,
            key="batch_radius",
            help="Size of the step away from a molecule, in units of the codes' own spread.",
            persist_state="session",
        )
        seed = three.number_input(
            "Seed", 0, 2**31 - 1, 0, key="batch_seed", persist_state="session"
        )
        asked |= {"per_molecule": per, "radius": radius, "seed": seed}
    what = f"{len(rows) * per:,} decodings" if task != SCORE else f"{len(rows):,} molecules"
    if not st.button(
        f"{TASKS[task]} · {what}",
        type="primary",
        key="batch_go",
        icon=":material/play_arrow:",
        disabled=not rows,
    ):
        return None
    asked["bundle"] = bench.hash
    if task == SCORE:
        return scoring(rows, asked)
    if task == RECONSTRUCT:
        return reconstructing(rows, fidelity, asked)
    return around(bench, rows, int(per), radius, int(seed), asked)


def progress(job: BatchJob) -> None:
    """A progress bar with a stop button while the job runs, a note once it was stopped."""
    if job.running:
        with st.container(horizontal=True, vertical_alignment="center", key="batch_row"):
            st.progress(
                job.done / job.total, text=f"{job.done:,} of {job.total:,}", width="stretch"
            )
            st.button("Stop", key="batch_stop", on_click=job.stop, icon=":material/stop_circle:")
    elif job.stopped and job.done < job.total:
        st.caption(f"Stopped after {job.done:,} of {job.total:,}.")


def main() -> None:
    """Draws the page and does a slice of the work."""
    bench = frame(
        "A file of molecules",
        "Upload or paste molecules: do they come back, what do they score, what lives around them?",
    )
    with shown_errors():
        found = file_controls()
    if found is None:
        for task, about in ABOUT.items():
            st.caption(f"**{TASKS[task]}** {about}")
        return
    rows, long = fitting(bench, found.molecules)
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        st.markdown(f"**{literal(found.name)}** · {len(found.molecules):,} molecules")
        if found.molecules and st.button(
            "Compare with the training set",
            key="batch_compare",
            type="tertiary",
            icon=":material/bar_chart:",
        ):
            go("compare", compare_source="uploaded")
    draw_account(bench, found)
    task = st.segmented_control(
        "Task",
        list(TASKS),
        default=RECONSTRUCT,
        required=True,
        format_func=TASKS.__getitem__,
        key="batch_task",
        label_visibility="collapsed",
        persist_state="session",
    )
    st.caption(ABOUT[task])
    left_out = list(found.refused) + ([] if task == SCORE else long)
    draw_refused(bench, sorted(left_out), found.name)
    chosen = list(found.molecules) if task == SCORE else rows
    if not chosen:
        st.warning("The file has no molecule to work on.", icon=":material/block:")
        return
    jobs: dict[tuple[str, str, str], BatchJob] = st.session_state.setdefault("batch_jobs", {})
    key = (bench.hash, found.digest, task)
    with shown_errors():
        fresh = make_job(bench, task, chosen)
        if fresh is not None:
            jobs[key] = fresh
            st.session_state["batch_page"] = 0
        job = jobs.get(key)
        if job is None:
            return
        progress(job)
        draw_results(bench, job, found.name)
        if job.running:
            job.advance(bench)
            st.rerun()


main()
