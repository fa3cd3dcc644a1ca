"""The bundle an app works on: found, loaded once for all sessions, or explained when missing.

The folder is, in this order, what the user typed under "Bundle", the environment variable
`TVAE_BUNDLE`, and the bundle that ships with the domain. The variable may name several folders,
separated as in `PATH`: each is for the app of its domain, and so is a single one where several apps
run together.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import streamlit as st
import torch

from apps.common.access import read_only, switched_off
from apps.common.page import literal
from apps.common.turns import Turns
from apps.registry import TOGETHER
from tvae_core.domain import Domain
from tvae_core.space import LatentSpace
from tvae_core.support.errors import BundleError

ENVIRONMENT = "TVAE_BUNDLE"
FOLDER_KEY = "bundle_folder"
MOST_LOADED = 6
"""Bundles that are kept in memory: one for each app, and one more."""
SWITCH_SECONDS = 0.0002
"""How long Python lets a thread run before another may. Decoding gives way at each of its many
small steps: at Python's own 5 ms, a batch takes sixty times as long while six sessions draw their
pages, at this one twenty, and the pages are none the slower."""


@dataclass(frozen=True)
class Workbench:
    """A loaded latent space, shared by all sessions.

    `lock` is held for each small batch, so that sessions take turns instead of fighting for cores.
    `number` tells loadings apart: two folders may hold the same weights beside other files.
    `key` gives what tells distinct items apart, of a canonical form.
    """

    space: LatentSpace
    lock: Turns
    folder: Path
    number: int = field(default_factory=count().__next__)
    key: Callable[[str], str] = str

    @property
    def hash(self) -> str:
        """Short sha256 of the weights."""
        return self.space.bundle.hash


def bundle_folder(shipped: Path) -> Path:
    """The folder this session asks for, in place of a domain's `bundle` folder."""
    typed = str(st.session_state.get(_chosen(shipped)) or "").strip()
    if read_only():
        typed = ""
    return Path(typed or _environment(shipped) or shipped).expanduser()


def _chosen(shipped: Path) -> str:
    """Where the session keeps what was typed for a domain."""
    return f"_{FOLDER_KEY}_{shipped.parent.name}"


def environment_folder(shipped: Path, of_domain: bool) -> str:
    """The folder that the environment names for a domain; empty for none.

    Args:
        shipped: the folder of the domain's own bundle.
        of_domain: take a single folder only if it is one of the domain.
    """
    folders = [part.strip() for part in os.environ.get(ENVIRONMENT, "").split(os.pathsep)]
    folders = list(filter(None, folders))
    if len(folders) == 1 and not of_domain:
        return folders[0]
    return next((f for f in folders if _domain_of(f) == shipped.parent.name), "")


def _environment(shipped: Path) -> str:
    return environment_folder(shipped, bool(st.session_state.get(TOGETHER)))


def _domain_of(folder: str) -> str | None:
    """The domain that a bundle's manifest names; None if it cannot be read."""
    try:
        manifest = json.loads((Path(folder).expanduser() / "manifest.json").read_text())
    except (OSError, ValueError):
        return None
    return manifest.get("domain") if isinstance(manifest, dict) else None


def stamp_of(folder: Path) -> tuple[int, ...]:
    """Changes when a bundle is replaced; empty if there is none."""
    try:
        files = [(folder / name).stat() for name in ("manifest.json", "model.safetensors")]
    except OSError:
        return ()
    return tuple(number for file in files for number in (file.st_mtime_ns, file.st_size))


def open_workbench(folder: Path, domain: Domain, key: Callable[[str], str] = str) -> Workbench:
    """Loads a bundle, once for all sessions and again when its files change.

    Args:
        folder: of the bundle.
        domain: of the bundle.
        key: what tells distinct items apart, of a canonical form.

    Raises:
        BundleError: the folder is missing, incomplete, damaged or of another domain.
    """
    if not folder.is_dir():
        raise BundleError(f"there is no bundle folder {folder}")
    return _load(str(folder.resolve()), stamp_of(folder), domain.name, domain, key)


@st.cache_resource(max_entries=MOST_LOADED, show_spinner=False)
def _load(
    folder: str, stamp: tuple[int, ...], name: str, _domain: Domain, _key: Callable[[str], str]
) -> Workbench:
    del stamp, name
    sys.setswitchinterval(SWITCH_SECONDS)
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, min(4, (os.cpu_count() or 2) // 2)))
    return Workbench(LatentSpace.load(folder, _domain), Turns(), Path(folder), key=_key)


def bundle_field(shipped: Path) -> None:
    """A field for the folder of another bundle."""
    if read_only():
        switched_off("Other bundles are")
        return
    kept, key = _chosen(shipped), f"{FOLDER_KEY}_{shipped.parent.name}"
    st.text_input(
        "Bundle folder",
        st.session_state.get(kept, ""),
        key=key,
        placeholder=_environment(shipped) or str(shipped),
        help=f"A trained bundle. Empty: the one of {ENVIRONMENT}, or the one that ships.",
        on_change=_choose,
        args=(key, kept),
        max_chars=1000,
    )


def _choose(key: str, kept: str) -> None:
    """Keeps what was typed beyond the field, which is drawn in one place or another."""
    st.session_state[kept] = st.session_state[key]


def bundle_panel(bench: Workbench, shipped: Path) -> None:
    """A small panel that says which bundle this is, with a field for another one."""
    config, manifest = bench.space.model.config, bench.space.bundle.manifest
    with st.popover(f"Bundle {bench.hash[:6]}", type="tertiary", key="bundle_panel"):
        source = manifest.get("data", {}).get("source", "unknown data")
        st.caption(
            f"`{bench.hash}` trained on {source}; code of {config.n_latent} × "
            f"{config.latent_size}; noise {config.sigma_min:g} to {config.sigma_max:g}"
        )
        bundle_field(shipped)


def explain_missing(error: BundleError, module: str) -> None:
    """Says in one line what is wrong with the bundle, and how to get one."""
    st.error(f"No usable bundle: {literal(error)}", icon=":material/folder_off:")
    st.markdown(
        "**How to get one**\n"
        f"- The trained bundle ships in the repository: `git checkout -- {module}/bundle`\n"
        f"- Train your own: `python -m data_prep.{module.split('/')[-1]}`, then "
        f"`python -m {module.replace('/', '.')}.train`\n"
        f"- Have one elsewhere: set `{ENVIRONMENT}=/path/to/bundle`, or type its folder here."
    )
