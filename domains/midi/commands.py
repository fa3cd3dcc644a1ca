"""What the midi domain tells its commands: bundle, presets, known tunes, music files in and out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from domains.midi.domain import BUNDLE, MidiDomain
from domains.midi.items import read_item, show
from domains.midi.tokenizer import holds_one_voice
from tvae_core.cells import Written
from tvae_core.data.known import known_of_bundle, known_of_prepared_set
from tvae_core.domain_commands import DomainCommands
from tvae_core.evaluation.evaluate import Plan
from tvae_core.space import LatentSpace

_domain = MidiDomain()


def read_item_for(given: str, bundle: str) -> str:
    """As `read_item`; of a file, one voice for a bundle that knows no more than one.

    Raises:
        DomainError: it is no tune, with the reason.
    """
    return read_item(given, one_voice=holds_one_voice(Path(bundle)))


def _write_items(path: Path, rows: list[dict[str, Any]], origin: dict[str, Any]) -> Written:
    from domains.midi.writing.output import write_items

    return write_items(path, rows, origin)


def _measure(space: LatentSpace, texts: list[str], plan: Plan) -> dict[str, float]:
    from domains.midi.evaluation import measure

    return measure(space, texts, plan)


COMMANDS = DomainCommands(
    domain=_domain,
    bundle=BUNDLE,
    presets=Path(__file__).parent / "presets",
    default_preset="midi_base",
    extra=lambda folder: known_of_prepared_set(folder, _domain),
    known=lambda bundle: known_of_bundle(bundle, _domain),
    read_item=read_item,
    read_item_for=read_item_for,
    show=show,
    columns=("notes", "pitch_range", "in_key", "syncopation"),
    unit="tune",
    write_items=_write_items,
    suffixes=(".mid", ".musicxml", ".wav", ".png"),
    folders=True,
    measure=_measure,
    module=__name__,
)
