"""Steps whose loss or gradient is not finite: found before they touch the weights, and told."""

from __future__ import annotations

ROWS = "rows"
"""Key of a batch: the position of each item among the training rows, `(b,)`."""
