"""The settings that pages of every app ask for: of sampling, of a walk, of looking around.

`prefix` goes before the keys of an app's widgets, so that the apps of one front page keep apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import streamlit as st

from apps.common.access import at_most, note_limit
from apps.common.bundle import Workbench
from apps.common.codes import matched
from apps.common.job import Draw, sampling
from apps.common.widgets.dial import fidelity_dial
from tvae_core.model.prior import PRIORS
from tvae_core.space.paths import How

FIRST_N, MOST = 48, 5000
LARGEST_SEED = 2**31 - 1
FOLLOW, AUTO, NUMBER = "follow the path", "auto", "a number"
MATCHED, BY_HAND = "match the radius", "by hand"
ANY = "any"

PRIOR_HELP = (
    "Where codes come from. flow: a network fitted to the codes of the training set. gaussian: "
    "their mean and covariance. normal: N(0, I)."
)
FIDELITY_HELP = (
    "follow the path: faithful at the ends, looser between them, as far as the other end disturbs "
    "the code. auto: every step at the most faithful setting that gives something valid. a number: "
    "one setting for all."
)

Source = Callable[[int, float], Draw]
"""`source(seed, fidelity)` gives what draws codes."""


def generate_controls(
    bench: Workbench,
    noun: str,
    prefix: str = "",
    sources: Mapping[str, Source] | None = None,
    source_label: str = "Kind",
) -> None:
    """Settings of the sampling; the button starts a job, kept as `{prefix}sample_job`.

    Args:
        bench: the bundle.
        noun: what is sampled, in the plural.
        prefix: of the keys.
        sources: other places than the prior to draw codes from, by name.
        source_label: what the menu of them is called.
    """
    defaults, state = bench.space.defaults, st.session_state
    st.subheader("Generate", anchor=False)
    left, right = st.columns(2)
    most = at_most(MOST)
    n = left.number_input(
        noun.capitalize(), 1, most, FIRST_N, 16, key=f"{prefix}sample_n", persist_state="session"
    )
    seed = right.number_input(
        "Seed",
        0,
        LARGEST_SEED,
        0,
        key=f"{prefix}sample_seed",
        help=f"The same seed and settings give the same {noun}.",
        persist_state="session",
    )
    note_limit(most)
    n = min(int(n), most)
    asked: dict[str, object] = {"n": n, "seed": seed}
    chosen = ANY
    if sources:
        chosen = st.selectbox(
            source_label,
            [ANY, *sources],
            key=f"{prefix}sample_source",
            help="any: the prior of the whole training set. Otherwise codes are drawn around the "
            "mean of those of one kind.",
            persist_state="session",
        )
        asked["source"] = chosen
    fidelity = fidelity_dial(
        bench.space.model.config, f"{prefix}sample_fidelity", defaults["sample_fidelity"]
    )
    with st.expander("More"):
        prior = st.selectbox(
            "Prior", PRIORS, key=f"{prefix}sample_prior", help=PRIOR_HELP, persist_state="session"
        )
        temperature = st.slider(
            "Temperature",
            0.0,
            2.0,
            float(defaults["sample_temperature"]),
            0.05,
            key=f"{prefix}sample_temperature",
            help="0 takes the likeliest token at every step; higher adds chance to the decoding.",
            persist_state="session",
        )
        top_p = st.slider(
            "Nucleus",
            0.05,
            1.0,
            float(defaults["sample_top_p"]),
            0.05,
            key=f"{prefix}sample_top_p",
            help="With a temperature above 0: at every step one of the likeliest tokens that "
            "together have this share of the probability. 1 leaves all of them.",
            persist_state="session",
        )
    asked |= {"prior": prior, "fidelity": fidelity, "temperature": temperature, "top_p": top_p}
    pressed = st.button(
        "Generate",
        type="primary",
        width="stretch",
        icon=":material/casino:",
        key=f"{prefix}sample_go",
    )
    job = state.get(f"{prefix}sample_job")
    if pressed or job is None or job.settings["bundle"] != bench.hash:
        job = sampling(n, seed, prior, fidelity, temperature, top_p, bundle=bench.hash)
        if sources and chosen in sources:
            job.draw = sources[chosen](seed, fidelity)
        job.settings |= asked
        state[f"{prefix}sample_job"], state[f"{prefix}sample_page"] = job, 0
    elif any(job.settings[name] != value for name, value in asked.items()):
        st.caption("Settings have changed: press Generate to use them.")


@dataclass(frozen=True, slots=True)
class WalkSettings:
    """How to walk: `fidelity` is a number, `auto`, or None to follow the path."""

    steps: int
    how: How
    per_token: bool
    fidelity: float | str | None
    distinct: bool = False

    def told(self) -> dict[str, object]:
        """The settings for captions and files."""
        return {
            "steps": self.steps,
            "how": self.how,
            "per_token": self.per_token,
            "distinct": self.distinct,
            "fidelity": FOLLOW if self.fidelity is None else self.fidelity,
        }


def walk_controls(bench: Workbench, prefix: str = "", steps: int = 9) -> WalkSettings:
    """Steps, way, whether each latent token has an arc of its own, and the dial."""
    one, two, three = st.columns([3, 2, 4])
    count = one.slider("Steps", 3, 25, steps, key=f"{prefix}walk_steps", persist_state="session")
    how = two.segmented_control(
        "Way",
        ["slerp", "lerp"],
        default="slerp",
        required=True,
        key=f"{prefix}walk_how",
        help="slerp: along the arc, where codes of real items lie. lerp: the straight line.",
        persist_state="session",
    )
    distinct = one.checkbox(
        "different steps only",
        key=f"{prefix}walk_distinct",
        help="Leave out what is invalid or has come before, and look for the steps among eight "
        "times as many points.",
        persist_state="session",
    )
    mode = three.segmented_control(
        "Fidelity",
        [FOLLOW, AUTO, NUMBER],
        default=FOLLOW,
        required=True,
        key=f"{prefix}walk_mode",
        help=FIDELITY_HELP,
        persist_state="session",
    )
    per_token = False
    if how == "slerp":
        per_token = two.checkbox(
            "per token",
            key=f"{prefix}walk_token",
            help="An arc for each latent token instead of one for the whole code.",
            persist_state="session",
        )
    fidelity: float | str | None = None
    if mode == AUTO:
        fidelity = "auto"
    elif mode == NUMBER:
        with three:
            fidelity = fidelity_dial(bench.space.model.config, f"{prefix}walk_fidelity", 0.5)
    return WalkSettings(int(count), how, per_token, fidelity, distinct)


@dataclass(frozen=True, slots=True)
class AroundSettings:
    """How to look around: how many codes, how far, at which setting of the dial."""

    n: int
    radius: float
    seed: int
    fidelity: float

    def told(self) -> dict[str, object]:
        """The settings for captions and files."""
        return {"n": self.n, "radius": self.radius, "fidelity": self.fidelity, "seed": self.seed}


def around_controls(bench: Workbench, prefix: str = "") -> AroundSettings:
    """Radius, number, seed, and the dial, which follows the radius unless it is set by hand."""
    one, two, three = st.columns([4, 2, 2])
    radius = one.slider(
        "Radius",
        0.05,
        3.0,
        1.0,
        0.05,
        key=f"{prefix}around_radius",
        help="Size of the step away from the item, in units of the code's own spread.",
        persist_state="session",
    )
    most = at_most(500)
    n = two.number_input(
        "Decoded", 8, most, 48, 8, key=f"{prefix}around_n", persist_state="session"
    )
    note_limit(most)
    seed = three.number_input(
        "Seed", 0, LARGEST_SEED, 0, key=f"{prefix}around_seed", persist_state="session"
    )
    how = st.radio(
        "Fidelity",
        [MATCHED, BY_HAND],
        horizontal=True,
        key=f"{prefix}around_how",
        help="A code moved by a radius is a code with that much noise: told so, the decoder stays "
        "valid.",
        persist_state="session",
    )
    fidelity = matched(bench.space, radius)
    if how == BY_HAND:
        config = bench.space.model.config
        fidelity = fidelity_dial(config, f"{prefix}around_fidelity", fidelity)
    return AroundSettings(min(int(n), most), float(radius), int(seed), float(fidelity))
