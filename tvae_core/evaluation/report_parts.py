"""The pieces of a report: escaped text, numbers, tables, pictures, decoded texts, training curves.

Everything that stands in a report goes through `escaped`; pictures go in as data URIs, SVG too, so
that no drawing can run or load anything.
"""

from __future__ import annotations

import base64
import difflib
import html
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tvae_core.domain import Domain
from tvae_core.evaluation.intervals import Estimate
from tvae_core.evaluation.showcase import Shown

MOST_TEXT, MOST_SHORT = 4000, 160
"""Characters of a text that are shown at all, and beside its picture without a click."""

MOST_PICTURES = 120
MOST_POINTS = 1000
_MOST_COMPARED = 400
_SIGNS: dict[int, int | str] = (
    {code: 0x2400 + code for code in range(32) if code not in (9, 10)}
    | {127: 0x2421}
    | {code: f"\\x{code:02x}" for code in range(128, 160)}
)


def escaped(text: object) -> str:
    """A text for HTML: markup escaped, control characters as their pictures, no lone surrogates."""
    plain = str(text).encode("utf-8", "backslashreplace").decode()
    return html.escape(plain.translate(_SIGNS), quote=True)


def number(value: float, digits: str = ".4g") -> str:
    """A number, whole in the `value` attribute; its interval below it, if it has one."""
    if math.isnan(value):
        return "–"
    whole = digits == ".4g" and float(value).is_integer()
    text = f"{value:,.0f}" if whole else f"{value:{digits}}"
    out = f'<data value="{float(value)!r}">{text}</data>'
    if isinstance(value, Estimate) and not math.isnan(value.low):
        low, high = (f"{end:{digits}}" for end in (value.low, value.high))
        out += f' <small class="ci">{low}\u2013{high}</small>'
    return out


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """A table; cells are HTML, heads are text, the first cell of a row is its head."""
    top = "".join(f'<th scope="col">{escaped(head)}</th>' for head in heads)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>' + "".join(f"<td>{c}</td>" for c in row[1:]) + "</tr>\n"
        for row in rows
    )
    return (
        f'<div class="wide"><table class="{kind}"><thead><tr>{top}</tr></thead>\n'
        f"<tbody>{body}</tbody></table></div>\n"
    )


def image(data: bytes, kind: str, alt: str, css: str = "") -> str:
    """A picture within the page; `kind` is `svg` or `png`."""
    mime = {"svg": "image/svg+xml", "png": "image/png"}[kind]
    held = base64.b64encode(data).decode()
    return f'<img class="{css}" src="data:{mime};base64,{held}" alt="{escaped(alt)}">'


def block(text: str, marked: str | None = None) -> str:
    """A text as it is, in one width; `marked` is its HTML if that is more than the text."""
    inner = escaped(text[:MOST_TEXT]) if marked is None else marked
    if len(text) > MOST_TEXT:
        inner += f" … ({len(text):,} characters)"
    first = "\n" if inner.startswith("\n") else ""  # a reader drops the first line break
    return f'<pre class="t">{first}{inner}</pre>'


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
        """The picture of a valid text, or nothing."""
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
            drawn = image(data, rendered.kind, text[:MOST_SHORT], "item")
            self.left -= 1
        else:
            self.left = 0
        self._drawn[text] = drawn
        return drawn

    def shown(self, text: str, ok: bool, marked: str | None = None) -> str:
        """The picture of a text with the text below it, folded away if long; or the text alone."""
        drawn = self.of(text) if ok else ""
        if drawn and len(text) > MOST_SHORT:
            return f"{drawn}<details><summary>text</summary>{block(text, marked)}</details>"
        return drawn + block(text, marked)


def differences(before: str, after: str) -> tuple[str, str]:
    """Both texts as HTML, with what differs marked; long ones are marked as a whole."""
    if max(len(before), len(after)) > _MOST_COMPARED:
        return escaped(before[:MOST_TEXT]), f"<mark>{escaped(after[:MOST_TEXT])}</mark>"
    out: tuple[list[str], list[str]] = ([], [])
    match = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for what, a, b, c, d in match.get_opcodes():
        for side, part in zip(out, (before[a:b], after[c:d]), strict=True):
            if part:
                side.append(escaped(part) if what == "equal" else f"<mark>{escaped(part)}</mark>")
    return "".join(out[0]), "".join(out[1])


