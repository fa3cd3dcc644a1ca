"""Whether whole tunes come back from their text and from their tokens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from data_prep.midi.corpus import Tune
from domains.midi.notation import format_score, parse_score
from domains.midi.tokenizer import encode_many, load_tokenizer


def round_trip(tunes: Sequence[Tune], folder: Path) -> str:
    """One line: how many tunes are the same after text -> score -> text -> tokens -> text.

    Args:
        tunes: whole ones.
        folder: of the prepared set, whose tokenizer is used.
    """
    tokenizer = load_tokenizer(folder)
    texts = [text for tune in tunes for text in tune.texts]
    scores = [parse_score(text) for text in texts]
    again = [format_score(score) for score in scores]
    rows = encode_many(tokenizer, texts)
    decoded = [tokenizer.decode(row) for row in rows]
    places = [(tune.source, text) for tune in tunes for text in tune.texts]
    bad_text = {at for (at, text), new in zip(places, again, strict=True) if text != new}
    bad_score = {
        at
        for (at, _), score, new in zip(places, scores, again, strict=True)
        if parse_score(new) != score
    }
    bad_tokens = {at for (at, text), new in zip(places, decoded, strict=True) if text != new}
    n, tokens = len(tunes), sum(map(len, rows))
    bars = sum(len(score.metres) for score in scores)
    return (
        f"round trip of {n:,} tunes in {len(texts):,} stretches, {bars:,} bars, {tokens:,} tokens: "
        f"{n - len(bad_text | bad_score):,} equal as score and text, "
        f"{n - len(bad_tokens):,} equal through the tokenizer"
    )
