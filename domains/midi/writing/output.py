"""Music written by the verbs: `-o FOLDER`, `.mid`, `.musicxml`, `.wav` and `.png`.

A folder gets a MIDI file an item (001.mid, 002.mid, ...) and verdicts.csv, whose column `file`
names them. A single file holds all items one after another, each with its title; a picture has
them as a sheet. An item that is no music has its reason in verdicts.csv, is a crossed cell in a
sheet, and is left out of the others, which say how many they hold.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from domains.midi.notation import Score, parse_score
from domains.midi.writing.medley import Medley
from domains.midi.writing.pictures import MOST_ROLLS, roll_sheet
from domains.midi.writing.sound import MAX_SECONDS, seconds, to_wav
from domains.midi.writing.writers import to_midi, to_musicxml
from tvae_core.cells import Written, is_none
from tvae_core.domain import DomainError
from tvae_core.support.files import whole_folder, write_whole

SUFFIXES = (".mid", ".musicxml", ".wav", ".png")

Rows = Sequence[Mapping[str, Any]]


def heard(text: str) -> Score:
    """The score of a text with something to hear; `DomainError` for any other."""
    score = parse_score(text)
    if not score.notes:
        raise DomainError("silent: there is no note in it")
    return score


def write_items(path: Path, rows: Rows, origin: Mapping[str, Any]) -> Written:
    """Writes the `text` of rows as music, each file with its provenance; whole or not at all.

    Args:
        path: ends in one of `SUFFIXES`, or is a folder.
        rows: items with whatever is told of them.
        origin: bundle, seed and settings.

    Returns:
        How many tunes can be heard or seen there, and what became of the other rows.

    Raises:
        ValueError: no row holds music, or more rows than a sheet has cells.
        OutputError: a place that cannot be written.
    """
    ending = path.suffix.lower()
    scores, reasons = _read(rows)
    bad = sum(score is None for score in scores)
    held = len(scores) - bad
    if path.is_dir() or ending not in SUFFIXES:
        _write_folder(path, rows, scores, reasons, origin)
        return Written(held, f"and {bad:,} that {is_none(bad)} in its table" if bad else "")
    if ending == ".png":
        _check_sheet(scores)
        write_whole(path, roll_sheet(scores, _titles(rows), about=origin))
        return Written(held, f"crossed out {bad:,} that {is_none(bad)}" if bad else "")
    content, held = _together(ending, rows, scores, origin)
    write_whole(path, content)
    return Written(held, f"left out {bad:,} that {is_none(bad)}" if bad else "")


def _read(rows: Rows) -> tuple[list[Score | None], list[str]]:
    scores: list[Score | None] = []
    reasons = []
    for row in rows:
        try:
            scores.append(heard(str(row["text"])))
            reasons.append("")
        except DomainError as error:
            scores.append(None)
            reasons.append(str(error))
    return scores, reasons


def _check_sheet(scores: Sequence[Score | None]) -> None:
    if not 1 <= len(scores) <= MOST_ROLLS:
        raise ValueError(f"a .png shows 1 to {MOST_ROLLS:,} pieces, not {len(scores):,}")


def _titles(rows: Rows) -> list[str]:
    """The number of each row, from 1, and what it is where the row says so."""
    named = ((number, row.get("label") or row.get("name")) for number, row in enumerate(rows, 1))
    return [f"{number}" if not name else f"{number} · {name}" for number, name in named]


def _together(
    ending: str, rows: Rows, scores: Sequence[Score | None], origin: Mapping[str, Any]
) -> tuple[bytes, int]:
    """All pieces in one file of that ending, and how many those are."""
    found = [(s, t) for s, t in zip(scores, _titles(rows), strict=True) if s is not None]
    if not found:
        raise ValueError(f"nothing to write as {ending}: no row holds music")
    if ending == ".wav":
        found = _within_limit(found)
    held = len(found)
    medley = Medley.of([score for score, _ in found], [t for _, t in found] if held > 1 else [])
    about = {**origin, "pieces": f"{held} of {len(scores)}"}
    title = f"{origin.get('command', 'music')} {origin.get('bundle', '')}".strip()
    if ending == ".wav":
        return to_wav(medley, title=title, about=about), held
    if ending == ".mid":
        return to_midi(medley, title=title, about=about), held
    return to_musicxml(medley, title=title, about=about), held


def _within_limit(found: list[tuple[Score, str]]) -> list[tuple[Score, str]]:
    """As many pieces as one sound file holds, and a line on stderr if not all."""
    sections = Medley.of([score for score, _ in found]).sections
    fit = [seconds(Medley((section,))) <= MAX_SECONDS for section in sections]
    count = fit.index(False) if False in fit else len(fit)
    if count < len(found):
        print(
            f"the first {count:,} of {len(found):,} pieces fit into {MAX_SECONDS // 60} minutes "
            "of sound",
            file=sys.stderr,
        )
    return found[: max(count, 1)]


def _write_folder(
    path: Path,
    rows: Rows,
    scores: Sequence[Score | None],
    reasons: Sequence[str],
    origin: Mapping[str, Any],
) -> None:
    from domains.midi.commands import COMMANDS
    from tvae_core.rows import FOLDER_TABLE, write_to

    wide = max(3, len(str(len(rows))))
    table = []
    with whole_folder(path) as folder:
        for number, (row, score) in enumerate(zip(rows, scores, strict=True), 1):
            name = f"{number:0{wide}}.mid" if score is not None else ""
            if score is not None:
                title = f"{origin.get('command', 'music')} {number}"
                about = {**origin, "item": number}
                (folder / name).write_bytes(to_midi(score, title=title, about=about))
            told = {"valid": score is not None, "reason": reasons[number - 1] or None}
            table.append({"text": row["text"], "file": name, **told, **row})
        write_to(folder / FOLDER_TABLE, table, origin, COMMANDS, "csv")
