"""Why a tune does not come back from its own code: notes, bars and voices that were lost.

The texts of tunes are in the notation (`domains.midi.notation`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from domains.midi.notation import STEPS_PER_QUARTER, Score
from domains.midi.scoring.similarity import score_or_none
from domains.midi.tokenizer import MIN_VOCAB_SIZE
from tvae_core.evaluation.words_lost import LEARNED, learned_entries
from tvae_core.support.words import counted

SIGNS = {";": "second voices", "+": "chords"}
"""Signs of the notation that a bundle may not have learned, and what they stand for."""
_SIXTEENTH, _TRIPLET = STEPS_PER_QUARTER // 4, STEPS_PER_QUARTER // 6


def why_lost(given: Sequence[str], back: Sequence[str], bundle: Path | None) -> list[str | None]:
    """Why each tune is lost, as `tvae_core.domain.HasReasons` asks it."""
    return [
        ", ".join([*_changes(text, other), *hard_parts(text, bundle)])
        for text, other in zip(given, back, strict=True)
    ]


def rare_signs(bundle: Path) -> list[str]:
    """Signs of the notation that no learned entry of a bundle's vocabulary holds."""
    entries = "\n".join(learned_entries(bundle, MIN_VOCAB_SIZE + LEARNED))
    return [sign for sign in SIGNS if entries and sign not in entries]


def _changes(text: str, other: str) -> list[str]:
    score, found = score_or_none(text), score_or_none(other)
    if score is None or found is None:
        return []
    changes = [kept_notes(score, found)]
    for what, before, after in (
        ("bar", len(score.metres), len(found.metres)),
        ("voice", len(score.voices), len(found.voices)),
    ):
        if before != after:
            changes.append(f"{counted(before, what)} became {after}")
    if score.key != found.key:
        changes.append("its key signature is another one")
    return changes


def hard_parts(text: str, bundle: Path | None) -> list[str]:
    """What a tune has that a bundle's training tunes, or the notation's grid, lack; in words."""
    score = score_or_none(text)
    if score is None:
        return []
    lacking = [SIGNS[sign] for sign in (rare_signs(bundle) if bundle else []) if sign in text]
    hard = [f"the training tunes have next to no {' and '.join(lacking)}"] if lacking else []
    off = off_grid(score)
    if off:
        hard.append(f"{off} of its notes are off the grid of sixteenths and triplets")
    return hard


def kept_notes(score: Score, found: Score) -> str:
    """How many notes of a score another one has, in words."""
    before, after = Counter(score.notes), Counter(found.notes)
    same = (before & after).total()
    return f"{same} of {before.total()} notes come back at their time"


def off_grid(score: Score) -> int:
    """Events that begin or end between the sixteenths and the triplets of eighths."""
    return sum(
        any(place % _SIXTEENTH and place % _TRIPLET for place in (start, start + duration))
        for voice in score.voices
        for start, duration in ((event.start, event.duration) for event in voice)
    )
