"""Compare: how the properties of molecules are distributed, beside those of the training set."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict

import streamlit as st

from apps.common.bundle import Workbench
from apps.common.codes import provenance
from apps.common.job import Job, progress_row, sampling_by_default, work
from apps.common.page import literal, recall, remember, shown_errors
from apps.items.facts import Item, prepare, read_items
from apps.items.histograms import histogram_figure, key_html, values_of
from apps.items.workplace import frame
from apps.molecule.differences import difference_rows, verdict
from apps.molecule.spec import SPEC, reference_of
from domains.smiles.chem.distributions import Difference, Distributions

SCORES = SPEC.cards.scores
SAMPLED, KEPT, UPLOADED = "sampled", "kept", "uploaded"
FIRST_N = 500


def sources(bench: Workbench) -> dict[str, tuple[str, list[str]]]:
    """What there is to compare: a label and the texts, by name."""
    found: dict[str, tuple[str, list[str]]] = {}
    job: Job | None = st.session_state.get("sample_job")
    if job is not None and job.texts and job.settings["bundle"] == bench.hash:
        found[SAMPLED] = (f"Samples · {len(job.texts):,}", job.texts)
        kept = recall("sample_kept", bench.hash)
        if kept and len(kept) < len(job.texts):
            found[KEPT] = (f"Samples kept by the filters · {len(kept):,}", kept)
    batch = st.session_state.get("batch_file")
    if batch is not None and batch.items:
        texts = [row.form for row in batch.items]
        found[UPLOADED] = (f"Uploaded · {len(texts):,}", texts)
    return found


def start_samples(bench: Workbench) -> None:
    """Starts the Sample page's job."""
    st.session_state["sample_job"] = sampling_by_default(bench, FIRST_N, 0)
    st.session_state["sample_page"] = 0


def nothing_yet(bench: Workbench) -> None:
    """What to do where there is nothing to compare."""
    st.info(
        "There are no molecules to compare yet: sample some, or upload your own on the Batch page.",
        icon=":material/bar_chart:",
    )
    st.button(
        f"Sample {FIRST_N} molecules",
        key="compare_sample",
        type="primary",
        icon=":material/casino:",
        on_click=start_samples,
        args=(bench,),
    )


def draw_charts(items: Sequence[Item], found: Distributions) -> None:
    """A histogram for every property, four in a row where there is room."""
    names = [name for name in found.histograms if name in SCORES]
    st.html(key_html(SPEC.words.noun))
    for start in range(0, len(names), 4):
        row = names[start : start + 4]
        for name, place in zip(row, st.columns(4), strict=False):
            place.plotly_chart(
                histogram_figure(
                    SCORES[name],
                    SPEC.words.noun,
                    values_of(items, name),
                    found.histograms[name],
                ),
                key=f"compare_{name}",
                config={"displayModeBar": False},
                alt=f"histogram of {SCORES[name].label}, these molecules over the training set",
            )
    st.caption(
        "Bars are shares of the molecules. The few values beyond an axis are counted at its end."
    )


def draw_table(
    bench: Workbench, differences: dict[str, Difference], settings: dict[str, object]
) -> None:
    """Distances by property and a file of them."""
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        st.subheader("Distances", anchor=False)

        def content() -> str:
            origin = provenance(bench, SPEC.app, "Compare", settings)
            rows = {name: asdict(item) for name, item in differences.items()}
            return json.dumps({"provenance": origin, "properties": rows}, indent=1) + "\n"

        st.download_button(
            "JSON",
            content,
            file_name="comparison.json",
            mime="application/json",
            key="compare_json",
            icon=":material/download:",
            on_click="ignore",
            help="json, with seed, settings and bundle hash",
        )
    st.dataframe(
        difference_rows(differences),
        key="compare_table",
        hide_index=True,
        alt="distances from the training set by property",
        column_config={
            "Wasserstein-1": st.column_config.NumberColumn(
                help="Area between the two cumulative distributions, in the property's own unit: "
                "how far values have to move, on average, to turn one into the other."
            ),
            "By chance": st.column_config.NumberColumn(
                help="The distance to expect of as many molecules of the training set itself."
            ),
            "In standard deviations": st.column_config.NumberColumn(
                help="The distance over the standard deviation of the training set."
            ),
        },
    )


def choose(choices: dict[str, tuple[str, list[str]]]) -> str:
    """Which of the sources; the last uploaded or sampled if there is no choice yet."""
    if st.session_state.get("compare_source") not in choices:
        st.session_state["compare_source"] = next(iter(choices))
    chosen: str = st.segmented_control(
        "Compare",
        list(choices),
        required=True,
        format_func=lambda name: choices[name][0],
        key="compare_source",
        label_visibility="collapsed",
        persist_state="session",
    )
    return chosen


def page(bench: Workbench, found: Distributions, job: Job | None, draw: Callable[[], None]) -> None:
    """The page for a bundle that has a reference."""
    choices = sources(bench)
    if not choices:
        if job is None or not job.running:
            nothing_yet(bench)
        return
    chosen = choose(choices)
    draw()
    texts = choices[chosen][1]
    ready = prepare(bench, texts)
    if ready < len(texts):
        st.progress(ready / len(texts), text=f"{ready:,} of {len(texts):,} scored")
        if ready < 16:
            st.rerun()
    facts = [item for item in read_items(bench, texts[:ready]) if item.ok]

    def compare() -> dict[str, Difference]:
        names = found.histograms
        return found.compare({name: values_of(facts, name) for name in names if name in SCORES})

    differences = remember(
        "compare", (bench.hash, chosen, len(facts), hash(tuple(texts[:ready]))), compare
    )
    lost = ready - len(facts)
    st.markdown(verdict(differences))
    st.caption(
        f"{len(facts):,} molecules"
        + (f" ({lost:,} texts that are none left out)" if lost else "")
        + f", over {literal(found.source)}."
    )
    draw_charts(facts, found)
    settings: dict[str, object] = {"source": chosen, "n": len(facts), "reference": found.source}
    if chosen == UPLOADED:
        settings["file"] = st.session_state["batch_file"].name
    elif job is not None:
        settings = {**job.settings, **settings}
    draw_table(bench, differences, settings)
    if ready < len(texts):
        st.rerun()


def main() -> None:
    """Draws the page and goes on with the sampling, if it is not done."""
    _, bench = frame("compare")
    with shown_errors():
        found = reference_of(bench)
    if found is None:
        st.warning(
            "This bundle does not say how its training set is distributed. "
            "`python -m domains.smiles.reference BUNDLE --data PREPARED_SET` adds that.",
            icon=":material/bar_chart_off:",
        )
        return
    job: Job | None = st.session_state.get("sample_job")
    if job is not None and job.settings["bundle"] != bench.hash:
        job = None

    def progress() -> None:
        if job is not None:
            progress_row(job, "compare", "molecules decoded")

    with shown_errors():
        page(bench, found, job, progress)
    if job is not None:
        work(job, bench)


main()
