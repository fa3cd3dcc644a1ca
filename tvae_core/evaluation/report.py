"""The report of a bundle or a run: one HTML file that needs nothing else and runs nothing.

    write_report(Path("report.html"), Report(domain, {"seed": "0"}, evaluation))

It holds the numbers with their 95% intervals, the dial, the pictures of the space, latent
classification beside its baselines, the 2-D map, decoded texts with their verdicts, and the curves
of the training. Every number stands in a `<data value="...">` with all its digits.
"""

from __future__ import annotations

import base64
import difflib
import itertools
import math
import re
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tvae_core.domain import Domain, HasLabels
from tvae_core.evaluation.evaluate import Evaluation
from tvae_core.evaluation.geometry import RADII, SETTINGS
from tvae_core.evaluation.intervals import Estimate
from tvae_core.evaluation.labels import PROBES
from tvae_core.evaluation.latent_map import LatentMap, make_map, map_bytes
from tvae_core.evaluation.plots import curves_svg, page_bytes, read_log
from tvae_core.evaluation.showcase import Showcase, Shown
from tvae_core.evaluation.tables import AROUND, COLUMNS
from tvae_core.space.space import LatentSpace
from tvae_core.support.files import LOG_FILE, sha256_file, write_whole

REPORT_FILE = "report.html"
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

MOST_TEXT, MOST_SHORT = 4000, 160
"""Characters of a text that are shown at all, and beside its picture without a click."""

MOST_PICTURES = 120
_MOST_COMPARED = 400
_SIGNS: dict[int, int | str] = (
    {code: 0x2400 + code for code in range(32) if code not in (9, 10)}
    | {127: 0x2421}
    | {code: f"\\x{code:02x}" for code in range(128, 160)}
)
_FLAG = re.compile(r"^(\w+) = .*# flag --[\w-]+$", re.MULTILINE)

Part = tuple[str, bool]
"""A part of a text, and whether it differs from the other text."""


@dataclass
class Report:
    """What a report tells; parts that are missing are left out.

    Attributes:
        domain: renders the texts.
        about: where it is from, in the order of the page: bundle, hash, data, seed, command, ...
        evaluation: its numbers; those of `classify` among them, if there are.
        showcase: decoded texts.
        map: 2-D map of held-out codes.
        log: a run's `log.jsonl`.
        settings: the merged settings, as text.
        title: by default `DOMAIN: a latent space, measured`.
    """

    domain: Domain
    about: Mapping[str, str]
    evaluation: Evaluation
    showcase: Showcase | None = None
    map: LatentMap | None = None
    log: Path | None = None
    settings: str = ""
    title: str = field(default="")


def write_report(path: Path, report: Report) -> None:
    """Writes the report, whole or not at all; raises `OutputError` where it cannot."""
    write_whole(path, report_html(report))


def report_html(report: Report) -> str:
    """The report as one HTML document, by `report.html.j2`."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters["short"] = _short
    pages.tests |= {"nan": math.isnan, "estimate": lambda value: isinstance(value, Estimate)}
    return pages.get_template("report.html.j2").render(_content(report))


def _content(report: Report) -> dict[str, Any]:
    """What the template is given; what is empty is no section."""
    found = report.evaluation
    shown = report.showcase or Showcase()
    log = read_log(report.log) if report.log else {}
    return {
        "report": report,
        "title": report.title or f"{report.domain.name}: a latent space, measured",
        "found": found,
        "headlines": [row for row in HEADLINES if row[0] in found.metrics],
        "dial_columns": [c for c in COLUMNS if any(c[0] in row for row in found.dial)],
        "around": _around(found),
        "around_heads": [head for _, head in AROUND],
        "probes": [row for row in PROBES if row[0] in found.metrics],
        "probes_note": _probes_note(found),
        "flat": found.flat(),
        "page": data_uri(page_bytes(found, "svg"), "svg") if found.dial else "",
        "map_picture": data_uri(map_bytes(report.map), "svg") if report.map else "",
        "map_note": _map_note(report.map) if report.map else "",
        "curves": data_uri(curves, "svg") if (curves := curves_svg(log)) else "",
        "tables": {"reconstructions": [], "samples": []} | shown.tables,
        "paths": _paths(shown.tables.get("interpolations", [])),
        "settings": ", ".join(f"{key} {value}" for key, value in shown.settings.items()),
        "pictures": Pictures(report.domain),
        "differences": differences,
        "most_text": MOST_TEXT,
        "most_short": MOST_SHORT,
    }


def printable(value: object) -> object:
    """A text with control characters as their pictures and no lone surrogates; others as are."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return value.encode("utf-8", "backslashreplace").decode().translate(_SIGNS)


def _short(value: float, digits: str, end: bool = False) -> str:
    """A number for people; whole ones as such, if they are no ends of an interval."""
    whole = digits == ".4g" and not end and float(value).is_integer()
    return f"{value:,.0f}" if whole else f"{value:{digits}}"


