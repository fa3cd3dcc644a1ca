"""A keyboard to click notes on; it comes with the app, sounds by itself, and loads nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import streamlit as st

from domains.midi.notation import (
    HIGHEST,
    LOWEST,
    Event,
    Score,
    bar_length,
    format_score,
    key_shift,
)
from tvae_core.domain import DomainError

MOST_NOTES = 256
_HERE = Path(__file__).parent
_MAJOR = frozenset((0, 2, 4, 5, 7, 9, 11))
_NOTE = re.compile(r"(r|\d{1,3}):(\d{1,3})")
_draw = st.components.v2.component(
    "tvae_music_keyboard",
    css=(_HERE / "keyboard.css").read_text(encoding="utf-8"),
    js=(_HERE / "keyboard.js").read_text(encoding="utf-8"),
)


def keyboard(key: str, metre: tuple[int, int]) -> str | None:
    """Draws the keyboard; gives the text of what has been played, None for nothing.

    Args:
        key: of the component.
        metre: of the bars that the notes are put in.

    Raises:
        DomainError: what is played is no tune, such as rests alone.
    """
    kept = f"_{key}_notes"
    found: Any = _draw(
        key=key,
        data={"notes": str(st.session_state.get(kept, "")), "most": MOST_NOTES},
        default={"notes": ""},
        on_notes_change=lambda: None,
    )
    played = str(getattr(found, "notes", "") or "")
    if played and len(played) <= 8 * MOST_NOTES:
        st.session_state[kept] = "" if played == "-" else played
    return text_of(st.session_state.get(kept, ""), metre)


def nearest_key(pitches: list[int]) -> int:
    """The key signature, -5 to 6, whose scale has most of the pitches; the plainest of equals."""
    keys = sorted(range(-5, 7), key=abs)
    return max(keys, key=lambda key: sum((p - key_shift(key)) % 12 in _MAJOR for p in pitches))


def text_of(played: str, metre: tuple[int, int]) -> str | None:
    """The tune of notes such as `60:24 r:12 62:12`, each a MIDI number and steps; None for none.

    Raises:
        DomainError: they are too many, or none of them sounds.
    """
    if not played:
        return None
    if len(played) > 8 * MOST_NOTES:
        raise DomainError(f"too many notes; the keyboard takes at most {MOST_NOTES}")
    events, now = [], 0
    parts = played.split()
    if len(parts) > MOST_NOTES:
        raise DomainError(f"{len(parts)} notes; the keyboard takes at most {MOST_NOTES}")
    for part in parts:
        match = _NOTE.fullmatch(part)
        if match is None or not 1 <= int(match[2]) <= 384:
            raise DomainError("what was played has not arrived whole: play it again")
        if match[1] != "r":
            pitch = int(match[1])
            if not LOWEST <= pitch <= HIGHEST:
                raise DomainError("a note is out of the piano's range")
            events.append(Event(now, int(match[2]), (pitch,)))
        now += int(match[2])
    if not events:
        raise DomainError("only rests so far: play a note")
    key = nearest_key([event.pitches[0] for event in events])
    bars = -(-now // bar_length(metre))
    return format_score(Score(key, (metre,) * bars, (tuple(events),)))
