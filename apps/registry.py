"""The apps there are: a row each. Nothing of a domain is imported here.

An app is a module of parts, which is imported when one of the app's pages is opened, and scripts
of pages. The module has `workbench()`, which gives the loaded bundle, and `BUNDLE`, the folder of
the one that ships.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

APPS_FOLDER = Path(__file__).parent
TOGETHER = "_together"
"""Session state: whether several apps run behind one front page."""


@dataclass(frozen=True)
class PageEntry:
    """A page: its name in the address, what menus call it, its icon, its script below `apps/`."""

    name: str
    title: str
    icon: str
    script: str


@dataclass(frozen=True)
class AppEntry:
    """An app.

    Attributes:
        name: of the script `apps/<name>.py`, the first part of addresses on the front page.
        title: what menus call it.
        sentence: what it is for, for the front page.
        domain: folder below `domains/`.
        parts: module that is imported when the app is opened.
        libraries: what a first start waits for, in words.
        pages: the first one is the app's own front.
    """

    name: str
    title: str
    sentence: str
    domain: str
    parts: str
    libraries: str
    pages: tuple[PageEntry, ...]

    @property
    def picture(self) -> Path:
        """The drawing on the front page."""
        return APPS_FOLDER / "common" / "pictures" / f"{self.name}.svg"

    @property
    def shipped(self) -> bool:
        """Whether the domain's bundle is there."""
        return (APPS_FOLDER.parent / "domains" / self.domain / "bundle/manifest.json").is_file()


def page(name: str, title: str, icon: str, script: str = "") -> PageEntry:
    """A page that every app has, by the script of its name."""
    return PageEntry(name, title, f":material/{icon}:", script or f"items/pages/{name}.py")


AROUND = page("around", "Around", "adjust")


def pages_of(
    *own: PageEntry, one: PageEntry = AROUND, last: tuple[PageEntry, ...] = ()
) -> tuple[PageEntry, ...]:
    """The pages of an app.

    Args:
        own: those of the domain alone.
        one: the page that looks at one item.
        last: those that come last.
    """
    return (
        page("sample", "Sample", "casino"),
        page("walk", "Walk", "timeline"),
        *own,
        one,
        page("map", "Map", "scatter_plot"),
        page("optimise", "Optimise", "trending_up"),
        page("batch", "Batch", "upload_file"),
        *last,
    )


APPS = (
    AppEntry(
        "molecules",
        "Molecules",
        "Sample drug-like molecules, walk from one to another, and search for a better score.",
        "smiles",
        "apps.molecule.spec",
        "torch, RDKit",
        pages_of(
            one=page("molecule", "Molecule", "hexagon", "items/pages/around.py"),
            last=(page("compare", "Compare", "bar_chart", "molecule/pages/compare.py"),),
        ),
    ),
    AppEntry(
        "python_lines",
        "Python lines",
        "Walk between two statements of Python, and see which lines on the way still parse.",
        "python_code",
        "apps.python_line.spec",
        "torch",
        pages_of(),
    ),
    AppEntry(
        "headlines",
        "Headlines",
        "Blend two headlines, move one towards another topic, and look at the map of the news.",
        "headlines",
        "apps.headline.spec",
        "torch",
        pages_of(
            page("topic", "Topic", "explore", "headline/pages/topic.py"),
        ),
    ),
    AppEntry(
        "digits",
        "Digits",
        "Morph handwritten digits into each other on a grid between four corners.",
        "mnist",
        "apps.digit.spec",
        "torch",
        pages_of(
            page("morph", "Morph", "grid_on", "digit/pages/morph.py"),
        ),
    ),
    AppEntry(
        "music",
        "Music",
        "Listen to new tunes, blend two of them, play a latent pad, and shape a tune of your own.",
        "midi",
        "apps.tune.spec",
        "torch, the soundfont",
        pages_of(
            page("tune", "Tune", "music_note", "tune/pages/tune.py"),
            page("pad", "Pad", "drag_pan", "tune/pages/pad.py"),
            page("shape", "Shape", "tune", "tune/pages/shape.py"),
        ),
    ),
)


def app_named(name: str) -> AppEntry:
    """The app of that name; raises `KeyError` for none."""
    return {entry.name: entry for entry in APPS}[name]
