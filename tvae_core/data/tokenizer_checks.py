"""What a tokenizer.json from elsewhere may hold: no regular expressions, no growth, no panics.

A `tokenizers` pipeline can take hours on a short text (a pattern that backtracks, replacements that
feed each other) and end the process with a panic (a damaged `Precompiled` map). Pipelines of this
project need neither, so that `check_tokenizer` refuses whatever is not needed.
"""

from __future__ import annotations

from typing import Any

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
