"""The SMILES tokenizer: byte-pair merges over atom symbols, lossless for every string.

A text is first spelt in *units*: printable ASCII characters, plus the multi-character symbols of
SMILES (``Cl``, ``Br``, ``@@``, and the bracket atoms and ``%nn`` ring numbers that are common in
the training texts). A symbol is never cut by a later merge, because the merges that form it come
first. Byte-pair merges over the units (Sennrich et al. 2016, arXiv 1508.07909) then shorten the
sequence.

What is not printable ASCII is spelt as its UTF-8 bytes, each an escape sign and two hexadecimal
digits: one row of the vocabulary, where a byte alphabet takes 256. There is no unknown token.

    tokenizer = build_tokenizer(["CCO", "c1ccccc1Cl"], vocab_size=512)
    ids = tokenizer("[13C@@H](Cl)C%12").input_ids
    assert tokenizer.decode(ids) == "[13C@@H](Cl)C%12"
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, trainers
from transformers import PreTrainedTokenizerFast

SPECIAL_TOKENS = {"pad_token": "<pad>", "bos_token": "<bos>", "eos_token": "<eos>"}
MASK_TOKEN = {"mask_token": "<mask>"}
ESCAPE = "\u241b"
MAX_SYMBOLS = 96
MIN_SYMBOL_SHARE = 1e-4
MAX_SYMBOL_LENGTH = 12

_PAIRS = ("Cl", "Br", "@@")
_SYMBOL = re.compile(r"\[[!-Z\\^-~]+\]|%[1-9][0-9]")
_PLAIN = re.compile(r"[!-~]*")
_PRIVATE_USE = 0xE000
_ENCODE_CHUNK = 10_000


def _byte_characters() -> dict[int, str]:
    """What the byte-level normalizer of ``tokenizers`` (GPT-2's table) writes for each byte."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in set(shown)]
    table = {byte: chr(byte) for byte in shown}
    table.update({byte: chr(0x100 + index) for index, byte in enumerate(hidden)})
    return table


_BYTES = _byte_characters()
ALPHABET = [*(_BYTES[byte] for byte in range(0x20, 0x7F)), ESCAPE]
_ESCAPED = {_BYTES[byte]: f"{ESCAPE}{byte:02X}" for byte in range(256) if not 0x20 <= byte < 0x7F}
MIN_VOCAB_SIZE = len(SPECIAL_TOKENS) + len(MASK_TOKEN) + len(ALPHABET) + len(_PAIRS)


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


def symbol_merges(symbols: Sequence[str]) -> list[tuple[str, str]]:
    """The fixed pairs, then what spells each symbol left to right, shortest prefixes first."""
    extensions: dict[tuple[str, str], int] = {}
    for symbol in symbols:
        units = re.findall("|".join(_PAIRS) + "|.", symbol)
        prefix = units[0]
        for depth, unit in enumerate(units[1:]):
            extensions[prefix, unit] = depth
            prefix += unit
    ordered = sorted(extensions, key=lambda pair: (extensions[pair], pair))
    return [(pair[0], pair[1]) for pair in _PAIRS] + ordered


def _assemble(merges: Sequence[tuple[str, str]]) -> Tokenizer:
    """A ``tokenizers`` pipeline with the fixed alphabet and these merges."""
    names = [*SPECIAL_TOKENS.values(), *MASK_TOKEN.values(), *ALPHABET]
    vocab = {name: index for index, name in enumerate(names)}
    for left, right in merges:
        vocab.setdefault(left + right, len(vocab))
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=list(merges), cache_capacity=0))
    escapes = [normalizers.Replace(char, code) for char, code in _ESCAPED.items()]
    tokenizer.normalizer = normalizers.Sequence([normalizers.ByteLevel(), *escapes])
    unescapes = [decoders.Replace(code, char) for char, code in _ESCAPED.items()]
    tokenizer.decoder = decoders.Sequence([decoders.Fuse(), *unescapes, decoders.ByteLevel()])
    return tokenizer


def _learn_merges(
    base: Tokenizer, texts: Sequence[str], vocab_size: int, progress: bool
) -> list[tuple[str, str]]:
    """Byte-pair merges over the units of ``base``, in the characters of the units.

    Every unit stands as one private-use character while the merges are learned.
    """
    vocab = base.get_vocab()
    reserved = {*SPECIAL_TOKENS.values(), *MASK_TOKEN.values()}
    unit_of = {chr(_PRIVATE_USE + index): unit for unit, index in vocab.items()}
    units = [char for char, unit in unit_of.items() if unit not in reserved]

    def spelt() -> Iterator[str]:
        for start in range(0, len(texts), _ENCODE_CHUNK):
            for ids in _encode(base, texts[start : start + _ENCODE_CHUNK]):
                yield "".join(chr(_PRIVATE_USE + index) for index in ids)

    learner = Tokenizer(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(reserved),
        min_frequency=2,
        initial_alphabet=sorted(units),
        show_progress=progress,
    )
    learner.train_from_iterator(spelt(), trainer)

    known = set(vocab) - reserved
    merges: list[tuple[str, str]] = []
    for pair in json.loads(learner.to_str())["model"]["merges"]:
        left, right = ("".join(unit_of[char] for char in part) for part in pair)
        if left in known and right in known and left + right not in reserved:
            known.add(left + right)
            merges.append((left, right))
    return merges


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
    base = _assemble(atom_merges)
    learned = _learn_merges(base, texts, vocab_size, progress)
    known = set(atom_merges)
    return _wrap(_assemble([*atom_merges, *(pair for pair in learned if pair not in known)]))


def load_tokenizer(path: str | Path) -> PreTrainedTokenizerFast:
    """Load ``tokenizer.json``, given as the file or the folder that holds it.

    Raises:
        ValueError: the file is missing or is no tokenizer.
    """
    file = Path(path)
    file = file / "tokenizer.json" if file.is_dir() else file
    try:
        return _wrap(Tokenizer.from_str(file.read_text(encoding="utf-8")))
    except Exception as error:  # tokenizers raises bare Exception
        raise ValueError(f"{file} is not a readable tokenizer: {error}") from error


def encode_many(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[list[int]]:
    """The bare token ids of many texts, as ``tokenizer`` gives them but several times faster.

    Printable ASCII without spaces has nothing to escape, so a batch of it skips the normalizer.
    """
    backend = tokenizer.backend_tokenizer
    backend.encode_special_tokens = True
    return _encode(backend, texts)


def _encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    if _PLAIN.fullmatch("".join(texts)):
        tokenizer = Tokenizer(tokenizer.model)
    return [encoding.ids for encoding in tokenizer.encode_batch_fast(texts)]


def _wrap(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    # split_special_tokens: a text that holds "<eos>" is spelt out, not made the special token.
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        clean_up_tokenization_spaces=False,
        split_special_tokens=True,
        **SPECIAL_TOKENS,
        **MASK_TOKEN,
    )
