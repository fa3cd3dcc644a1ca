"""Ways to bring a tune to a field of notation: a file, ABC, or the keyboard."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath

import streamlit as st

from apps.common.access import read_only, switched_off
from apps.common.bundle import Workbench
from apps.common.codes import decode, fits
from apps.common.page import later, literal, remember, shown_errors
from apps.common.upload import MEGABYTE, open_upload
from apps.tune.keyboard import keyboard
from domains.midi.notation import Score, format_score, metre_symbol, parse_score
from domains.midi.reading import SUFFIXES, Piece, read_music
from domains.midi.reading.choice import first_sounding_bar
from domains.midi.reading.files import MIDI_SUFFIXES
from domains.midi.reading.midi.grid import GRIDS
from domains.midi.reading.parts import Part, default_part, default_voice
from tvae_core.domain import DomainError

FILE, ABC, KEYBOARD = "Upload", "ABC", "Keyboard"
WAYS = {FILE: ":material/upload_file:", ABC: ":material/edit_note:", KEYBOARD: ":material/piano:"}
LARGEST = 5 * MEGABYTE
MOST_PIECES, MOST_BARS, MOST_TYPED = 2000, 64, 20_000
METRES = ((4, 4), (3, 4), (2, 4), (6, 8), (9, 8), (12, 8), (2, 2))
FIRST_ABC = """X:1
T:My tune
M:4/4
L:1/8
K:D
A2 FA d2 fd | e2 ce A4 | B2 dB A2 FA | G2 E2 D4 |]"""
ALL = "all"


@dataclass(frozen=True, slots=True)
class Habit:
    """What a bundle's tunes are like: how many bars and voices most of them have."""

    bars: int
    voices: int


def habit_of(bench: Workbench) -> Habit:
    """Bars and voices of a few samples; four bars and one voice if none is valid."""

    def look() -> Habit:
        with bench.lock:
            codes = bench.space.sample_latents(8, 0)
        found = []
        for text in decode(bench, codes, bench.space.defaults["sample_fidelity"]):
            try:
                score = parse_score(text)
            except DomainError:
                continue
            found.append((len(score.metres), len(score.voices)))
        bars, voices = max(found, key=found.count) if found else (4, 1)
        return Habit(bars, voices)

    return remember("music_habit", bench.hash, look)


def desk(workbench: Callable[[], Workbench], key: str) -> None:
    """Draws the other ways in below the field `key`, and puts what comes of them into it."""
    way = st.segmented_control(
        "Or bring a tune",
        list(WAYS),
        key=f"{key}_way",
        format_func=lambda name: f"{WAYS[name]} {name}",
        label_visibility="collapsed",
        persist_state="session",
    )
    if way is None:
        return
    with st.container(border=True, key=f"{key}_desk"), shown_errors(stop=False):
        if way == KEYBOARD:
            text = from_keyboard(key)
        else:
            pieces = from_file(key) if way == FILE else from_abc(key)
            text = excerpt_of(workbench(), key, pieces) if pieces else None
        if text is not None:
            fill(key, text)


def fill(key: str, text: str) -> None:
    """Puts a text into a field, once: what is typed there later stays."""
    kept = f"_{key}_filled"
    if st.session_state.get(kept) != text:
        st.session_state[kept] = text
        later(**{key: text})
        st.rerun()


def from_file(key: str) -> list[Piece]:
    """The pieces of an uploaded file, none where there is no file.

    Raises:
        ValueError: it is too large, or cannot be read.
    """
    if read_only():
        switched_off("Uploads are")
        return []
    endings = [suffix.removeprefix(".") for suffix in SUFFIXES]
    found = st.file_uploader(
        "A file of music: " + ", ".join(endings),
        type=[*endings, "gz"],
        key=f"{key}_file",
        max_upload_size=int(LARGEST / MEGABYTE),
    )
    if found is None:
        return []
    file = open_upload(found.name, found.getvalue(), LARGEST)
    grid = 0
    if PurePath(file.name).suffix.lower() in MIDI_SUFFIXES:
        grid = st.segmented_control(
            "Put notes on a grid",
            [0, *GRIDS],
            default=0,
            required=True,
            format_func=lambda parts: f"1/{parts}" if parts else "as they are",
            key=f"{key}_grid",
            help="For MIDI that was played: notes move to the nearest part of a whole note, or of "
            "a triplet.",
        )
    name = (key, file.name, file.digest, grid)
    return remember(f"{key}_pieces", name, partial(_read, file.data, file.name, grid))


def from_abc(key: str) -> list[Piece]:
    """The tunes of what is typed in ABC.

    Raises:
        ValueError: it cannot be read.
    """
    typed = st.text_area(
        "ABC",
        FIRST_ABC,
        height=190,
        key=f"{key}_abc",
        max_chars=MOST_TYPED,
        help="The ABC notation. Lines before the key (K:) may be left out. Ctrl+Enter takes it.",
        persist_state="session",
    )
    data = with_header(typed or "").encode()
    digest = hashlib.sha256(data).hexdigest()
    return remember(f"{key}_pieces", (key, "abc", digest), partial(_read, data, "typed.abc"))


