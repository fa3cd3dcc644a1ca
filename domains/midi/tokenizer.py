"""The tokenizer of music: byte-pair merges over keys, metres, pitches and durations, lossless.

A pitch (`F#4`), a duration (`:36`), a key signature and a bar that begins with a metre (`|6/8 `)
are one token each before anything is learned, so that merges join whole notes, turns and bars, as
in Fradet et al. 2023 (arXiv 2301.11975). No merge is learned across the key signature: a transposed
tune differs in its first token alone. What has no symbol, such as a duration of 77 steps, is spelt
out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from transformers import PreTrainedTokenizerFast

from domains.midi.notation import HIGHEST, LOWEST, key_symbol, metre_symbol, pitch_name
from tvae_core.data.byte_pair import BASE_SIZE, build_byte_pair, symbol_merges
from tvae_core.data.byte_pair import encode_many as encode_many
from tvae_core.data.byte_pair import load_tokenizer as load_tokenizer

METRES = (
    *((beats, 4) for beats in range(1, 8)),
    *((beats, 8) for beats in (3, 4, 5, 6, 7, 9, 12)),
    *((beats, 2) for beats in (1, 2, 3, 4)),
    *((9, 4), (12, 4), (4, 1), (4, 16), (6, 16), (12, 16)),
)
DURATIONS = (
    *(steps for steps in range(1, 97) if steps % 2 == 0 or steps % 3 == 0),
    *range(108, 193, 12),
)
SYMBOLS = (
    *map(key_symbol, range(-7, 8)),
    *(f"|{metre_symbol(metre)}" for metre in METRES),
    *(pitch_name(p) for p in range(LOWEST - 6, HIGHEST + 6)),
    *(f":{steps}" for steps in DURATIONS),
)
"""Texts that are one token each."""
MIN_VOCAB_SIZE = BASE_SIZE + len({left + right for left, right in symbol_merges(SYMBOLS)})
MAX_TOKEN_LENGTH = 16


def build_tokenizer(
    texts: Sequence[str],
    vocab_size: int = 2048,
    *,
    max_token_length: int | None = MAX_TOKEN_LENGTH,
    progress: bool = False,
) -> PreTrainedTokenizerFast:
    """Learns a tokenizer from texts in the notation.

    Args:
        texts: training texts.
        vocab_size: the most entries, at least `MIN_VOCAB_SIZE`; see
            `tvae_core.data.byte_pair.build_byte_pair`.
        max_token_length: the most symbols that a learned entry may have; 16 are eight notes.
        progress: show progress bars on stderr.

    Raises:
        ValueError: `vocab_size` is too small, or there are no texts.
    """
    return build_byte_pair(
        [text[text.find("|") :] if "|" in text else text for text in texts],
        vocab_size,
        symbols=SYMBOLS,
        max_token_length=max_token_length,
        progress=progress,
    )


def holds_one_voice(bundle: Path) -> bool:
    """Whether a bundle has only seen tunes of one voice: no token that it has learned has a `;`.

    A folder that is not there, or holds no tokenizer, is not said to.
    """
    try:
        found = json.loads((bundle / "tokenizer.json").read_text(encoding="utf-8"))
        return not any(";" in token and len(token) > 1 for token in found["model"]["vocab"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
