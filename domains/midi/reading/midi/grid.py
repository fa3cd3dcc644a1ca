"""How far played notes lie from a grid, and putting them on one.

Positions are in steps of 1/24 quarter. Sixteenths lie 6 steps apart, and the thirds of a quarter 8;
a beat takes that one of both on which its notes fit better.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from domains.midi.notation import STEPS_PER_QUARTER, STEPS_PER_WHOLE
from tvae_core.domain import FloatArray

GRIDS = (4, 8, 16, 32)
"""Parts of a whole note that notes may be put on."""
OFF = 0.25
"""Mean distance in steps from sixteenths or triplets from which a file is said to be off them."""
_CONCENTRATION = 0.35
"""Length of the mean direction of onsets within a cell from which their offset is trusted."""
_WRITTEN = 0.3
"""Steps that a triplet may be off and still have been written, not played, as one."""


@dataclass(frozen=True)
class Grid:
    """Where notes are put.

    Attributes:
        cell: steps between two points.
        offset: steps that all notes are late.
    """

    cell: int
    offset: float

    @property
    def thirds(self) -> int:
        """Steps between two points of the triplet grid."""
        return self.cell * 4 // 3

    def placed(self, notes: Sequence[tuple[float, float, int]]) -> list[tuple[int, int, int]]:
        """Notes, start, end and pitch in steps, on the grid; each at least a point long."""
        beats: dict[int, list[float]] = defaultdict(list)
        shifted = [(start - self.offset, stop - self.offset, pitch) for start, stop, pitch in notes]
        for start, _, _ in shifted:
            beats[math.floor((start + self.cell / 2) / STEPS_PER_QUARTER)].append(start)
        units = {beat: self._unit(starts) for beat, starts in beats.items()}
        found = []
        for start, stop, pitch in shifted:
            unit = units[math.floor((start + self.cell / 2) / STEPS_PER_QUARTER)]
            first = max(0, _nearest(start, unit))
            there = math.floor((stop + self.cell / 2) / STEPS_PER_QUARTER)
            last = _nearest(stop, units.get(there, unit))
            found.append((first, last if last > first else first + unit, pitch))
        return found

    def _unit(self, starts: Sequence[float]) -> int:
        """The distance of points in a beat with these onsets."""
        if self.thirds % 2 or STEPS_PER_QUARTER % self.thirds:
            return self.cell
        within = {round(start % STEPS_PER_QUARTER, 3) for start in starts}
        inner = [x for x in within if self.thirds / 2 < x < STEPS_PER_QUARTER - self.thirds / 2]
        straight = sum((x - _nearest(x, self.cell)) ** 2 for x in inner)
        thirds = [x - _nearest(x, self.thirds) for x in inner]
        if not inner or 2 * sum(x * x for x in thirds) >= straight:
            return self.cell
        written = max(map(abs, thirds)) <= _WRITTEN
        return self.thirds if written or len(inner) > 1 else self.cell


def off_grid(onsets: FloatArray) -> float:
    """Mean distance in steps of onsets from the nearest sixteenth or triplet, each `(n,)`."""
    if not len(onsets):
        return 0.0
    points = np.array([0, 6, 8, 12, 16, 18, 24], dtype=np.float64)
    within = np.asarray(onsets, dtype=np.float64) % STEPS_PER_QUARTER
    right = np.searchsorted(points, within)
    return float(
        np.minimum(within - points[np.maximum(right - 1, 0)], points[right] - within).mean()
    )


def grid_for(onsets: FloatArray, parts: int) -> Grid:
    """The grid of so many parts of a whole note that fits onsets, `(n,)` in steps, best.

    How late they are is the direction of the mean of their places within a cell, where they point
    to one (Fisher 1993, "Statistical Analysis of Circular Data", chapter 2).
    """
    cell = STEPS_PER_WHOLE // parts
    offset = 0.0
    if len(onsets):
        mean = np.exp(2j * np.pi * np.asarray(onsets) / cell).mean()
        if abs(mean) >= _CONCENTRATION:
            offset = float(np.angle(mean)) / (2 * np.pi) * cell
    return Grid(cell, offset)


def _nearest(step: float, unit: int) -> int:
    return math.floor(step / unit + 0.5) * unit
