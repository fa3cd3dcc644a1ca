"""The `Domain` contract, for every domain in the registry: registered is tested.

Domains of other packages, too: with the package on the path, run this file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.registry import all_domains, commands_of
from tvae_core.data.byte_pair import build_byte_pair
from tvae_core.domain import Domain, DomainError, HasLabels, HasSimilarity
from tvae_core.domain_commands import DomainCommands
from tvae_core.training.presets import CORE_PRESETS, find_presets


@pytest.fixture(params=sorted(all_domains()))
def commands(request: pytest.FixtureRequest) -> DomainCommands:
    return commands_of(request.param)


def test_implements_the_protocol(commands: DomainCommands) -> None:
    assert isinstance(commands.domain, Domain)
    assert commands.domain.name in all_domains()


def test_examples_are_valid_and_round_trip(commands: DomainCommands) -> None:
    domain = commands.domain
    examples = domain.examples()
    assert len(examples) >= 3
    verdicts = domain.check(examples)
    assert all(verdict.ok and verdict.canonical for verdict in verdicts)
    again = [domain.to_text(domain.from_text(text)) for text in examples]
    assert [v.canonical for v in domain.check(again)] == [v.canonical for v in verdicts]


def test_batch_in_same_order_and_length_out(commands: DomainCommands) -> None:
    domain = commands.domain
    texts = ["", *domain.examples()[:2], "\x00 not one of ours \u2603", domain.examples()[0]]
    verdicts = domain.check(texts)
    assert [v.ok for v in verdicts] == [False, True, True, False, True]
    assert all(v.reason for v in verdicts if not v.ok)
    assert verdicts[1] == verdicts[4]
    scores = domain.score(texts)
    assert scores
    for name, values in scores.items():
        assert values.shape == (len(texts),), name
        assert np.isnan(values[[0, 3]]).all(), f"{name}: an invalid text is NaN, never a number"
        assert values[1] == pytest.approx(values[4], nan_ok=True)
    assert domain.check([]) == []
    assert all(len(values) == 0 for values in domain.score([]).values())


def test_a_similarity_of_its_own_is_one(commands: DomainCommands) -> None:
    if not isinstance(commands.domain, HasSimilarity):
        return
    texts = commands.domain.examples()[:3]
    bad = "\x00 not one of ours \u2603"
    found = commands.domain.similarity([*texts, bad], [*texts[1:], texts[0], texts[0]])
    assert found.shape == (4,)
    assert ((found[:3] >= 0) & (found[:3] <= 1)).all()
    assert np.isnan(found[3])
    assert commands.domain.similarity(texts, texts).tolist() == [1, 1, 1]


def test_invalid_texts_raise_with_a_reason(commands: DomainCommands) -> None:
    with pytest.raises(DomainError) as caught:
        commands.domain.from_text("\x00 not one of ours \u2603")
    assert caught.value.reason
    with pytest.raises(DomainError):
        commands.domain.render("\x00 not one of ours \u2603")


def test_renders_what_a_person_looks_at(commands: DomainCommands) -> None:
    rendered = commands.domain.render(commands.domain.examples()[0])
    assert rendered.kind in ("svg", "png", "wav", "midi", "text")
    assert isinstance(rendered.data, str) == (rendered.kind in ("svg", "text"))
    assert len(rendered.data) > 0


def test_the_tokenizer_is_lossless(commands: DomainCommands, tmp_path: Path) -> None:
    """The shipped one; where no bundle ships, one built and read back as a bundle's is."""
    domain: Any = commands.domain
    if not commands.bundle.exists():
        build_byte_pair(domain.examples(), 160).save_pretrained(tmp_path)
        domain = type(domain)(tmp_path)
    tokenizer = domain.tokenizer()
    ids = (tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id)
    assert (*ids, tokenizer.mask_token_id) == (0, 1, 2, 3)
    for text in commands.domain.examples():
        row = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert min(row) > 3
        assert tokenizer.decode(row) == text


def test_labels_are_one_a_text(commands: DomainCommands) -> None:
    if not isinstance(commands.domain, HasLabels):
        return
    texts = [*commands.domain.examples()[:3], "\x00 not one of ours \u2603"]
    found = commands.domain.label(texts)
    assert len(found) == 4
    assert all(found[:3])
    assert found[3] == ""


def test_the_default_preset_is_there(commands: DomainCommands) -> None:
    assert commands.default_preset in find_presets([CORE_PRESETS, commands.presets])


@given(text=st.text(max_size=60))
@pytest.mark.parametrize("name", sorted(all_domains()))
def test_check_never_raises(name: str, text: str) -> None:
    (verdict,) = commands_of(name).domain.check([text])
    assert verdict.ok == (verdict.reason is None)


def test_an_unknown_domain_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="smiles, midi, python_code, headlines, mnist"):
        commands_of("molecule")
