"""Whether items come back from their own codes, and what came back where they do not.

    (found,) = comes_back(space, ["CC(=O)Oc1ccccc1C(=O)O"])
    found.exact, found.back, found.reason

A verb that works from an item's code works from what that code holds. Items are encoded, decoded
as faithfully as the bundle can and compared in canonical form; why one is lost is for its domain
to say, where it knows (`tvae_core.domain.HasReasons`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tvae_core.decoding.dial import sigma_of
from tvae_core.domain import HasReasons, Verdict
from tvae_core.space.similarity import similarity_of
from tvae_core.space.space import LatentSpace
from tvae_core.support.words import one_line

MOST_SHOWN = 160
"""Characters of an item in a message."""
MOST_REASON = 80
"""Characters of why what came back is no item."""


@dataclass(frozen=True, slots=True)
class ComesBack:
    """What an item's own code decodes to.

    Attributes:
        text: the item, in canonical form.
        back: what came back, in canonical form if it is valid; empty if the model does not take
            the item at all.
        exact: whether it is the item itself.
        problem: why what came back is no item; empty if it is one.
        reason: why the item is lost, where the domain knows; empty where it does not.
        similarity: of both, 0 to 1; NaN where it is not defined.
        slight: whether the domain finds the loss too small to speak of.
    """

    text: str
    back: str
    exact: bool
    problem: str = ""
    reason: str = ""
    similarity: float = math.nan
    slight: bool = False

    @property
    def lost(self) -> bool:
        """Whether there is something to tell."""
        return not self.exact and not self.slight

    def told(self, unit: str, show: Callable[[str], str] = one_line) -> str:
        """What follows the item's name in a line: that it does not come back, what did, and why.

        Args:
            unit: what an item is called, in the singular.
            show: an item on one line.
        """
        if not self.back and self.problem:
            return f"has no code: {self.problem}"
        back = _cut(show(self.back))
        if self.problem:
            found = f"what does is no {unit}: {back} ({_cut(self.problem, MOST_REASON)})"
        else:
            likeness = "" if math.isnan(self.similarity) else f" (similarity {self.similarity:.2f})"
            found = f"{back} does{likeness}"
        return f"does not come back from its code, {found}" + (
            f"; {self.reason}" if self.reason else ""
        )


def comes_back(space: LatentSpace, texts: Sequence[str]) -> list[ComesBack]:
    """Encodes items and decodes their codes as faithfully as can be, one answer an item.

    Args:
        space: of the bundle that is asked.
        texts: valid texts, in any number; one too long for the model has its answer, too.
    """
    limit = space.model.config.max_length
    rows = space.tokenizer(list(texts), add_special_tokens=False)["input_ids"] if texts else []
    fit = [index for index, row in enumerate(rows) if 0 < len(row) <= limit]
    backs = space.reconstruct([texts[index] for index in fit]) if fit else []
    found = dict(zip(fit, compare(space, [texts[index] for index in fit], backs), strict=True))
    return [
        found.get(index)
        or ComesBack(text, "", False, f"it has {len(row)} tokens; this bundle takes {limit}")
        for index, (text, row) in enumerate(zip(texts, rows, strict=True))
    ]


def compare(space: LatentSpace, texts: Sequence[str], backs: Sequence[str]) -> list[ComesBack]:
    """The same of items that have been decoded already.

    Args:
        space: of the bundle.
        texts: valid texts.
        backs: what each one's code was decoded to.
    """
    given = [v.canonical or t for t, v in _checked(space, texts)]
    verdicts = _checked(space, backs)
    forms = [(v.canonical or t) if v.ok else t for t, v in verdicts]
    same = [v.ok and a == b for a, b, (_, v) in zip(given, forms, verdicts, strict=True)]
    odd = [index for index, exact in enumerate(same) if not exact]
    reasons = _reasons(space, [given[i] for i in odd], [forms[i] for i in odd])
    valid = [i for i in odd if verdicts[i][1].ok]
    likeness = similarity_of(space)([given[i] for i in valid], [forms[i] for i in valid])
    likes = {i: float(value) for i, value in zip(valid, likeness, strict=True)}
    why = dict(zip(odd, reasons, strict=True))
    return [
        ComesBack(
            text,
            back,
            exact,
            "" if verdict.ok else verdict.reason or "invalid",
            why.get(index) or "",
            likes.get(index, math.nan),
            index in why and why[index] is None,
        )
        for index, (text, back, exact, (_, verdict)) in enumerate(
            zip(given, forms, same, verdicts, strict=True)
        )
    ]


def faithfully(
    space: LatentSpace, found: Sequence[ComesBack], fidelity: float | str | None
) -> list[ComesBack]:
    """What items' own codes decode to, where a verb has decoded them at its setting of the dial.

    Args:
        space: of the bundle.
        found: what they were decoded to, as `compare` gives it; kept if the setting is the most
            faithful one, and decoded again for what is lost if not.
        fidelity: the setting; None follows a path, whose ends are decoded most faithfully.
    """
    if fidelity is None or _most_faithful(space, fidelity):
        return list(found)
    odd = [each.text for each in found if each.lost]
    again = dict(zip(odd, comes_back(space, odd), strict=True))
    return [again.get(each.text, each) for each in found]


def _most_faithful(space: LatentSpace, fidelity: float | str) -> bool:
    if isinstance(fidelity, str):
        return False
    config = space.model.config
    return float(sigma_of(config, fidelity)) <= config.sigma_min * (1 + 1e-4)


def _checked(space: LatentSpace, texts: Sequence[str]) -> list[tuple[str, Verdict]]:
    return list(zip(texts, space.domain.check(texts), strict=True))


def _reasons(space: LatentSpace, given: list[str], backs: list[str]) -> list[str | None]:
    """What the domain says of what is lost; nothing, where it has no words for it."""
    if not given or not isinstance(space.domain, HasReasons):
        return [""] * len(given)
    return space.domain.why_lost(given, backs, _folder(space))


def _folder(space: LatentSpace) -> Path | None:
    try:
        return Path(space.bundle.path)
    except ValueError:  # built from parts
        return None


def _cut(shown: str, most: int = MOST_SHOWN) -> str:
    return shown if len(shown) <= most else shown[: most - 3] + "..."
