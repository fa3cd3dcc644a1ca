"""Generators of texts: molecules, Python lines, headlines, digits, tunes, expressions."""

from __future__ import annotations

import random
import string

from tests.fuzz.mutate import NUMBERS, nested

ATOMS = (
    *("C", "C", "c", "N", "n", "O", "o", "S", "s", "F", "Cl", "Br", "I", "P", "B", "[nH]", "*"),
    *("[C@H]", "[C@@H]", "[N+]", "[O-]", "[Fe]", "[2H]", "[13C]", "[Si]", "[Se]", "[U]", "[#6]"),
    *("[C:1]", "[CH3]", "[S@](=O)", "[P@TB3]", "[Co@OH5]", "[Uuo]", "[te]", "[H]", "[Pt@SP1]"),
)
BONDS = ("", "", "", "", "-", "=", "#", "$", ":", "/", "\\", "->", "<-", "~", ".")


BRACKETS = (
    *(("(", ")"), ("[", "]"), ("{", "}"), ("-", ""), ("not ", ""), ("lambda: ", ""), ("f(", ")")),
    *(
        ("a[", "]"),
        ("(yield ", ")"),
        ("await ", ""),
        ("{1: ", "}"),
        ("x if ", " else y"),
        ("~", ""),
    ),
)


NAMES = ("qed", "sa", "logp", "weight", "tpsa")


def smiles(rng: random.Random) -> bytes:
    """A SMILES of the grammar: chains, branches, many rings, chirality; up to 3,000 characters."""
    size = rng.choice((3, 10, 30, 100, 300, 800))
    kinds = [rng.choice(ATOMS) for _ in range(rng.choice((1, 2, 5, 40)))]
    ring_share, branch = rng.choice((0.0, 0.1, 0.4, 0.9)), rng.choice((0.0, 0.1, 0.4))
    bonds = BONDS if rng.random() < 0.4 else ("",)
    out, opened, branches = [], [], 0
    for place in range(size):
        out.append(rng.choice(kinds))
        for _ in range(2):
            if rng.random() < ring_share:
                if opened and rng.random() < 0.5:
                    out.append(_ring(opened.pop(rng.randrange(len(opened)))))
                else:
                    opened.append(place + 1)
                    out.append(_ring(place + 1))
        if rng.random() < branch:
            out.append("(" + rng.choice(bonds))
            branches += 1
        elif branches and rng.random() < branch:
            out.append(")")
            branches -= 1
        else:
            out.append(rng.choice(bonds))
    out.append("C" + "".join(map(_ring, reversed(opened[-200:]))) + ")" * branches)
    return "".join(out)[:3000].encode()


def _ring(number: int) -> str:
    return str(number) if number < 10 else f"%{number}" if number < 100 else f"%({number})"


def python_line(rng: random.Random) -> bytes:
    """Deep nesting, huge numbers, odd strings, words in any order."""
    kind = rng.randrange(4)
    if kind == 0:
        pieces = rng.sample(BRACKETS, rng.randint(1, 4))
        return nested(rng, rng.randrange(1, 400), pieces, "x").encode()
    if kind == 1:
        number = rng.choice(("9", "0x" + "f", "1_0", "0b1", "1e9", "1.", "0o7")) + "9" * rng.choice(
            (1, 20, 900)
        )
        return f"x = {number}{rng.choice(('', 'j', ' ** 9', ' << 9999', ' * 9'))}".encode()
    if kind == 2:
        inside = "".join(rng.choice("{}!r:=\\'\"xN{DIGIT}\n\0") for _ in range(rng.randrange(60)))
        return (rng.choice("fbu") + rng.choice("\"'") + inside + "'").encode()
    words = (
        "if else for in lambda def class x y 1 = == := ( ) [ ] : , . * ** @ match case type yield"
    )
    return " ".join(rng.choices(words.split(), k=rng.randrange(1, 60))).encode()


def headline(rng: random.Random) -> bytes:
    """Words of any script with marks, joiners and signs."""
    ranges = ((65, 91), (97, 123), (0x300, 0x370), (0x400, 0x450), (0x5D0, 0x5EA), (0x600, 0x700))
    more = (
        (0xE00, 0xE80),
        (0x1100, 0x1200),
        (0x200B, 0x2070),
        (0x4E00, 0x4F00),
        (0x1F300, 0x1F700),
    )
    chosen = rng.sample((*ranges, *more, (0xD800, 0xE000), (0xFFF0, 0x10010)), 3)
    words = [
        "".join(chr(rng.randrange(*rng.choice(chosen))) for _ in range(rng.randrange(1, 12)))
        for _ in range(rng.choice((2, 5, 8, 20, 400)))
    ]
    return " ".join(words).encode("utf-8", "surrogatepass")


def digit(rng: random.Random) -> bytes:
    """Rows of about the right shape."""
    side = rng.choice((9, 14, 28, 13, 1))
    way, ink = rng.choice(("down", "up")), rng.choice(("!`", "!", string.printable))
    numbers = range(side) if way == "down" else range(side - 1, -1, -1)
    rows = [
        f"{n:02d} {way} " + " ".join(rng.choice(ink) for _ in range(side + (rng.random() < 0.01)))
        for n in numbers
    ]
    return "\n".join(rows).encode()


def tune(rng: random.Random) -> bytes:
    """Bars of the notation, some too long, with ties, chords and several voices."""
    metre = (rng.choice((1, 3, 4, 6, 32, 99)), rng.choice((1, 4, 8, 32, 3)))
    length = max(1, metre[0] * 96 // metre[1])
    voices = rng.choice((1, 1, 2, 8, 9))
    bars = []
    for _ in range(1100 if rng.random() < 0.004 else rng.choice((1, 2, 4, 8, 40))):
        parts = []
        for _ in range(voices):
            left, part = length, ""
            while left > 0:
                steps = rng.choice((left, rng.randint(1, left), 24, 1))
                name = "+".join(
                    f"{rng.choice('CDEFGAB')}{rng.choice(('', '#'))}{rng.randint(-1, 9)}"
                    for _ in range(rng.choice((1, 1, 3)))
                )
                part += f"{rng.choice((name, 'r'))}:{steps}{rng.choice(('', '', '~'))}"
                left -= steps
            parts.append(part)
        bars.append(";".join(parts))
    return f"{rng.choice(('0', '2#', '7b', '8#'))} |{metre[0]}/{metre[1]} {'|'.join(bars)}".encode()


def expression(rng: random.Random) -> bytes:
    """Nested calls and operators over scores."""

    def part(depth: int) -> str:
        kind = rng.randrange(6) if depth else rng.randrange(2)
        if kind == 0:
            return rng.choice(NAMES)
        if kind == 1:
            return rng.choice(NUMBERS)
        if kind == 2:
            signs = ("+", "-", "*", "/", "**", "<", "==", "%", "@", " and ", " if ", ":=", ".")
            return f"{part(depth - 1)}{rng.choice(signs)}{part(depth - 1)}"
        if kind == 3:
            return f"({part(depth - 1)})"
        if kind == 4:
            return "-" * rng.choice((1, 1, 400)) + part(depth - 1)
        name = rng.choice(("abs", "min", "max", "sqrt", "log", "exp", "clip", "__import__", "eval"))
        return f"{name}({', '.join(part(depth - 1) for _ in range(rng.randrange(4)))})"

    return part(rng.randrange(6)).encode()
