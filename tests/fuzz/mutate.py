"""Mutations of valid inputs, bytes to bytes, made by a seeded generator alone."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence

Rng = random.Random

NUMBERS = (
    *("0", "-1", "1", "2", "65535", "65536", "2147483647", "2147483648", "4294967295", "-0"),
    *("9223372036854775807", "18446744073709551616", "1e309", "-1e309", "NaN", "Infinity"),
    *("1000000000", "999999999999999999999999999999", "0.0000001", "1e-320", "0x7f", "9" * 400),
)
ODD = (
    *("\0", "\ufffd", "\u202e", "\u200b", "\ufeff", "\u0301", "\U0001f600", "\ud800", "\x1b"),
    *("\r\n", "\n\n", "\t", " ", '"', "'", "\\", "%", "{", "}", "[", "]", "(", ")", "<", ">", ";"),
    *("../", "/etc/passwd", "null", "true", "[]", "{}", '""', "e", "=", ",", "|", ":", "#", "~"),
)
JSON_WORDS = (b"{", b"}", b"[", b'"', b":", b"null", b"1e999", b"NaN")
LONGEST = 1 << 18
"""Bytes of the longest input that mutations make."""


def mutated(rng: Rng, seeds: Sequence[bytes], words: Sequence[bytes] = ()) -> bytes:
    """One of the seeds after a few mutations; about one in fifty comes as it is."""
    data = rng.choice(seeds)
    if rng.random() < 0.02:
        return data
    for _ in range(min(int(rng.expovariate(0.5)) + 1, 12)):
        data = rng.choice(_MUTATIONS)(rng, data, seeds, words)
        if len(data) > LONGEST:
            data = data[:LONGEST]
    return data


def _place(rng: Rng, data: bytes) -> tuple[int, int]:
    """A stretch of the data, mostly short."""
    if not data:
        return 0, 0
    start = rng.randrange(len(data))
    return start, min(len(data), start + min(int(rng.expovariate(0.1)) + 1, len(data)))


def _flip(rng: Rng, data: bytes, *_: object) -> bytes:
    if not data:
        return data
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _byte(rng: Rng, data: bytes, *_: object) -> bytes:
    start, _ = _place(rng, data)
    return (
        data[:start]
        + bytes([rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))])
        + data[start + 1 :]
    )


def _cut(rng: Rng, data: bytes, *_: object) -> bytes:
    start, stop = _place(rng, data)
    return data[:start] + data[stop:]


def _truncate(rng: Rng, data: bytes, *_: object) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _repeat(rng: Rng, data: bytes, *_: object) -> bytes:
    start, stop = _place(rng, data)
    times = rng.choice((2, 2, 3, 8, 64, 400))
    return data[:start] + data[start:stop] * times + data[stop:]


def _swap(rng: Rng, data: bytes, *_: object) -> bytes:
    (a, b), (c, d) = sorted((_place(rng, data), _place(rng, data)))
    if b > c:
        return data
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def _splice(rng: Rng, data: bytes, seeds: Sequence[bytes], *_: object) -> bytes:
    other = rng.choice(seeds)
    start, stop = _place(rng, other)
    at, end = _place(rng, data)
    return data[:at] + other[start : stop + rng.randrange(200)] + data[end:]


def _cross(rng: Rng, data: bytes, seeds: Sequence[bytes], *_: object) -> bytes:
    other = rng.choice(seeds)
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def _word(rng: Rng, data: bytes, seeds: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    odd = rng.choice(ODD).encode("utf-8", "surrogatepass")
    put = rng.choice(words) if words and rng.random() < 0.7 else odd
    start, stop = _place(rng, data)
    return data[:start] + put + data[start if rng.random() < 0.5 else stop :]


def _number(rng: Rng, data: bytes, *_: object) -> bytes:
    """Another number where there is one, or anywhere."""
    start, _ = _place(rng, data)
    digits = b"0123456789"
    while start < len(data) and data[start] not in digits:
        start += 1
    stop = start
    while stop < len(data) and data[stop] in digits:
        stop += 1
    return data[:start] + rng.choice(NUMBERS).encode() + data[stop:]


def _line(rng: Rng, data: bytes, *_: object) -> bytes:
    """A line deleted, doubled or moved."""
    lines = data.split(b"\n")
    at, to = rng.randrange(len(lines)), rng.randrange(len(lines))
    if rng.random() < 0.4:
        return b"\n".join([*lines[:at], *lines[at + 1 :]])
    lines.insert(to, lines[at])
    return b"\n".join(lines)


_MUTATIONS: tuple[Callable[..., bytes], ...] = (
    *(_flip, _byte, _cut, _truncate, _repeat, _swap),
    *(_splice, _cross, _word, _word, _number, _line),
)


def text(data: bytes) -> str:
    """The input as a text: UTF-8, other bytes as lone surrogates, which a text may hold too."""
    return data.decode("utf-8", "surrogatepass" if b"\xed" in data else "surrogateescape")


def lenient(data: bytes) -> str:
    """As `text`, whatever the bytes."""
    try:
        return text(data)
    except UnicodeDecodeError:
        return data.decode("utf-8", "surrogateescape")


def nested(rng: Rng, depth: int, pieces: Sequence[tuple[str, str]], core: str) -> str:
    """`core` within many brackets."""
    chosen = [rng.choice(pieces) for _ in range(depth)]
    return "".join(a for a, _ in chosen) + core + "".join(b for _, b in reversed(chosen))


def json_bomb(rng: Rng) -> bytes:
    """JSON that is nested, long or of odd numbers and keys."""
    depth = rng.choice((5, 200, 5000, 100_000))
    kind = rng.randrange(5)
    if kind == 0:
        return b"[" * depth + b"]" * rng.choice((0, depth))
    if kind == 1:
        return b'{"a":' * depth + b"1" + b"}" * depth
    if kind == 2:
        return b'{"format_version": ' + rng.choice(NUMBERS).encode() + b"}"
    if kind == 3:
        return b'{"%s": 1}' % (b"k" * depth)
    return b"{" + b",".join(b'"%d": %d' % (i, i) for i in range(min(depth, 5000))) + b"}"


def as_json(value: object) -> bytes:
    """JSON as bytes."""
    return json.dumps(value).encode()
