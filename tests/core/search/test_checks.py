"""What a search refuses: settings, starts, missing libraries, objectives that miscount."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.core.search.test_search import NEEDS, run, search
from tvae_core.domain import DomainError
from tvae_core.search.search import Scored
from tvae_core.search.strategies import make_strategy
from tvae_core.space import LatentSpace


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budget": 0}, "budget must be at least 1 call, not 0"),
        ({"batch_size": 3}, "at least 4 codes, not 3"),
        ({"radius": 0}, "radius must be above 0"),
        ({"radius": -1.0}, "radius must be 0 or more"),
        ({"fidelity": 1.5}, r"fidelity must lie in 0\.\.1"),
        ({"method": "magic"}, "method is one of evolve, cma, turbo, random, not 'magic'"),
        ({"weights": (1.0,)}, "one for each of 0 targets"),
    ],
)
def test_settings_out_of_range(
    changes: dict[str, Any], message: str, trained_space: LatentSpace
) -> None:
    with pytest.raises(ValueError, match=message):
        search(trained_space, **changes)


def test_a_start_that_is_no_item(trained_space: LatentSpace) -> None:
    with pytest.raises(DomainError, match="start '1234': wrong checksum"):
        search(trained_space, start="1234")


@pytest.mark.parametrize(("method", "library"), sorted(NEEDS.items()))
def test_a_missing_library_is_named(
    method: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, library, None)
    with pytest.raises(ValueError, match="pip install 'tvae-toolkit"):
        make_strategy(method, 8, 0.5, 0, 2)


def test_an_objective_that_miscounts(trained_space: LatentSpace) -> None:
    def bad(texts: list[str]) -> Scored:
        return Scored({}, np.zeros(len(texts) + 1), np.ones(len(texts), dtype=bool), texts)

    bad.name = "bad"  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"objective gave \(2,\) for score, not \(1,\)"):
        run(search(trained_space, objective=bad))
