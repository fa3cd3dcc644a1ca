"""The tokenizer of Python lines: byte-pair merges over whole statements, lossless.

Merges may cross spaces and brackets, so that ` = self.` or `)[0]` is one token. Operators of
several characters, string prefixes and indentation are never cut.
"""

from __future__ import annotations

from collections.abc import Sequence

from transformers import PreTrainedTokenizerFast

from tvae_core.data.byte_pair import BASE_SIZE, build_byte_pair, symbol_merges
from tvae_core.data.byte_pair import encode_many as encode_many
from tvae_core.data.byte_pair import load_tokenizer as load_tokenizer

SYMBOLS = (
    *("==", "!=", "<=", ">=", ":=", "->", "**", "//", "<<", ">>"),
    *("f'", "b'", "r'", 'f"', 'b"', 'r"'),
    *("    ", "        "),
)
MIN_VOCAB_SIZE = BASE_SIZE + len({left + right for left, right in symbol_merges(SYMBOLS)})
MAX_TOKEN_LENGTH = 16


def build_tokenizer(
    texts: Sequence[str], vocab_size: int = 2048, progress: bool = False
) -> PreTrainedTokenizerFast:
    """Learns a tokenizer from statements; see `tvae_core.data.byte_pair.build_byte_pair`."""
    return build_byte_pair(
        texts,
        vocab_size,
        symbols=SYMBOLS,
        max_token_length=MAX_TOKEN_LENGTH,
        progress=progress,
    )