def verdict(row: Shown) -> str:
    """Valid or not, and why not."""
    if row.ok:
        return '<span class="ok">\u2713 valid</span>'
    reason = "" if row.note in ("", "same", "other") else f": {escaped(row.note)}"
    return f'<span class="bad">\u2717 invalid{reason}</span>'


def reconstructions(rows: Sequence[Shown], pictures: Pictures) -> str:
    """Held-out items beside what came back; those that differ are marked."""
    out = []
    for row in rows:
        if row.note == "same":
            left, right, told = None, None, '<span class="ok">\u2713 same</span>'
        else:
            left, right = differences(row.origin, row.text)
            told = f'<strong class="differs">\u2260 differs</strong><br>{verdict(row)}'
        before = pictures.shown(row.origin, True, left)
        out.append((before, pictures.shown(row.text, row.ok, right), told))
    return table(("held-out item", "decoded", ""), out, "texts")


def samples(rows: Sequence[Shown], pictures: Pictures) -> str:
    """Random samples as they came, each with its verdict."""
    items = (f"<li>{pictures.shown(r.text, r.ok)}{verdict(r)}</li>\n" for r in rows)
    return f'<ol class="cards">{"".join(items)}</ol>\n'


def interpolations(rows: Sequence[Shown], pictures: Pictures) -> str:
    """Walks one after another, each from its first item to its last."""
    out: list[str] = []
    for index, row in enumerate(rows):
        if index == 0 or float(row.origin) < float(rows[index - 1].origin):
            out.append(f'{"</ol>" if out else ""}<h3>Path {len(out) + 1}</h3>\n<ol class="path">')
        step = f'<span class="share">{escaped(row.origin)}</span>'
        told = "" if row.ok else verdict(row)
        out[-1] += f"<li>{step}{pictures.shown(row.text, row.ok)}{told}</li>\n"
    return "".join(out) + ("</ol>\n" if out else "")


def read_log(path: Path) -> dict[str, list[tuple[float, float]]]:
    """The numbers of a run's `log.jsonl` over its steps: name -> `(step, value)` in order.

    A step that was logged twice, as by a run that was killed and went on, counts as it was last;
    lines that cannot be read are left out.
    """
    if not path.is_file():
        return {}
    found: dict[str, dict[float, float]] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            content = json.loads(line)
        except ValueError:
            continue
        step = content.get("step") if isinstance(content, dict) else None
        if not isinstance(step, int | float):
            continue
        for name, value in content.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                found.setdefault(name, {})[float(step)] = float(value)
    return {name: sorted(points.items()) for name, points in found.items() if name != "step"}


def curves_svg(log: Mapping[str, Sequence[tuple[float, float]]]) -> bytes | None:
    """Loss, reconstruction, MMD and the shares seen on the way (`eval_...`), over the steps.

    Returns:
        An SVG, or None where there is nothing to draw.
    """
    from matplotlib.figure import Figure

    from tvae_core.evaluation.plots import figure_bytes

    shares = sorted(
        name
        for name, points in log.items()
        if name.startswith("eval_") and "dial_" not in name and all(0 <= v <= 1 for _, v in points)
    )
    panels = [
        ("loss", [n for n in ("loss", "reconstruction") if n in log]),
        ("MMD\u00b2", [n for n in ("mmd",) if n in log]),
        ("held-out items on the way", shares[:10]),
    ]
    panels = [(title, names) for title, names in panels if names]
    if not panels:
        return None
    figure = Figure(figsize=(4.4 * len(panels), 3.4), layout="constrained")
    for axes, (title, names) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels,
                                    strict=True):  # fmt: skip
        for name in names:
            points = list(log[name])
            every = max(1, len(points) // MOST_POINTS)
            steps, values = zip(*(points[::every] + points[-1:]), strict=True)
            label = name.removeprefix("eval_").replace("_", " ")
            axes.plot(steps, values, label=label, marker="." if len(points) < 30 else None)
        _finish(axes, title, len(names))
    return figure_bytes(figure, "svg")


def _finish(axes: Any, title: str, lines: int) -> None:
    axes.set(title=title, xlabel="step")
    if title.startswith("held-out"):
        axes.set_ylim(0, 1.02)
    axes.grid(alpha=0.3)
    if lines > 1:
        axes.legend(fontsize=7)
