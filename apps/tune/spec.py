"""The app of music: its words, its scores, piano rolls on cards, players, ways to bring a tune."""

from __future__ import annotations

import re
from collections.abc import Sequence

from torch import Tensor

from apps.common.bundle import Workbench
from apps.common.elements.cards import Chip
from apps.common.kept import MEGABYTE, kept
from apps.common.widgets.windows import Range
from apps.items.facts import Item
from apps.items.hooks import Hooks
from apps.items.spec import Cards, Face, Field, ScoreView, Spec, Words
from apps.tune import sound
from apps.tune.desk import desk
from domains.midi.commands import COMMANDS
from domains.midi.domain import MidiDomain
from domains.midi.examples import EXAMPLES
from domains.midi.notation import metre_symbol, parse_score
from domains.midi.writing.pictures import piano_roll
from tvae_core.domain import DomainError

BUNDLE = COMMANDS.bundle
_MAJOR = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
_MINOR = ("Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#", "G#", "D#", "A#")
_BAR = re.compile(r"^bar (\d+)")
_ABC = re.compile(r"(^|\s)(X:|K:)\s*\S|\|:|\|\]")


@kept(32 * MEGABYTE)
def _roll(text: str, width: int) -> str:
    return piano_roll(parse_score(text), width=width)


def _face(item: Item, width: int) -> Face:
    return Face(picture=_roll(item.canonical or "", 560 if width > 300 else 320), alt="piano roll")


def _metres(bench: Workbench, items: Sequence[Item], codes: Tensor) -> list[str]:
    """The metre of each tune's first bar."""
    del bench, codes
    return [
        metre_symbol(parse_score(item.canonical).metres[0]).strip() if item.canonical else ""
        for item in items
    ]


def badges(item: Item) -> tuple[Chip, ...]:
    """The verdict: valid and in which key signature, or the bar that fails, with the reason."""
    if item.ok:
        key = parse_score(item.canonical or "").key + 7
        names = f"{_MAJOR[key]} / {_MINOR[key]}m".replace("#", "♯")
        return (
            Chip("valid", "good", "parses, and every bar adds up"),
            Chip(re.sub(r"([A-G])b", r"\1♭", names), "plain", "key signature"),
        )
    match = _BAR.match(item.reason)
    place = f"invalid · bar {match[1]}" if match else "invalid"
    return (Chip(place, "bad", item.why),)


def _read(typed: str) -> str:
    """The text itself; says where ABC goes.

    Raises:
        DomainError: nothing, or ABC.
    """
    if not typed:
        raise DomainError("enter a tune: type the notation, pick an example, or bring one")
    if "|4/" not in typed and _ABC.search(typed):
        raise DomainError("this looks like ABC: press ABC below the field and put it there")
    return typed


TITLES = {
    "sample": (
        "Listen to new tunes",
        "Random codes from the prior, decoded to tunes and checked bar by bar. Press a piano "
        "roll to hear it.",
    ),
    "tune": (
        "A tune of your own",
        "Upload, type or play one: hear it, what comes back from its code, and variations of it.",
    ),
    "walk": (
        "Blend two tunes",
        "Codes on the way from one tune to another. Move the slider: each step is played.",
    ),
    "pad": (
        "Latent pad",
        "A plane through the space of tunes. Press a point to hear what lives there.",
    ),
    "shape": (
        "Shape a tune",
        "Denser, higher, more syncopated: the tune near yours that comes nearest to what you ask.",
    ),
    "around": ("Around a tune", "What decodes from codes close to one tune's: variations."),
    "map": (
        "Map of tunes",
        "Sampled tunes on the two axes along which their codes vary most, coloured by metre or "
        "by a score.",
    ),
}
SCORES = {
    "notes": ScoreView("notes", ".0f", "notes in all voices", Range(0.0, 64.0, 1.0)),
    "density": ScoreView("density", ".2f", "notes a quarter", Range(0.0, 6.0, 0.1)),
    "pitch_range": ScoreView(
        "range",
        ".0f",
        "semitones from the lowest note to the highest",
        Range(0.0, 48.0, 1.0),
    ),
    "mean_pitch": ScoreView("height", ".1f", "mean pitch; middle C is 60", Range(36.0, 96.0, 1.0)),
    "syncopation": ScoreView(
        "syncopation",
        ".2f",
        "levels of the metre that notes are off",
        Range(0.0, 3.0, 0.05),
    ),
    "in_key": ScoreView(
        "in key", ".0%", "notes of the key signature's scale", Range(0.0, 1.0, 0.05)
    ),
    "repetition": ScoreView(
        "repetition", ".2f", "runs of three notes that came before", Range(0.0, 1.0, 0.05)
    ),
    "contour": ScoreView("contour", ".2f", "−1 falls, 1 rises", Range(-1.0, 1.0, 0.1)),
    "key_clarity": ScoreView(
        "key clarity", ".2f", "likeness to the nearest key", Range(0.0, 1.0, 0.05)
    ),
    "pitch_entropy": ScoreView(
        "pitch entropy", ".2f", "of the twelve pitch classes, in bits", Range(0.0, 3.6, 0.1)
    ),
    "groove_consistency": ScoreView(
        "groove", ".2f", "likeness of the bars' rhythms", Range(0.0, 1.0, 0.05)
    ),
    "empty_beats": ScoreView(
        "empty beats", ".0%", "quarters in which nothing sounds", Range(0.0, 1.0, 0.05)
    ),
    "bars": ScoreView("bars", ".0f", "bars", Range(1.0, 32.0, 1.0)),
    "voices": ScoreView("voices", ".0f", "voices", Range(1.0, 8.0, 1.0)),
}

SPEC = Spec(
    app="music",
    commands=COMMANDS,
    make_domain=MidiDomain,
    words=Words(
        noun="tunes",
        titles=TITLES,
        label="Metre",
    ),
    cards=Cards(
        scores=SCORES,
        names=("notes", "pitch_range", "in_key"),
        draw=_face,
        width=270,
        strip=190,
        steps=9,
        flat=True,
        large_text=True,
        thumbnail=300,
        badges=badges,
        on_steps=("notes", "pitch_range"),
    ),
    field=Field(
        examples=dict(EXAMPLES),
        ends=(EXAMPLES["Ode to Joy"], EXAMPLES["Twinkle, Twinkle, Little Star"]),
        read=_read,
        typed=lambda item: item.canonical or "",
        help="A key signature, then bars of notes with their lengths in 1/24 of a quarter: "
        "`2# |4/4 C4:24E4:24G4:48` (pitches as if in C).",
        desk=lambda key: desk(SPEC.workbench, key),
    ),
    hooks=Hooks(
        labels=_metres,
        player=lambda item, key, now=False: sound.play(SPEC.workbench(), item, key, now),
        path_player=sound.play_path,
        aside=sound.sound_panel,
    ),
)

workbench = SPEC.workbench
