"""`Decoding`: how codes become texts, as one object from the command line to the decoder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from tvae_core.decoding.generate import BATCH, check_beams, check_sampling
from tvae_core.decoding.verified import check_cycles

AUTO = "auto"
"""The setting of the dial that looks for the most faithful one whose text is valid."""

Fidelity = float | Tensor | str
"""A setting of the dial in 0..1, one for all codes or `(n,)`, or `auto`."""


@dataclass(frozen=True)
class Decoding:
    """How codes become texts.

    Attributes:
        fidelity: setting of the dial, one or `(n,)`, or `auto`: each code at the most faithful
            setting whose text passes the domain's check (the smoothest, if none).
        temperature: 0 is the likeliest text, by beam search if `beams` is above 1.
        top_p: nucleus of the sampling; 1 is all.
        beams: rows searched side by side at temperature 0; None for the space's own. At another
            temperature rows are drawn, and there is no search.
        cycles: most cycles in which the text of a real item's code is verified; None for the
            space's own.
        seed: of the sampling.
        batch_size: codes decoded at once; it does not change the texts.

    Raises:
        ValueError: for settings out of range.
    """

    fidelity: Fidelity = 1.0
    temperature: float = 0.0
    top_p: float = 1.0
    beams: int | None = None
    cycles: int | None = None
    seed: int = 0
    batch_size: int = BATCH

    def __post_init__(self) -> None:
        if isinstance(self.fidelity, str) and self.fidelity != AUTO:
            raise ValueError(f"fidelity is a number in 0..1 or auto, not {self.fidelity!r}")
        check_sampling(self.temperature, self.top_p)
        if self.beams is not None:
            check_beams(self.beams)
        if self.cycles is not None:
            check_cycles(self.cycles)

    @classmethod
    def of(cls, given: Fidelity | Decoding, **settings: Any) -> Decoding:
        """All settings as they are, or those of a setting of the dial; with these changed."""
        if isinstance(given, Decoding):
            return replace(given, **settings) if settings else given
        return cls(given, **settings)

    @property
    def auto(self) -> bool:
        """Whether the dial is set for each code by what is valid."""
        return isinstance(self.fidelity, str)

    def told(self) -> dict[str, Any]:
        """What files say of how their texts were drawn."""
        return {
            "fidelity": self.fidelity,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "beams": self.beams if self.temperature == 0 else 1,
        }
