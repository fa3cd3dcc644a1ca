"""Walks of different steps."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from tvae_core.domain import Verdict
from tvae_core.space import LatentSpace, PathPoint
from tvae_core.space import walk as steps_module
from tvae_core.space.walk import DENSITY, noisy_points, walk


class Line:
    """A space whose point at share t of a way decodes to a number, some of them invalid."""

    def __init__(self, values: int, broken: Sequence[int] = ()) -> None:
        self.values, self.broken = values, set(broken)
        self.asked: list[tuple[Any, ...]] = []
        self.domain = self

    def interpolate(
        self, a: str, b: str, steps: int, how: str, per_token: bool, fidelity: Any
    ) -> list[PathPoint]:
        self.asked.append((a, b, steps, how, per_token, fidelity))
        shares = [i / (steps - 1) for i in range(steps)]
        texts = [str(round(t * (self.values - 1))) for t in shares]
        return [
            PathPoint(t, torch.zeros(1), 0.5, text) for t, text in zip(shares, texts, strict=True)
        ]

    def check(self, texts: Sequence[str]) -> list[Verdict]:
        return [
            Verdict(False, None, "broken") if int(text) in self.broken else Verdict(True, text)
            for text in texts
        ]


def texts_of(space: Line, steps: int, **settings: Any) -> list[str]:
    settings = {"fidelity": 0.5} | settings
    return [point.text for point in walk(space, "0", "x", steps, distinct=True, **settings)]  # type: ignore[arg-type]


def test_without_it_the_walk_is_the_spaces_own() -> None:
    space = Line(5)
    points = walk(space, "a", "b", 7, "lerp", True, 0.3)  # type: ignore[arg-type]
    assert space.asked == [("a", "b", 7, "lerp", True, 0.3)]
    assert len(points) == 7


def test_steps_are_different_and_spread_evenly() -> None:
    space = Line(31)
    found = [int(text) for text in texts_of(space, 7, how="lerp", per_token=True, fidelity="auto")]
    assert space.asked == [("0", "x", 6 * DENSITY + 1, "lerp", True, "auto")]
    assert found == sorted(set(found))
    assert (found[0], found[-1], len(found)) == (0, 30, 7)
    steps = [b - a for a, b in itertools.pairwise(found)]
    assert min(steps[1:-1]) >= 5
    assert max(steps) <= 7


def test_a_way_with_few_items_gives_them_all_once() -> None:
    assert texts_of(Line(4), 9) == ["0", "1", "2", "3"]
    assert texts_of(Line(2), 9) == ["0", "1"]
    assert texts_of(Line(40), 2) == ["0", "39"]
    assert len(texts_of(Line(40), 3)) == 3
    assert abs(int(texts_of(Line(40), 3)[1]) - 20) <= 2


def test_noise_is_added_until_there_are_enough_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dial(Line):
        def interpolate(
            self, a: str, b: str, steps: int, how: str, per_token: bool, fidelity: Any
        ) -> list[PathPoint]:
            self.values = 2 if fidelity is None else 5 if fidelity > 0.5 else 17
            points = super().interpolate(a, b, steps, how, per_token, fidelity)
            scale = 16 // (self.values - 1)
            return [PathPoint(p.t, p.latent, 0.5, str(scale * int(p.text))) for p in points]

    space = Dial(0)
    monkeypatch.setattr(
        steps_module, "noisy_points", lambda space, *given: space.interpolate(*given)
    )
    assert texts_of(space, 5, fidelity=None) == ["0", "4", "8", "12", "16"]
    assert [asked[-1] for asked in space.asked] == [None, 0.7]
    space.asked.clear()
    found = [int(text) for text in texts_of(space, 9, fidelity=None)]
    assert [asked[-1] for asked in space.asked] == [None, 0.7, 0.5]
    assert (len(set(found)), found) == (9, sorted(found))
    space.asked.clear()
    assert texts_of(space, 9, fidelity=0.8) == ["0", "4", "8", "12", "16"]
    assert len(space.asked) == 1


def test_invalid_points_are_left_out_but_not_the_ends() -> None:
    found = texts_of(Line(9, broken=[0, 3, 4, 8]), 9)
    assert found == ["0", "1", "2", "5", "6", "7", "8"]


@pytest.mark.parametrize("copies", [True, False])
def test_an_item_that_comes_back_is_not_shown_again(copies: bool) -> None:
    class Back(Line):
        def check(self, texts: Sequence[str]) -> list[Verdict]:
            return [Verdict(True, str(int(text) % 3 if copies else text)) for text in texts]

    assert len(texts_of(Back(12), 9)) == (3 if copies else 9)


def test_noisy_points_lie_around_the_way(trained_space: LatentSpace) -> None:
    a, b = "1236", "4415"
    quiet = noisy_points(trained_space, a, b, 9, "slerp", False, 1.0)
    straight = trained_space.interpolate(a, b, 9, "slerp", False, 1.0)
    loud = noisy_points(trained_space, a, b, 9, "slerp", False, 0.0)
    assert [point.t for point in loud] == [point.t for point in straight]
    assert [point.fidelity for point in loud] == [0.0] * 9
    far = [float((p.latent - q.latent).norm()) for p, q in zip(loud, straight, strict=True)]
    near = [float((p.latent - q.latent).norm()) for p, q in zip(quiet, straight, strict=True)]
    assert 0 < max(near) < min(far)
    again = noisy_points(trained_space, a, b, 9, "slerp", False, 0.0)
    assert [point.text for point in again] == [point.text for point in loud]
