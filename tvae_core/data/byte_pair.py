"""Byte-pair tokenizers that are lossless for every string, with a vocabulary of a domain's choice.

A text is first spelt in *units*: printable ASCII characters, and symbols of several characters that
a domain names (`Cl` in SMILES). A symbol is never cut by a learned merge, because the merges that
form it come first. Byte-pair merges over the units (Sennrich et al. 2016, arXiv 1508.07909) then
shorten the sequence.

What is not printable ASCII is spelt as its UTF-8 bytes, each an escape sign and two hexadecimal
digits: one row of the vocabulary, where a byte alphabet takes 256. There is no unknown token.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, trainers
from transformers import PreTrainedTokenizerFast

from tvae_core.support.untrusted import MOST_TOKENIZER, small_json

Merge = tuple[str, str]
SPECIAL_TOKENS = {"pad_token": "<pad>", "bos_token": "<bos>", "eos_token": "<eos>"}
MASK_TOKEN = {"mask_token": "<mask>"}
ESCAPE = "\u241b"

_PLAIN = re.compile(r"[ -~]*")
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
_SPACE = _BYTES[0x20]
ALPHABET = [*(_BYTES[byte] for byte in range(0x20, 0x7F)), ESCAPE]
_ESCAPED = {_BYTES[byte]: f"{ESCAPE}{byte:02X}" for byte in range(256) if not 0x20 <= byte < 0x7F}
BASE_SIZE = len(SPECIAL_TOKENS) + len(MASK_TOKEN) + len(ALPHABET)
"""Entries of every vocabulary: the special tokens and the alphabet."""


def spelt(text: str) -> str:
    """A text in the characters of the alphabet: a visible space, other bytes as escapes."""
    return "".join(
        _SPACE
        if char == " "
        else char
        if "!" <= char <= "~"
        else "".join(_ESCAPED.get(_BYTES[byte], _BYTES[byte]) for byte in char.encode())
        for char in text
    )


def symbol_merges(symbols: Sequence[str], units: str = "") -> list[Merge]:
    """Merges that spell each symbol left to right, shortest prefixes first.

    Args:
        symbols: texts, each to be one entry of the vocabulary.
        units: a regular expression of what is one unit already; else single characters.
    """
    extensions: dict[Merge, int] = {}
    spellings = [re.findall(f"{units}|." if units else ".", spelt(symbol)) for symbol in symbols]
    for parts in spellings:
        prefix = parts[0]
        for depth, unit in enumerate(parts[1:]):
            extensions.setdefault((prefix, unit), depth)
            prefix += unit
    merges = sorted(extensions, key=lambda pair: (extensions[pair], pair))
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    for parts in spellings:
        left = merged(parts, ranks)
        while len(left) > 1:  # cut by another symbol's merges, as `>>=` is by those of `>=`
            ranks.setdefault((left[0], left[1]), len(ranks))
            left = [left[0] + left[1], *left[2:]]
    return list(ranks)


def merged(parts: Sequence[str], ranks: Mapping[Merge, int]) -> list[str]:
    """Parts after byte-pair merging: always the pair of the lowest rank, the leftmost first."""
    left = list(parts)
    while pairs := [pair for pair in pairwise(left) if pair in ranks]:
        place = list(pairwise(left)).index(min(pairs, key=lambda pair: ranks[pair]))
        left[place : place + 2] = [left[place] + left[place + 1]]
    return left


def assemble(merges: Sequence[Merge]) -> Tokenizer:
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


def learn_merges(
    base: Tokenizer,
    texts: Sequence[str],
    vocab_size: int,
    progress: bool = False,
    max_token_length: int | None = None,
) -> list[Merge]:
    """Byte-pair merges over the units of ``base``, in the characters of the units.

    Every unit stands as one private-use character while the merges are learned.

    Args:
        base: what spells the texts in units.
        texts: training texts.
        vocab_size: the most entries that the vocabulary may have.
        progress: show progress bars on stderr.
        max_token_length: the most units that an entry may have.
    """
    vocab = base.get_vocab()
    reserved = {*SPECIAL_TOKENS.values(), *MASK_TOKEN.values()}
    unit_of = {chr(_PRIVATE_USE + index): unit for unit, index in vocab.items()}
    units = [char for char, unit in unit_of.items() if unit not in reserved]

    def in_units() -> Iterator[str]:
        for start in range(0, len(texts), _ENCODE_CHUNK):
            for ids in encode_rows(base, texts[start : start + _ENCODE_CHUNK]):
                yield "".join(chr(_PRIVATE_USE + index) for index in ids)

    learner = Tokenizer(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(reserved),
        min_frequency=2,
        initial_alphabet=sorted(units),
        show_progress=progress,
        max_token_length=max_token_length,
    )
    learner.train_from_iterator(in_units(), trainer)

    known = set(vocab) - reserved
    merges: list[Merge] = []
    for pair in json.loads(learner.to_str())["model"]["merges"]:
        left, right = ("".join(unit_of[char] for char in part) for part in pair)
        if left in known and right in known and left + right not in reserved:
            known.add(left + right)
            merges.append((left, right))
    return merges


def build_byte_pair(
    texts: Sequence[str],
    vocab_size: int,
    *,
    symbols: Sequence[str] = (),
    max_token_length: int | None = None,
    progress: bool = False,
) -> PreTrainedTokenizerFast:
    """Learns a tokenizer.

    Args:
        texts: training texts. A few hundred thousand are plenty.
        vocab_size: the most entries the vocabulary may have, special tokens included. It comes out
            smaller where the texts repeat too little to learn that many merges; with no room for
            more than the symbols, nothing is learned.
        symbols: texts that are to be one entry each, whatever the training texts hold.
        max_token_length: the most units that a learned entry may have.
        progress: show progress bars on stderr.

    Returns:
        A fast tokenizer, which adds no special tokens of its own accord; they are ``<pad>`` 0,
        ``<bos>`` 1, ``<eos>`` 2 and ``<mask>`` 3.

    Raises:
        ValueError: ``vocab_size`` is too small for alphabet and symbols, or there are no texts.
    """
    if not texts:
        raise ValueError("a tokenizer cannot be built from no texts")
    first = symbol_merges(symbols)
    least = BASE_SIZE + len({left + right for left, right in first})
    if vocab_size < least:
        raise ValueError(f"vocab_size must be at least {least}, not {vocab_size}")
    base = assemble(first)
    if vocab_size == least:
        return wrap(base)
    learned = learn_merges(base, texts, vocab_size, progress, max_token_length)
    known = set(first)
    return wrap(assemble([*first, *(pair for pair in learned if pair not in known)]))


def load_tokenizer(path: str | Path) -> PreTrainedTokenizerFast:
    """Loads ``tokenizer.json``, given as the file or the folder that holds it.

    Raises:
        ValueError: the file is missing or is no tokenizer.
    """
    file = Path(path)
    file = file / "tokenizer.json" if file.is_dir() else file
    try:
        return wrap(read_pipeline(file))
    except (OSError, ValueError) as error:
        raise ValueError(f"{file} is not a readable tokenizer: {error}") from error


def read_pipeline(file: Path) -> Tokenizer:
    """The ``tokenizers`` pipeline of a file, checked by `check_tokenizer` before it is made.

    Raises:
        ValueError: it is too large, no tokenizer, or one of parts that are not read.
        OSError: the file cannot be read.
    """
    content = small_json(file, MOST_TOKENIZER)
    check_tokenizer(content)
    content |= {"truncation": None, "padding": None}
    try:
        return Tokenizer.from_str(json.dumps(content))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # bare Exceptions, and panics, which are none
        raise ValueError((str(error).splitlines() or [type(error).__name__])[0]) from None


def encode_many(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[list[int]]:
    """The bare token ids of many texts, as ``tokenizer`` gives them but several times faster.

    Printable ASCII has nothing to escape, so a batch of it skips the normalizer.
    """
    backend = tokenizer.backend_tokenizer
    backend.encode_special_tokens = True
    return encode_rows(backend, texts)


def encode_rows(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """The bare token ids of many texts, by a ``tokenizers`` pipeline of `assemble`."""
    if _PLAIN.fullmatch("".join(texts)):
        tokenizer = Tokenizer(tokenizer.model)
        texts = [text.replace(" ", _SPACE) for text in texts]
    return [encoding.ids for encoding in tokenizer.encode_batch_fast(texts)]


def wrap(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    """The pipeline as the tokenizer that models and bundles carry."""
    # split_special_tokens: a text that holds "<eos>" is spelt out, not made the special token.
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        clean_up_tokenization_spaces=False,
        split_special_tokens=True,
        **SPECIAL_TOKENS,
        **MASK_TOKEN,
    )


ALLOWED = {
    "normalizer": ("Sequence", "ByteLevel", "Replace", "NFC", "NFD", "NFKC", "NFKD", "Lowercase"),
    "pre_tokenizer": ("Sequence", "ByteLevel", "Split", "Whitespace", "WhitespaceSplit"),
    "post_processor": ("TemplateProcessing",),
    "decoder": ("Sequence", "ByteLevel", "Replace", "Fuse"),
    "model": ("BPE", "WordLevel"),
}
"""Section of the file and the types it may hold."""
MOST_ENTRIES = 1 << 20
MOST_PARTS = 2000
LONGEST = 64
"""Characters of a replacement or pattern."""


def check_tokenizer(content: dict[str, Any]) -> None:
    """Refuses a tokenizer of other parts than `ALLOWED`, or of absurd size.

    Raises:
        ValueError: naming what is not read.
    """
    for section, types in ALLOWED.items():
        part = content.get(section)
        if part is None and section != "model":
            continue
        replaced: list[str] = []
        for node in _nodes(section, part, 0):
            if node.get("type") not in types:
                raise ValueError(f"a {section} of type {str(node.get('type'))[:40]!r} is not read")
            pattern = node.get("pattern")
            if node["type"] in ("Replace", "Split"):
                text = pattern.get("String") if isinstance(pattern, dict) else None
                if not isinstance(text, str) or len(pattern or ()) != 1 or len(text) > LONGEST:
                    raise ValueError("a pattern that is no short text is not read")
                if node["type"] == "Replace":
                    _check_growth(text, node.get("content"), replaced)
    _check_entries(content)


def _nodes(section: str, part: Any, depth: int) -> list[dict[str, Any]]:
    """A section's parts, those of sequences in their order."""
    if not isinstance(part, dict) or depth > 4:
        raise ValueError(f"its {section} is not readable")
    found = [part]
    for key in ("normalizers", "pretokenizers", "decoders"):
        if key in part:
            if not isinstance(part[key], list) or len(part[key]) > MOST_PARTS:
                raise ValueError(f"its {section} is not readable")
            found += [node for one in part[key] for node in _nodes(section, one, depth + 1)]
    return found


def _check_growth(pattern: str, content: Any, replaced: list[str]) -> None:
    """Refuses a replacement that is long, or that replaces what an earlier one wrote."""
    if not pattern or not isinstance(content, str) or len(content) > LONGEST:
        raise ValueError("a replacement of no or of long texts is not read")
    if any(pattern in text for text in replaced):
        raise ValueError("replacements that feed each other are not read")
    replaced.append(content)


def _check_entries(content: dict[str, Any]) -> None:
    vocab = content["model"].get("vocab")
    if not isinstance(vocab, dict) or len(vocab) > MOST_ENTRIES:
        raise ValueError(f"its vocabulary is no list of at most {MOST_ENTRIES:,} entries")
    added = content.get("added_tokens") or []
    if not isinstance(added, list) or not all(isinstance(token, dict) for token in added):
        raise ValueError("its added tokens are not readable")
    for number in (*vocab.values(), *(token.get("id") for token in added)):
        if type(number) is not int or not 0 <= number < MOST_ENTRIES:
            raise ValueError(f"the token id {str(number)[:20]} is out of range")
