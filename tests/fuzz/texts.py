"""Fuzz targets that are texts: molecules, Python lines, headlines, digits, tunes, expressions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz.grammar import (
    ATOMS,
    BONDS,
    NAMES,
    digit,
    expression,
    headline,
    python_line,
    smiles,
    tune,
)
from tests.fuzz.harness import Read, Target
from tests.fuzz.mutate import lenient


def _checked(make: Callable[[], Any], methods: Sequence[str]) -> Callable[[Path], Read]:
    """Reads a text with a domain: `check` never raises; what it accepts, the others accept.

    The canonical form is itself valid, and its own canonical form.
    """

    def start(folder: Path) -> Read:
        from tvae_core.domain import DomainError

        domain = make()

        def read(data: bytes) -> bool:
            text = lenient(data)
            verdict = domain.check([text])[0]
            if "from_text" in methods:
                try:
                    domain.from_text(text)
                    assert verdict.ok, "from_text accepts what check refuses"
                except DomainError:
                    assert not verdict.ok, "from_text refuses what check accepts"
            if "score" in methods:
                scores = domain.score([text])
                assert all(np.shape(column) == (1,) for column in scores.values())
            if not verdict.ok:
                assert verdict.reason
                return False
            if "render" in methods:
                domain.render(text)
            again = domain.check([verdict.canonical])[0]
            assert again.ok, f"canonical form refused: {again.reason}"
            return True

        return read

    return start


def _examples(make: Callable[[], Any], *more: str) -> Callable[[], list[bytes]]:
    return lambda: [text.encode("utf-8", "surrogatepass") for text in (*make().examples(), *more)]


def _smiles_domain() -> Any:
    from domains.smiles.domain import SmilesDomain

    return SmilesDomain()


def _start_alerts(folder: Path) -> Read:
    from domains.smiles.chem.alerts import alerts_of
    from domains.smiles.chem.molecule import inchikey, parse
    from domains.smiles.chem.penalised_logp import ring_penalty
    from domains.smiles.chem.scores import SCORES, make_reference, score_mol
    from domains.smiles.chem.syntax import Problem

    reference = make_reference("CC(=O)Oc1ccccc1C(=O)O")

    def read(data: bytes) -> bool:
        mol = parse(lenient(data))
        if isinstance(mol, Problem):
            return False
        alerts_of(mol, "all")
        inchikey(mol)
        ring_penalty(mol)
        for name in SCORES:
            score_mol(mol, name, reference)
        return True

    return read


def _python_domain() -> Any:
    from domains.python_code.domain import PythonDomain

    return PythonDomain()


def _headlines_domain() -> Any:
    from domains.headlines.domain import HeadlinesDomain

    return HeadlinesDomain()


def _mnist_domain() -> Any:
    from domains.mnist.domain import MnistDomain

    return MnistDomain()


def _midi_domain() -> Any:
    from domains.midi.domain import MidiDomain

    return MidiDomain()


def _start_expression(folder: Path) -> Read:
    from tvae_core.search.expressions import Expression

    values = {
        name: np.array([0.5, -1.0, 0.0, np.nan, np.inf, 1e300], dtype=np.float64) for name in NAMES
    }

    def read(data: bytes) -> bool:
        try:
            found = Expression(lenient(data), NAMES)
        except ValueError:
            return False
        assert found.evaluate(values).shape == (6,)
        return True

    return read


def _start_limits(folder: Path) -> Read:
    from domains.smiles.chem.alerts import resolve_catalogs
    from domains.smiles.objectives import parse_objectives
    from tvae_core.sampling.funnel import Wanted
    from tvae_core.search.limits import bounds_of, check_window, parse_limits, window_text

    def read(data: bytes) -> bool:
        parts = lenient(data).split("\n")
        try:
            low, high = parse_limits(parts[:1], NAMES), parse_limits(parts[1:2], NAMES)
            check_window(low, high)
            window_text(low, high)
            resolve_catalogs(",".join(parts[2:3]))
            Wanted(low, high, sort=parts[3] if len(parts) > 3 else None).check(NAMES)
            parse_objectives(["qed"], bounds=bounds_of(low, high), similarity=0.0)
        except ValueError:
            return False
        return True

    return read


TEXT_TARGETS = (
    Target(
        "smiles",
        150_000,
        _checked(_smiles_domain, ("from_text",)),
        _examples(_smiles_domain, "N[C@@H](C)C(=O)O", "F/C=C/F", "[Na+].[Cl-]", "C1CC2CC1CC2"),
        tuple(a.encode() for a in (*ATOMS, *BONDS, "(", ")", "1", "%10", "%(100)", "c1ccccc1")),
        smiles,
        10.0,
    ),
    Target(
        "smiles_scores",
        6_000,
        _start_alerts,
        _examples(_smiles_domain, "C1CC2CC1CC2"),
        tuple(a.encode() for a in (*ATOMS, "(", ")", "1", "c1ccccc1", "C(=O)N")),
        smiles,
        20.0,
    ),
    Target("smiles_drawing", 4_000, _checked(_smiles_domain, ("render",)),
           _examples(_smiles_domain), tuple(a.encode() for a in ATOMS), smiles, 20.0),
    Target(
        "python",
        150_000,
        _checked(_python_domain, ("from_text", "score")),
        _examples(_python_domain, "def f(a, /, *b): return a", "with a as (b, c): pass"),
        tuple(w.encode() for w in ("(", ")", "lambda", "if", "for ", "await ", "\\N{", "f'{", "'")),
        python_line,
    ),
    Target("python_drawing", 10_000, _checked(_python_domain, ("render",)),
           _examples(_python_domain), (), python_line),
    Target(
        "headlines",
        200_000,
        _checked(_headlines_domain, ("from_text", "score")),
        _examples(_headlines_domain, "\u00c9l\u00e8ve d\u00e9\u00e7u \u201cici\u201d"),
        (b" ", b" the", b'"', b"...", "\u0301".encode(), "\u200d".encode()),
        headline,
    ),
    Target("headline_drawing", 10_000, _checked(_headlines_domain, ("render",)),
           _examples(_headlines_domain), (), headline),
    Target(
        "digits", 100_000, _checked(_mnist_domain, ("from_text",)), _examples(_mnist_domain),
        (b"00 down", b"13 up", b" !", b"`", b"\n"), digit,
    ),
    Target(
        "notation",
        50_000,
        _checked(_midi_domain, ("from_text",)),
        _examples(_midi_domain, "3b |7/8 C4:24E4:24G4:36~;r:84|G4:40r:8C4+E4:31F4:5;C3:84"),
        (b"|", b"r:24", b"C4:24", b"~", b";", b"+", b"3/4 ", b"2# "),
        tune,
    ),
    Target("tune_scores", 5_000, _checked(_midi_domain, ("score", "render")),
           _examples(_midi_domain), (b"|", b"r:24", b"C4:24", b"~", b";"), tune),
    Target(
        "expression",
        90_000,
        _start_expression,
        lambda: [b"qed - 0.1*sa", b"-abs(logp - 2.5)", b"clip(qed, 0, 1) * (sa < 4)"],
        (b"qed", b"(", b")", b"**", b"max(", b","),
        expression,
    ),
    Target(
        "limits",
        60_000,
        _start_limits,
        lambda: [b"qed=0.6\nsa=4\npains,brenk\nqed", b"sa=1\nlogp=2\nall\n-sa", b"\n\nnone\n+qed"],
        (b"qed=", b"nan", b"inf", b"all", b"none", b"-", b"+"),
    ),
)  # fmt: skip
