"""The SMILES tokenizer: byte-pair merges over atom symbols, lossless for every string.

The symbols (see `tvae_core.data.byte_pair`) are ``Cl``, ``Br``, ``@@``, and the bracket atoms and
``%nn`` ring numbers that are common in the training texts.

    tokenizer = build_tokenizer(["CCO", "c1ccccc1Cl"], vocab_size=512)
    ids = tokenizer("[13C@@H](Cl)C%12").input_ids
    assert tokenizer.decode(ids) == "[13C@@H](Cl)C%12"
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from transformers import PreTrainedTokenizerFast

from tvae_core.data import byte_pair
from tvae_core.data.byte_pair import BASE_SIZE, Merge
from tvae_core.data.byte_pair import encode_many as encode_many
from tvae_core.data.byte_pair import load_tokenizer as load_tokenizer

MAX_SYMBOLS = 96
MIN_SYMBOL_SHARE = 1e-4
MAX_SYMBOL_LENGTH = 12

_PAIRS = ("Cl", "Br", "@@")
_SYMBOL = re.compile(r"\[[!-Z\\^-~]+\]|%[1-9][0-9]")
MIN_VOCAB_SIZE = BASE_SIZE + len(_PAIRS)


def common_symbols(texts: Iterable[str]) -> list[str]:
    """Bracket atoms and two-digit ring numbers in at least 1 text of 10,000, commonest first."""
    counts: Counter[str] = Counter()
    n_texts = 0
    for text in texts:
        n_texts += 1
        counts.update(set(_SYMBOL.findall(text)))
    least = max(2.0, MIN_SYMBOL_SHARE * n_texts)
    kept = [s for s, count in counts.items() if count >= least and len(s) <= MAX_SYMBOL_LENGTH]
    return sorted(kept, key=lambda symbol: (-counts[symbol], symbol))[:MAX_SYMBOLS]


def symbol_merges(symbols: Sequence[str]) -> list[Merge]:
    """The fixed pairs, then what spells each symbol left to right, shortest prefixes first."""
    fixed = [(pair[0], pair[1]) for pair in _PAIRS]
    return fixed + byte_pair.symbol_merges(symbols, "|".join(_PAIRS))


def build_tokenizer(
    texts: Iterable[str], vocab_size: int = 1024, progress: bool = False
) -> PreTrainedTokenizerFast:
    """Learn a tokenizer from SMILES.

    Args:
        texts: training SMILES. A few hundred thousand are plenty.
        vocab_size: the most entries the vocabulary may have, special tokens included. It comes out
            smaller where the texts repeat too little to learn that many merges.
        progress: show progress bars on stderr.

    Returns:
        A fast tokenizer, which adds no special tokens of its own accord; they are ``<pad>`` 0,
        ``<bos>`` 1, ``<eos>`` 2 and ``<mask>`` 3.

    Raises:
        ValueError: ``vocab_size`` is too small for the alphabet, or there are no texts.
    """
    if vocab_size < MIN_VOCAB_SIZE:
        raise ValueError(f"vocab_size must be at least {MIN_VOCAB_SIZE}, not {vocab_size}")
    texts = list(texts)
    if not texts:
        raise ValueError("a tokenizer cannot be built from no texts")
    symbols = common_symbols(texts)
    while len(atom_merges := symbol_merges(symbols)) > vocab_size - MIN_VOCAB_SIZE + len(_PAIRS):
        symbols.pop()
    base = byte_pair.assemble(atom_merges)
    learned = byte_pair.learn_merges(base, texts, vocab_size, progress)
    known = set(atom_merges)
    return byte_pair.wrap(
        byte_pair.assemble([*atom_merges, *(pair for pair in learned if pair not in known)])
    )
