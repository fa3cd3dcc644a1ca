"""What the mnist domain tells its commands: bundle, presets, known digits, sheets of pictures."""

from __future__ import annotations

from pathlib import Path

from domains.mnist.domain import BUNDLE, MnistDomain, read_item, show
from domains.mnist.evaluation import measure
from domains.mnist.pictures.render import write_sheet
from tvae_core.data.known import known_of_bundle, known_of_prepared_set
from tvae_core.domain_commands import DomainCommands

_domain = MnistDomain()

COMMANDS = DomainCommands(
    domain=_domain,
    bundle=BUNDLE,
    presets=Path(__file__).parent / "presets",
    default_preset="mnist_shipped",
    extra=lambda folder: known_of_prepared_set(folder, _domain),
    known=lambda bundle: known_of_bundle(bundle, _domain),
    read_item=read_item,
    show=show,
    columns=("digit", "digit_confidence", "ink", "holes"),
    unit="digit",
    write_items=write_sheet,
    suffixes=(".png",),
    measure=measure,
    module=__name__,
)
