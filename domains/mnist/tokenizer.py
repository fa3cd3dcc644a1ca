"""The tokenizer of digits: one token a pixel, a row number or an orientation.

Without further merges a tiny digit is 99 tokens, a small one 224 (16 a row) and one of the default
size 840 (30 a row): the line end belongs to the number of the row after it. More byte-pair merges
make runs of background, and whole row labels, one token. Lossless for every string; with fewer
than 64 greys, for every digit of those greys: the others are read as the nearest.

    tokenizer = build_tokenizer(texts, side=14, merges=256)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tokenizers import Tokenizer, normalizers
from transformers import PreTrainedTokenizerFast

from domains.mnist.pictures.images import coarser
from domains.mnist.pictures.text import BLANK, LEVELS, ORIENTATIONS
from tvae_core.data.byte_pair import Merge, assemble, learn_merges, symbol_merges, wrap


def digit_merges(side: int) -> list[Merge]:
    """Merges that spell pixels (` !`), orientations (` down`) and row numbers, with line ends.

    The first row has no line end before it. The pair that spells its number stands last, or it
    would cut the numbers that have one.
    """
    symbols = [f" {chr(BLANK + level)}" for level in range(LEVELS)]
    symbols += [f" {orientation}" for orientation in ORIENTATIONS]
    symbols += [f"\n{row:02d}" for row in range(side)]
    ends = [f"{row:02d}" for row in (0, side - 1)]
    return [*symbol_merges(symbols), *((number[0], number[1]) for number in ends)]


def build_tokenizer(
    texts: Sequence[str],
    side: int,
    merges: int = 0,
    *,
    greys: int = LEVELS,
    max_token_length: int | None = None,
    progress: bool = False,
) -> PreTrainedTokenizerFast:
    """Makes the tokenizer for digits of one size.

    Args:
        texts: training texts; looked at only if there are merges to learn.
        side: 9, 14 or 28.
        merges: entries to learn besides those that pixels and labels need.
        greys: levels of grey that the texts have; a pixel of another is read as the nearest.
        max_token_length: the most pixels or labels that a learned entry may span.
        progress: show progress bars on stderr.
    """
    first = digit_merges(side)
    base = assemble(first)
    if merges:
        size = base.get_vocab_size() + merges
        base = assemble([*first, *learn_merges(base, texts, size, progress, max_token_length)])
    if greys < LEVELS:
        _read_as_nearest(base, greys)
    return wrap(base)


def _read_as_nearest(tokenizer: Tokenizer, greys: int) -> None:
    """Puts the rounding of pixels to `greys` levels before whatever the tokenizer does."""
    nearest = coarser(np.arange(LEVELS, dtype=np.uint8), greys).tolist()
    # after a space there are pixels and, in small letters, `down` and `up`
    steps = [
        normalizers.Replace(f" {chr(BLANK + level)}", f" {chr(BLANK + shown)}")
        for level, shown in enumerate(nearest)
        if level != shown
    ]
    tokenizer.normalizer = normalizers.Sequence([*steps, tokenizer.normalizer])
