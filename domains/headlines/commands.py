"""What the headlines domain tells its commands: bundle, presets, known headlines and words."""

from __future__ import annotations

from pathlib import Path

from domains.headlines.domain import BUNDLE, HeadlinesDomain
from domains.headlines.words import words_of_prepared_set
from tvae_core.data.known import known_of_bundle, known_of_prepared_set
from tvae_core.domain_commands import DomainCommands

_domain = HeadlinesDomain()

COMMANDS = DomainCommands(
    domain=_domain,
    bundle=BUNDLE,
    presets=Path(__file__).parent / "presets",
    default_preset="headlines_base",
    extra=lambda folder: known_of_prepared_set(folder, _domain) | words_of_prepared_set(folder),
    known=lambda bundle: known_of_bundle(bundle, _domain),
    read_item=_domain.from_text,
    columns=("words", "title_case", "distinct_1", "has_number"),
    unit="headline",
    module=__name__,
)
