"""Tunes as sound: instrument and tempo for all pages, a player with files, a walk in one piece."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from apps.common.bundle import Workbench
from apps.common.codes import provenance
from apps.common.downloads import Rows, download_bar
from apps.common.kept import MEGABYTE, kept
from apps.items.facts import Item
from domains.midi.notation import STEPS_PER_QUARTER, Score, parse_score
from domains.midi.writing.medley import Medley
from domains.midi.writing.pictures import piano_roll_png
from domains.midi.writing.sound import INSTRUMENTS, to_wav
from domains.midi.writing.writers import to_midi, to_musicxml
from tvae_core.support.files import write_whole

LONGEST = 150.0
"""Seconds of music that are rendered; a longer piece is cut after a whole bar."""
FORMATS = ("mid", "musicxml", "wav", "png")
TEMPO, SLOWEST, FASTEST = 100, 40, 220
FIRST = next(iter(INSTRUMENTS))
_PREFIX = "music_"


@dataclass(frozen=True, slots=True)
class Sound:
    """How tunes are played: quarter notes a minute, name of the instrument, whether at once."""

    tempo: int = TEMPO
    instrument: str = FIRST
    at_once: bool = True
    loop: bool = False

    @property
    def program(self) -> int:
        """General MIDI program of the instrument, from 0."""
        return INSTRUMENTS[self.instrument]


def chosen_sound() -> Sound:
    """What the session has chosen."""
    state = st.session_state
    instrument = state.get(f"{_PREFIX}instrument", FIRST)
    return Sound(
        int(state.get(f"{_PREFIX}tempo", TEMPO)),
        instrument if instrument in INSTRUMENTS else FIRST,
        bool(state.get(f"{_PREFIX}at_once", True)),
        bool(state.get(f"{_PREFIX}loop", False)),
    )


def sound_panel() -> None:
    """Instrument, tempo and how to play, behind a button that says what is chosen."""
    sound = chosen_sound()
    label = f"{sound.instrument}, {sound.tempo}"
    with st.popover(label, icon=":material/graphic_eq:", type="tertiary", key="music_sound"):
        st.selectbox(
            "Instrument", list(INSTRUMENTS), key=f"{_PREFIX}instrument", persist_state="session"
        )
        st.slider(
            "Tempo",
            SLOWEST,
            FASTEST,
            TEMPO,
            key=f"{_PREFIX}tempo",
            help="Quarter notes a minute.",
            persist_state="session",
        )
        st.toggle(
            "Play at once",
            True,
            key=f"{_PREFIX}at_once",
            help="What you choose sounds without a press on the player.",
            persist_state="session",
        )
        st.toggle("Loop", False, key=f"{_PREFIX}loop", persist_state="session")


def seconds_of(score: Score, tempo: float) -> float:
    """How long a score lasts at a tempo in quarter notes a minute."""
    return score.length / STEPS_PER_QUARTER * 60 / tempo


def shortened(score: Score, tempo: float, longest: float = LONGEST) -> Score:
    """The first whole bars that last no longer than `longest` seconds, one at least."""
    most, bars = longest * tempo / 60 * STEPS_PER_QUARTER, score.bars
    fit = sum(bar.start + bar.length <= most for bar in bars)
    return score if fit >= len(bars) else score.excerpt(0, max(1, fit))


@kept(64 * MEGABYTE)
def wav_of(text: str, tempo: int, program: int) -> bytes:
    """The sound of a valid text, cut to `LONGEST`."""
    score = shortened(parse_score(text), tempo)
    return to_wav(score, tempo=tempo, program=program)


@kept(64 * MEGABYTE)
def wav_of_all(texts: tuple[str, ...], tempo: int, program: int) -> bytes:
    """The sound of valid texts one after the other, a bar's rest between them."""
    return to_wav(Medley.of([parse_score(text) for text in texts]), tempo=tempo, program=program)


def told(item: Item, sound: Sound) -> str:
    """Length and pitch range of a tune, in words."""
    score = parse_score(item.canonical or "")
    seconds = seconds_of(score, sound.tempo)
    bars, notes = len(score.bars), len(score.notes)
    words = f"{bars} bar{'s' * (bars > 1)} · {notes} note{'s' * (notes > 1)} · {seconds:.0f} s"
    cut = shortened(score, sound.tempo)
    if len(cut.bars) < len(score.bars):
        words += f" · the first {len(cut.bars)} bars are played"
    return words


def starts(item: Item, key: str, now: bool, sound: Sound) -> bool:
    """Whether a player begins by itself: what it plays was chosen on this page, or has changed."""
    kept = f"_{key}_heard"
    before = st.session_state.get(kept)
    if st.session_state.get("_turned"):
        st.session_state[kept] = before = (item.key, False)
    elif before is None or before[0] != item.key:
        st.session_state[kept] = before = (item.key, now or before is not None)
    return bool(before[1]) and sound.at_once


def play(bench: Workbench, item: Item, key: str, now: bool = False) -> None:
    """Draws the player of a valid tune, and its files.

    Args:
        bench: the bundle it came from.
        item: a valid tune.
        key: unique in the page.
        now: it has been asked for: it sounds at once, unless that is switched off.
    """
    sound = chosen_sound()
    with st.container(key=key, gap="xxsmall"):
        st.audio(
            wav_of(item.canonical or "", sound.tempo, sound.program),
            format="audio/wav",
            loop=sound.loop,
            autoplay=starts(item, key, now, sound),
        )
        with st.container(
            horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
        ):
            st.caption(told(item, sound), width="content")
            _files(bench, item, key, sound)


def _files(bench: Workbench, item: Item, key: str, sound: Sound) -> None:
    settings = {"tune": item.canonical, "tempo": sound.tempo, "instrument": sound.instrument}

    score, title = parse_score(item.canonical or ""), "A tune"

    def write(path: Path, rows: Rows, format: str, about: Mapping[str, object]) -> None:
        del rows  # the tune is all there is
        write_whole(path, content(score, format, title, sound, about))

    origin = provenance(bench, "music", "player", settings)
    with st.popover("Save", icon=":material/download:", type="tertiary", key=f"{key}_save"):
        download_bar("tune", list, origin, write, FORMATS, key=key)


def content(
    score: Score, format: str, title: str, sound: Sound, about: Mapping[str, object]
) -> bytes:
    """A file of a tune, with where it came from: `mid`, `musicxml`, `wav` or `png`."""
    if format == "mid":
        return to_midi(score, tempo=sound.tempo, program=sound.program, title=title, about=about)
    if format == "musicxml":
        return to_musicxml(score, title=title, about=about)
    if format == "wav":
        return to_wav(score, tempo=sound.tempo, program=sound.program, title=title, about=about)
    return piano_roll_png(score, title=title, about=about)


def play_path(items: Sequence[Item], key: str) -> None:
    """A switch, and behind it all valid steps of a walk as one sound."""
    if not st.toggle("Play the whole way", key=key, help="All valid steps, one after the other."):
        return
    sound, kept, seconds = chosen_sound(), [], 0.0
    for item in items:
        if not item.ok:
            continue
        seconds += seconds_of(parse_score(item.canonical or ""), sound.tempo)
        if seconds > 2 * LONGEST and kept:
            break
        kept.append(item.canonical or "")
    if not kept:
        st.info("No step is a tune that can be played.")
        return
    data = wav_of_all(tuple(kept), sound.tempo, sound.program)
    st.audio(data, format="audio/wav", loop=sound.loop, autoplay=sound.at_once)
    st.caption(f"{len(kept)} of {len(items)} steps, a bar's rest between them")
