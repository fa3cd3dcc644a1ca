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


def item_pages(*own: PageEntry) -> tuple[PageEntry, ...]:
    """The pages of every domain's app, with the domain's own ones after the walk."""
    return (
        PageEntry("sample", "Sample", ":material/casino:", "items/pages/sample.py"),
        PageEntry("walk", "Walk", ":material/timeline:", "items/pages/walk.py"),
        *own,
        PageEntry("around", "Around", ":material/adjust:", "items/pages/around.py"),
        PageEntry("map", "Map", ":material/scatter_plot:", "items/pages/map.py"),
    )


def _molecule_page(name: str, title: str, icon: str) -> PageEntry:
    return PageEntry(name, title, icon, f"molecule/pages/{name}.py")


APPS = (
    AppEntry(
        "molecules",
        "Molecules",
        "Sample drug-like molecules, walk from one to another, and search for a better score.",
        "smiles",
        "apps.molecule.workplace",
        "torch, RDKit",
        (
            _molecule_page("sample", "Sample", ":material/casino:"),
            _molecule_page("molecule", "Molecule", ":material/hexagon:"),
            _molecule_page("walk", "Walk", ":material/timeline:"),
            _molecule_page("map", "Map", ":material/scatter_plot:"),
            _molecule_page("optimise", "Optimise", ":material/trending_up:"),
            _molecule_page("batch", "Batch", ":material/upload_file:"),
            _molecule_page("compare", "Compare", ":material/bar_chart:"),
        ),
    ),
    AppEntry(
        "python_lines",
        "Python lines",
        "Walk between two statements of Python, and see which lines on the way still parse.",
        "python_code",
        "apps.python_line.spec",
        "torch",
        item_pages(),
    ),
    AppEntry(
        "headlines",
        "Headlines",
        "Blend two headlines, move one towards another topic, and look at the map of the news.",
        "headlines",
        "apps.headline.spec",
        "torch",
        item_pages(
            PageEntry("topic", "Topic", ":material/explore:", "headline/pages/topic.py"),
        ),
    ),
    AppEntry(
        "digits",
        "Digits",
        "Morph handwritten digits into each other on a grid between four corners.",
        "mnist",
        "apps.digit.spec",
        "torch",
        item_pages(
            PageEntry("morph", "Morph", ":material/grid_on:", "digit/pages/morph.py"),
        ),
    ),
    AppEntry(
        "music",
        "Music",
        "Listen to new tunes, blend two of them, play a latent pad, and shape a tune of your own.",
        "midi",
        "apps.tune.spec",
        "torch, the soundfont",
        item_pages(
            PageEntry("tune", "Tune", ":material/music_note:", "tune/pages/tune.py"),
            PageEntry("pad", "Pad", ":material/drag_pan:", "tune/pages/pad.py"),
            PageEntry("shape", "Shape", ":material/tune:", "tune/pages/shape.py"),
        ),
    ),
)


def app_named(name: str) -> AppEntry:
    """The app of that name; raises `KeyError` for none."""
    return {entry.name: entry for entry in APPS}[name]
