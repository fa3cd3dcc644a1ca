"""Which part and voice of a piece is taken, and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from domains.midi.notation import Score
from domains.midi.reading.parts import Part, default_part, default_voice, find_part, listing
from domains.midi.reading.pieces import Piece
from tvae_core.domain import DomainError


def chosen_part(
    piece: Piece, path: Path, part: str | None, one_voice: bool, said: list[str]
) -> Score:
    """The score of the part that is meant, or of all parts.

    Args:
        piece: of a file.
        path: of the file, for what is said.
        part: name or number; None for all, or for the one that is taken when one voice is wanted.
        one_voice: whether one voice is taken of several.
        said: takes what is said of the choice.

    Raises:
        DomainError: no or several parts are meant, or the parts cannot be written together.
    """
    parts = parts_of(piece)
    if part is not None:
        found = parts[find_part(parts, part)].score
        assert found is not None
        return _one_voice(found, said) if one_voice else found
    if one_voice and len(parts) > 1:
        place = default_part(parts)
        found = parts[place].score
        assert found is not None
        taken, other = call_of(parts, place), call_of(parts, 1 if place == 0 else 0)
        said.append(f"{listing(parts)}; {taken} is taken (name another: {path.name}@{other})")
        return _one_voice(found, said) if piece.parts else found
    if piece.refused:
        name = call_of(parts, default_part(parts))
        raise DomainError(f"{piece.why_not_whole}; name one: {path}@{name}")
    return _one_voice(piece.score, said) if one_voice else piece.score


def parts_of(piece: Piece) -> Sequence[Part]:
    """The parts of a piece; the voices of one whose file tells no parts, or one part, apart."""
    if len(piece.parts) > 1:
        return piece.parts
    score = piece.score
    return [
        Part(
            "",
            sum(len(event.pitches) for event in voice),
            Score(score.key, score.metres, (voice,)),
        )
        for voice in score.voices
    ]


def call_of(parts: Sequence[Part], place: int) -> str:
    """How a part is named in an item: by its name where no other has it, else by its number."""
    name = parts[place].name
    same = sum(part.name.casefold() == name.casefold() for part in parts)
    return name if name and same == 1 and not name.isdecimal() else str(place + 1)


def first_sounding_bar(score: Score) -> int:
    """The place of the first bar in which a note sounds; 0 if there is none."""
    begin = min((voice[0].start for voice in score.voices if voice), default=0)
    return next((i for i, b in enumerate(score.bars) if begin < b.start + b.length), 0)


def _one_voice(score: Score, said: list[str]) -> Score:
    if len(score.voices) == 1:
        return score
    place = default_voice(score)
    said.append(f"{len(score.voices)} voices at once; the fullest, voice {place + 1}, is taken")
    return Score(score.key, score.metres, (score.voices[place],))
