"""Why a tune does not come back from its own code: notes, bars and voices that were lost.

The texts of tunes are in the notation (`domains.midi.notation`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from domains.midi.notation import STEPS_PER_QUARTER, Score
from domains.midi.similarity import score_or_none
from domains.midi.tokenizer import MIN_VOCAB_SIZE
from tvae_core.words_lost import LEARNED, learned_entries

SIGNS = {";": "second voices", "+": "chords"}
"""Signs of the notation that a bundle may not have learned, and what they stand for."""
_SIXTEENTH, _TRIPLET = STEPS_PER_QUARTER // 4, STEPS_PER_QUARTER // 6


def why_lost(given: Sequence[str], back: Sequence[str], bundle: Path | None) -> list[str | None]:
    """Why each tune is lost, as `tvae_core.domain.HasReasons` asks it."""
    rare = [] if bundle is None else rare_signs(bundle)
    return [_why(text, other, rare) for text, other in zip(given, back, strict=True)]


def rare_signs(bundle: Path) -> list[str]:
    """Signs of the notation that no learned entry of a bundle's vocabulary holds."""
    entries = "\n".join(learned_entries(bundle, MIN_VOCAB_SIZE + LEARNED))
    return [sign for sign in SIGNS if entries and sign not in entries]


def _why(text: str, other: str, rare: Sequence[str]) -> str:
    score, found = score_or_none(text), score_or_none(other)
    if score is None:
        return ""
    reasons = []
    if found is not None:
        reasons.append(kept_notes(score, found))
        for what, before, after in (
            ("bar", len(score.metres), len(found.metres)),
            ("voice", len(score.voices), len(found.voices)),
        ):
            if before != after:
                reasons.append(f"{before} {what}{'s' if before > 1 else ''} became {after}")
        if score.key != found.key:
            reasons.append("its key signature is another one")
    lacking = [SIGNS[sign] for sign in rare if sign in text]
    if lacking:
        reasons.append(f"the training tunes have next to no {' and '.join(lacking)}")
    off = off_grid(score)
    if off:
        reasons.append(f"{off} of its notes are off the grid of sixteenths and triplets")
    return ", ".join(reasons)


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
