"""Pictures of music: piano rolls as SVG and PNG, and sheets of many.

The SVG has no ground of its own; its colours are legible on light and on dark pages. PNG are
drawn by matplotlib on white.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from domains.midi.notation import Score
from domains.midi.writing.medley import plain
from domains.midi.writing.roll import Drawing, Line, Shape, Style, Word, lay_out
from domains.midi.writing.writers import about_text

VOICE_COLOURS = (
    *("#3b82d6", "#e07b39", "#2f9e77", "#c7609c"),
    *("#b8922a", "#3fa9c4", "#d1495b", "#8a6fd1"),
)
"""One a voice, apart for the colour-blind, of middling lightness."""
_GREY = "#808790"
_LINES = ((0.7, 0.28), (0.7, 0.45), (1.3, 0.75))
"""Width and opacity of lines, by weight."""
_BLACK_KEY = 0.11
_SCALE = 2
MOST_ROLLS = 1000
_CELL = Style(width=240, pitch=5, words=0, gap=5)
_CELL_PITCHES = 26
_LABEL = 10.0
_MARGIN = 12.0
_MOST_BARS_IN_CELL = 16


def piano_roll(
    score: Score, *, title: str = "", width: int = 720, about: Mapping[str, Any] | None = None
) -> str:
    """A score as an SVG: time to the right, pitch upwards, bars and beats ruled.

    Args:
        score: what to draw; what comes after 256 bars is left out, and said to be.
        title: above it.
        width: pixels.
        about: provenance, into the file's metadata.
    """
    return _svg(lay_out(score, title, Style(width=width)), title or "Piano roll", about)


def piano_roll_png(
    score: Score, *, title: str = "", width: int = 720, about: Mapping[str, Any] | None = None
) -> bytes:
    """The picture of `piano_roll` as a PNG of twice as many pixels, on white."""
    return _png(lay_out(score, title, Style(width=width)), about)


def roll_sheet(
    scores: Sequence[Score | None],
    titles: Sequence[str] = (),
    *,
    columns: int | None = None,
    about: Mapping[str, Any] | None = None,
) -> bytes:
    """Many rolls as a PNG, row by row; None, for a text that is no music, is a crossed cell.

    Args:
        scores: at most 1,000, of which the first 16 bars are drawn.
        titles: as many, under the rolls; their numbers by default.
        columns: rolls in a row; about as many as rows by default, at most 8.
        about: provenance, written into the file as text.

    Raises:
        ValueError: no score or too many, or no column.
    """
    if not 1 <= len(scores) <= MOST_ROLLS:
        raise ValueError(f"a sheet has from 1 to {MOST_ROLLS:,} rolls, not {len(scores):,}")
    if columns is not None and columns < 1:
        raise ValueError(f"a sheet has at least 1 column, not {columns}")
    columns = min(columns or min(8, int(np.ceil(np.sqrt(len(scores) / 1.5)))), len(scores))
    cells = [None if score is None else _cell(score) for score in scores]
    names = titles or [f"{number}" for number in range(1, len(scores) + 1)]
    sheet = Drawing(_MARGIN + columns * (_CELL.width + _MARGIN))
    top = _MARGIN
    for at in range(0, len(cells), columns):
        row = cells[at : at + columns]
        tall = max(_CELL.pitch * 13, *(0 if cell is None else cell.height for cell in row), 0)
        for place, cell in enumerate(row):
            x = _MARGIN + place * (_CELL.width + _MARGIN)
            if cell is None:
                _cross(sheet, x, top, tall)
            else:
                _paste(sheet, cell, x, top)
            name = names[at + place]
            name = name if len(name) <= 44 else name[:43] + "…"
            sheet.words.append(Word(x, top + tall + _LABEL * 1.3, name, _LABEL))
        top += tall + _LABEL * 1.3 + _MARGIN
    sheet.height = np.ceil(top)
    return _png(sheet, about)


def _cell(score: Score) -> Drawing:
    score = score.excerpt(0, min(_MOST_BARS_IN_CELL, len(score.metres)))
    heard = [pitch for _, _, pitch in score.notes] or [60]
    pitches = max(heard) - min(heard) + 3
    pitch = _CELL.pitch * min(1, _CELL_PITCHES / pitches)
    return lay_out(score, style=Style(width=_CELL.width, pitch=pitch, words=0, gap=_CELL.gap))


def _paste(sheet: Drawing, cell: Drawing, x: float, y: float) -> None:
    for s in cell.shapes:
        sheet.shapes.append(Shape(s.x + x, s.y + y, s.width, s.height, s.radius, s.voice))
    for n in cell.lines:
        sheet.lines.append(Line(n.x1 + x, n.y1 + y, n.x2 + x, n.y2 + y, n.weight))


def _cross(sheet: Drawing, x: float, y: float, tall: float) -> None:
    right, bottom = x + _CELL.width, y + tall
    sheet.shapes.append(Shape(x, y, _CELL.width, tall, 0, -1))
    sheet.lines.append(Line(x, y, right, bottom, 1))
    sheet.lines.append(Line(x, bottom, right, y, 1))


def _colour(voice: int) -> str:
    return _GREY if voice < 0 else VOICE_COLOURS[voice % len(VOICE_COLOURS)]


def _svg(drawing: Drawing, title: str, about: Mapping[str, Any] | None) -> str:
    wide, tall = _number(drawing.width), _number(drawing.height)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {tall}" width="{wide}" '
        f'height="{tall}" role="img" aria-label={quoteattr(plain(title))} '
        'style="max-width:100%;height:auto" font-family="system-ui, sans-serif">'
    ]
    if about:
        parts.append(f"<metadata>{escape(about_text(about))}</metadata>")
    parts += [_rectangle(shape) for shape in drawing.shapes if shape.voice < 0]
    for weight, (stroke, opacity) in enumerate(_LINES):
        path = "".join(
            f"M{_number(n.x1)} {_number(n.y1)}L{_number(n.x2)} {_number(n.y2)}"
            for n in drawing.lines
            if n.weight == weight
        )
        if path:
            parts.append(
                f'<path d="{path}" stroke="{_GREY}" stroke-width="{stroke}" '
                f'stroke-opacity="{opacity}" fill="none"/>'
            )
    parts += [_rectangle(shape) for shape in drawing.shapes if shape.voice >= 0]
    parts += [
        f'<text x="{_number(w.x)}" y="{_number(w.y)}" font-size="{_number(w.size)}" '
        f'text-anchor="{w.anchor}" fill="{_GREY}"{_STRONG if w.strong else ""} '
        f'xml:space="preserve">{escape(plain(w.text))}</text>'
        for w in drawing.words
    ]
    return "\n".join([*parts, "</svg>\n"])


_STRONG = ' font-weight="600"'


def _rectangle(shape: Shape) -> str:
    box = (
        f'<rect x="{_number(shape.x)}" y="{_number(shape.y)}" width="{_number(shape.width)}" '
        f'height="{_number(shape.height)}" fill="{_colour(shape.voice)}"'
    )
    if shape.radius:
        box += f' rx="{_number(shape.radius)}"'
    if shape.voice < 0:
        return f'{box} fill-opacity="{_BLACK_KEY}"/>'
    return f"{box}><title>{shape.told}</title></rect>" if shape.told else f"{box}/>"


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _png(drawing: Drawing, about: Mapping[str, Any] | None) -> bytes:
    """The drawing on white, at twice its size, by matplotlib without any window or global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.collections import LineCollection, PolyCollection
    from matplotlib.figure import Figure

    inch = 72.0
    figure = Figure(figsize=(drawing.width / inch, drawing.height / inch), dpi=inch * _SCALE)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, drawing.width), ylim=(drawing.height, 0))
    axes.set_axis_off()
    for voice in sorted({shape.voice for shape in drawing.shapes}):
        outlines = [_outline(shape) for shape in drawing.shapes if shape.voice == voice]
        opacity = _BLACK_KEY if voice < 0 else 1.0
        axes.add_collection(
            PolyCollection(
                outlines, facecolors=_colour(voice), linewidths=0, alpha=opacity, zorder=voice + 9
            ),
            autolim=False,
        )
    for weight, (stroke, opacity) in enumerate(_LINES):
        lines = [((n.x1, n.y1), (n.x2, n.y2)) for n in drawing.lines if n.weight == weight]
        axes.add_collection(
            LineCollection(lines, colors=_GREY, linewidths=stroke, alpha=opacity, zorder=8.5),
            autolim=False,
        )
    for word in drawing.words:
        axes.text(
            word.x,
            word.y,
            plain(word.text),
            fontsize=word.size,
            color="#4d545c",
            ha={"start": "left", "middle": "center", "end": "right"}[word.anchor],
            va="baseline",
            weight="bold" if word.strong else "normal",
            parse_math=False,
        )
    target = io.BytesIO()
    told = {"Software": None} | ({"Description": about_text(about)} if about else {})
    figure.savefig(target, format="png", metadata=told)
    return target.getvalue()


def _outline(shape: Shape) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Corners of a rectangle, each rounded by five points; `(points, 2)`."""
    right, bottom, radius = shape.x + shape.width, shape.y + shape.height, shape.radius
    if not radius:
        corners = [(shape.x, shape.y), (right, shape.y), (right, bottom), (shape.x, bottom)]
        return np.array(corners)
    turn = np.linspace(0, np.pi / 2, 5)
    places = [
        (right - radius, bottom - radius, 0),
        (shape.x + radius, bottom - radius, 1),
        (shape.x + radius, shape.y + radius, 2),
        (right - radius, shape.y + radius, 3),
    ]
    arcs = []
    for x, y, quarter in places:
        angles = turn + quarter * np.pi / 2
        arcs.append(np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], axis=1))
    return np.concatenate(arcs)