def data_uri(data: bytes, kind: str) -> str:
    """A picture within the page, of kind `svg` or `png`; an SVG can run and load nothing there."""
    mime = {"svg": "image/svg+xml", "png": "image/png"}[kind]
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def _around(found: Evaluation) -> list[tuple[str, str, list[float]]]:
    """Setting, radius and values of each row; none for an evaluation without geometry."""
    rows = []
    for setting, radius in itertools.product(SETTINGS, RADII) if found.geometry else ():
        prefix = "" if setting is None else f"dial_{setting:.2f}_"
        keys = [f"{prefix}{key}_r{radius:g}" for key, _ in AROUND]
        told = "dial of the radius" if setting is None else f"dial {setting:g}"
        metrics = found.geometry.metrics if found.geometry else {}
        rows.append((told, f"{radius:g}", [metrics.get(key, math.nan) for key in keys]))
    return rows


def _probes_note(found: Evaluation) -> str:
    classes, train, test = (
        f"{found.metrics.get(f'probe_{key}', 0):,.0f}" for key in ("classes", "train", "test")
    )
    return (
        f"{classes} labels, {train} training items, {test} held-out ones. "
        "The codes were learned without labels."
    )


def _map_note(found: LatentMap) -> str:
    return f"{found.method}, seed {found.seed}. " + (
        "Neighbours on it are neighbours in the space; distances between groups say nothing."
        if found.method == "t-SNE"
        else "The plane of the first two principal components."
    )


def _paths(rows: Sequence[Shown]) -> list[list[Shown]]:
    """The walks, each from its first item to its last: where the share falls another begins."""
    found: list[list[Shown]] = []
    for row in rows:
        if not found or float(row.origin) < float(found[-1][-1].origin):
            found.append([])
        found[-1].append(row)
    return found


class Pictures:
    """Draws texts by their domain, each once, as long as it answers with `svg` or `png`.

    Args:
        domain: renders.
        most: different texts that are drawn; later ones stay text.
    """

    def __init__(self, domain: Domain, most: int = MOST_PICTURES) -> None:
        self.domain, self.left = domain, most
        self._drawn: dict[str, str] = {}

    def of(self, text: str) -> str:
        """The picture of a valid text as a data URI, or nothing."""
        if text in self._drawn:
            return self._drawn[text]
        if self.left <= 0:
            return ""
        try:
            rendered = self.domain.render(text)
        except ValueError:
            return ""
        drawn = ""
        if rendered.kind in ("svg", "png"):
            data = rendered.data
            data = data.encode("utf-8", "replace") if isinstance(data, str) else data
            drawn = data_uri(data, rendered.kind)
            self.left -= 1
        else:
            self.left = 0
        self._drawn[text] = drawn
        return drawn


def differences(before: str, after: str) -> tuple[list[Part], list[Part]]:
    """Both texts in parts, each with whether it differs; long ones differ as a whole."""
    if max(len(before), len(after)) > _MOST_COMPARED:
        return [(before[:MOST_TEXT], False)], [(after[:MOST_TEXT], True)]
    out: tuple[list[Part], list[Part]] = ([], [])
    match = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for what, a, b, c, d in match.get_opcodes():
        for side, part in zip(out, (before[a:b], after[c:d]), strict=True):
            if part:
                side.append((part, what != "equal"))
    return out


def write_run_report(
    folder: Path,
    domain: Domain,
    space: LatentSpace,
    evaluation: Evaluation,
    showcase: Showcase,
    settings: str,
    manifest: Mapping[str, Any],
) -> Path:
    """Writes `report.html` into the folder of a run, when its bundle is there.

    Args:
        folder: of the run, with `log.jsonl` and `bundle/`.
        domain: renders, and labels the map if it can.
        space: maps the codes of the showcase's held-out items.
        evaluation: of the bundle.
        showcase: of the bundle.
        settings: the merged settings, as `settings.toml` holds them.
        manifest: of the bundle.

    Returns:
        The file.
    """
    seed = int(manifest.get("seed", 0))
    items = [row.origin for row in showcase.tables.get("reconstructions", [])]
    labels = domain.label(items) if isinstance(domain, HasLabels) else None
    found = make_map(space.encode(items), labels, seed) if len(items) >= 3 else None
    weights = folder / "bundle" / "model.safetensors"
    data = manifest.get("data") or {}
    about = {
        "domain": domain.name,
        "bundle": f"{folder.name}/bundle",
        "hash": sha256_file(weights)[:12] if weights.is_file() else "",
        "data": str(data.get("source") or ""),
        "training": f"{manifest.get('steps', 0):,} steps, {manifest.get('items_seen', 0):,} items",
        "parameters": f"{manifest.get('parameters', 0):,}",
        "seed": str(seed),
        "command": train_line(domain.name, manifest.get("presets") or (), settings),
    }
    title = f"{domain.name}: a training run"
    log = folder / LOG_FILE
    write_report(
        folder / REPORT_FILE,
        Report(
            domain,
            {key: value for key, value in about.items() if value},
            evaluation,
            showcase,
            found,
            log,
            settings,
            title,
        ),
    )
    return folder / REPORT_FILE


def train_line(name: str, presets: Sequence[str], settings: str) -> str:
    """The command of a run: its presets, and the flags that its settings name as their origin."""
    values = {k: v for held in tomllib.loads(settings).values() for k, v in held.items()}
    words = ["python", "-m", f"domains.{name}.train", *presets]
    for key in _FLAG.findall(settings):
        value = values[key]
        text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        words += [f"--{key.replace('_', '-')}", text.lower() if value in (True, False) else text]
    return shlex.join(words)
