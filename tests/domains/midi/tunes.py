"""Scores for property tests: all keys, metres, voices, chords, ties and rests that there can be."""

from __future__ import annotations

from hypothesis import strategies as st

from domains.midi.notation import HIGHEST, LOWEST, Event, Score, bar_length

METRES = ((4, 4), (3, 4), (2, 4), (6, 8), (9, 8), (5, 8), (2, 2), (7, 16), (3, 32))


@st.composite
def scores(draw: st.DrawFn, most_bars: int = 4, most_voices: int = 3) -> Score:
    """Scores that are not silent."""
    key = draw(st.integers(-7, 7))
    metres = tuple(draw(st.lists(st.sampled_from(METRES), min_size=1, max_size=most_bars)))
    length = sum(map(bar_length, metres))
    chord = st.lists(st.integers(LOWEST, HIGHEST), min_size=1, max_size=4, unique=True)
    steps = st.one_of(st.sampled_from((6, 8, 12, 18, 24, 36, 48, 96)), st.integers(1, 200))
    voices = []
    for _ in range(draw(st.integers(1, most_voices))):
        now, voice = draw(st.integers(0, length - 1)), []
        while now < length and len(voice) < 12:
            duration = min(draw(steps), length - now)
            voice.append(Event(now, duration, tuple(sorted(draw(chord)))))
            now += duration + draw(st.one_of(st.just(0), steps))
        voices.append(tuple(voice))
    return Score(key, metres, tuple(voices))