def with_header(typed: str) -> str:
    """ABC with the lines that a reader wants before the notes."""
    text = "\n".join(line.strip() for line in typed.strip().splitlines())
    if not text:
        raise DomainError("type a tune in ABC, such as K:G and GABc d2B2")
    lines = text.split("\n")
    if not any(line.startswith("K:") for line in lines):
        heads = [i for i, line in enumerate(lines) if line[:2] in ("X:", "T:", "M:", "L:", "Q:")]
        lines.insert(heads[-1] + 1 if heads else 0, "K:C")
    if not lines[0].startswith("X:"):
        lines.insert(0, "X:1")
    return "\n".join(lines) + "\n"


def _read(data: bytes, name: str, grid: int = 0) -> list[Piece]:
    with st.spinner("Reading ..."):
        pieces = read_music(data, name, grid=grid)
    if not pieces:
        raise DomainError(f"{name}: there is no tune in it")
    return pieces


def excerpt_of(bench: Workbench, key: str, pieces: list[Piece]) -> str | None:
    """Draws the choice of a piece, of a part, of bars and of a voice; gives the excerpt's text.

    Raises:
        DomainError: it is longer than the bundle takes.
    """
    piece, mark = pieces[0], hashlib.sha256(pieces[0].title.encode()).hexdigest()[:6]
    if len(pieces) > 1:
        number = st.selectbox(
            f"Tune, of {len(pieces):,}",
            range(min(len(pieces), MOST_PIECES)),
            format_func=lambda i: f"{i + 1}. {pieces[i].title}, {len(pieces[i].score.metres)} bars",
            key=f"{key}_piece_{len(pieces)}_{mark}",
        )
        piece, mark = pieces[number], f"{mark}_{number}"
    for phrase in piece.told:
        st.caption(f":material/info: {literal(phrase)}")
    habit = habit_of(bench)
    score, name = _part_of(piece, habit, key, mark)
    bars, voices = len(score.metres), len(score.voices)
    mark = f"{mark}_{name}_{bars}_{voices}"
    one, two, three = st.columns(3)
    first, count = 1, bars
    if bars > 1:
        begin = first_sounding_bar(score) + 1
        first = one.number_input("From bar", 1, bars, begin, key=f"{key}_first_{mark}")
        most = min(bars - int(first) + 1, MOST_BARS)
        count = two.number_input(
            "Bars", 1, most, min(habit.bars, most), key=f"{key}_bars_{mark}_{most}"
        )
    chosen: int | str = ALL
    if voices > 1:
        options: list[int | str] = [ALL, *range(1, voices + 1)]
        chosen = three.selectbox(
            "Voice",
            options,
            index=0 if habit.voices > 1 else default_voice(score) + 1,
            key=f"{key}_voice_{mark}",
        )
    part = score.excerpt(int(first) - 1, int(count))
    if chosen != ALL:
        part = Score(part.key, part.metres, (part.voices[int(chosen) - 1],))
    text = format_score(part)
    if not fits(bench, [text])[0]:
        raise DomainError(
            f"{count} bars of {_voices(len(part.voices))} are longer than this bundle takes: "
            f"choose fewer; most of its tunes have {habit.bars}"
        )
    st.caption(
        f"{literal(piece.title)}: bars {first} to {int(first) + int(count) - 1} of {bars}, "
        f"{metre_symbol(part.metres[0]).strip()}. They are in the field above."
    )
    return text


def _part_of(piece: Piece, habit: Habit, key: str, mark: str) -> tuple[Score, str]:
    """Draws the choice of a part where there are several; gives it, and a name for its keys."""
    places = [place for place, part in enumerate(piece.parts) if part.score and part.notes]
    if len(piece.parts) < 2 or not places:
        return piece.score, ""
    if piece.refused:
        st.caption(f":material/info: {literal(piece.refused)}: choose a part")
    options: list[int | str] = [*([] if piece.refused else [ALL]), *places]
    taken = ALL if habit.voices > 1 and not piece.refused else default_part(piece.parts)
    chosen = st.selectbox(
        f"Part, of {len(piece.parts)}",
        options,
        index=options.index(taken),
        format_func=lambda place: ALL if place == ALL else _title(piece.parts, int(place)),
        key=f"{key}_part_{mark}",
    )
    score = None if chosen == ALL else piece.parts[int(chosen)].score
    return (piece.score, "all") if score is None else (score, f"part{chosen}")


def _title(parts: Sequence[Part], place: int) -> str:
    return f"{place + 1} {parts[place].name} ({parts[place].notes:,} notes)"


def _voices(count: int) -> str:
    return "one voice" if count == 1 else f"{count} voices"


def from_keyboard(key: str) -> str | None:
    """The tune that is played on the keyboard; None for nothing.

    Raises:
        DomainError: only rests were played.
    """
    metre = st.selectbox(
        "Metre",
        METRES,
        format_func=lambda metre: f"{metre[0]}/{metre[1]}",
        key=f"{key}_metre",
        width=120,
        persist_state="session",
    )
    return keyboard(f"{key}_keys", metre)
