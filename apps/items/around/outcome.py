"""How what was decoded compares with the item whose code it was, as a colour and in words."""

from __future__ import annotations

from collections.abc import Sequence

from apps.common.bundle import Workbench
from apps.common.elements.bars import Tone
from apps.items.facts import Item, similarities
from apps.items.spec import Spec


def outcomes(
    spec: Spec, bench: Workbench, given: Item, found: Sequence[Item]
) -> list[tuple[Tone, str]]:
    """A colour and words for each decoded item.

    Args:
        spec: of the app.
        bench: the bundle.
        given: the item.
        found: what was decoded.
    """
    likeness = similarities(bench, found, given)
    return [_outcome(spec, given, each, near) for each, near in zip(found, likeness, strict=True)]


def _outcome(spec: Spec, given: Item, found: Item, likeness: float) -> tuple[Tone, str]:
    if not found.ok:
        return "bad", "invalid"
    if found.key == given.key:
        return "good", f"the same {spec.unit}"
    if but := spec.hooks.same_but(given, found):
        return "good", f"the same but for {but}"
    return "warn", f"another {spec.unit}, similarity {likeness:.2f}"
