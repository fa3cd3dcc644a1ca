"""The report of a bundle or a run: one HTML file that needs nothing else and runs nothing.

    write_report(Path("report.html"), Report(domain, {"seed": "0"}, evaluation))

It holds the numbers with their 95% intervals, the dial, the pictures of the space, latent
classification beside its baselines, the 2-D map, decoded texts with their verdicts, and the curves
of the training. Every number stands in a `<data value="...">` with all its digits.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tvae_core.domain import Domain, HasLabels
from tvae_core.evaluation.evaluate import Evaluation
from tvae_core.evaluation.latent_map import LatentMap, make_map, map_bytes
from tvae_core.evaluation.plots import page_bytes
from tvae_core.evaluation.report_numbers import (
    all_html,
    dial_html,
    headlines_html,
    neighbours_html,
    probes_html,
)
from tvae_core.evaluation.report_parts import (
    Pictures,
    curves_svg,
    escaped,
    image,
    interpolations,
    read_log,
    reconstructions,
    samples,
)
from tvae_core.evaluation.report_style import STYLE
from tvae_core.evaluation.showcase import Showcase
from tvae_core.space.space import LatentSpace
from tvae_core.support.files import LOG_FILE, sha256_file, write_whole

REPORT_FILE = "report.html"

_FLAG = re.compile(r"^(\w+) = .*# flag --[\w-]+$", re.MULTILINE)


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
    """The report as one HTML document."""
    name = report.domain.name
    title = report.title or f"{name}: a latent space, measured"
    sections = [section for section in _sections(report) if section[2]]
    links = " ".join(f'<a href="#{key}">{escaped(head)}</a>' for key, head, _ in sections)
    body = "".join(
        f'<section id="{key}"><h2>{escaped(head)}</h2>\n{content}</section>\n'
        for key, head, content in sections
    )
    about = "".join(
        f"<dt>{escaped(key)}</dt><dd>{escaped(value)}</dd>\n" for key, value in report.about.items()
    )
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escaped(title)}</title>\n<style>{STYLE}</style></head>\n"
        f"<body><main><h1>{escaped(title)}</h1>\n<dl class='about'>{about}</dl>\n"
        f"<nav>{links}</nav>\n{body}</main></body></html>\n"
    )


def _sections(report: Report) -> list[tuple[str, str, str]]:
    """Key, heading and HTML of each section; empty HTML where there is nothing to tell."""
    found, shown = report.evaluation, report.showcase
    tables = shown.tables if shown else {}
    drawn = Pictures(report.domain)
    settings = _shown_settings(shown)
    log = read_log(report.log) if report.log else {}
    curves = curves_svg(log)
    return [
        ("numbers", "Numbers", headlines_html(found)),
        ("dial", "Along the fidelity dial", dial_html(found)),
        ("space", "The space", _page(found)),
        ("neighbours", "Around held-out items", neighbours_html(found)),
        ("labels", "Labels read from the code", probes_html(found.metrics)),
        ("map", "Map of held-out codes", _map(report)),
        (
            "training",
            "Training",
            image(curves, "svg", "curves over the steps", "page") if curves else "",
        ),
        (
            "reconstructions",
            "Reconstructions",
            _about_texts("dial at 1", reconstructions, tables.get("reconstructions"), drawn),
        ),
        (
            "samples",
            "Prior samples",
            _about_texts(settings, samples, tables.get("samples"), drawn),
        ),
        (
            "interpolations",
            "Interpolations",
            _about_texts(settings, interpolations, tables.get("interpolations"), drawn),
        ),
        ("all", "Every number", all_html(found)),
        (
            "settings",
            "Settings",
            f'<pre class="t">{escaped(report.settings)}</pre>' if report.settings else "",
        ),
    ]


def _page(found: Evaluation) -> str:
    if not found.dial:
        return ""
    alt = "reconstruction against validity along the dial, neighbourhoods, walks and spectrum"
    return image(page_bytes(found, "svg"), "svg", alt, "page")


def _map(report: Report) -> str:
    if report.map is None:
        return ""
    found = report.map
    alt = f"{found.method} map of {len(found.places)} codes"
    note = f"{found.method}, seed {found.seed}. " + (
        "Neighbours on it are neighbours in the space; distances between groups say nothing."
        if found.method == "t-SNE"
        else "The plane of the first two principal components."
    )
    return f'{image(map_bytes(found), "svg", alt, "page")}\n<p class="note">{escaped(note)}</p>\n'


def _about_texts(note: str, make: Any, rows: Any, pictures: Pictures) -> str:
    return f'<p class="note">{escaped(note)}</p>\n{make(rows, pictures)}' if rows else ""


def _shown_settings(shown: Showcase | None) -> str:
    return ", ".join(f"{k} {v}" for k, v in shown.settings.items()) if shown else ""


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
