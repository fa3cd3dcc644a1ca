"""Architectures from presets and flags."""

from __future__ import annotations

import pytest

from tvae_core.bench.architecture import (
    add_architecture_arguments,
    architecture_name,
    check_settings,
    config_of,
    int_list,
    train_settings_of,
)
from tvae_core.cli.parser import CommandParser
from tvae_core.support.errors import CommandError


@pytest.fixture
def parser() -> CommandParser:
    parser = CommandParser(prog="x")
    add_architecture_arguments(parser, precision="bf16")
    return parser


def test_base_is_the_original_pair(parser: CommandParser) -> None:
    config = config_of(parser.parse([]))
    assert (config.d_model, config.n_heads, config.encoder_blocks) == (768, 12, (6, 6, 6))
    assert (config.decoder_layers, config.vocab_size) == (12, 32_128)


def test_presets_merge_and_settings_win(parser: CommandParser) -> None:
    args = parser.parse(["base", "funnel_tiny", "--set", "d_ff=8", "--set", "learning_rate=0.5"])
    config = config_of(args, max_length=99)
    assert (config.encoder_blocks, config.d_ff, config.max_length) == ((1, 1, 1), 8, 99)
    settings = train_settings_of(args)
    assert (settings.learning_rate, settings.precision) == (0.5, "bf16")
    assert architecture_name(args) == "base+funnel_tiny, d_ff=8, learning_rate=0.5"


@pytest.mark.parametrize("text", ["2_3", "2,3", "[2, 3]"])
def test_lists(parser: CommandParser, text: str) -> None:
    args = parser.parse(["--set", f"encoder_blocks={text}"])
    assert config_of(args).encoder_blocks == (2, 3)
    assert architecture_name(args) == "base, encoder_blocks=2_3"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("d_model", "KEY=VALUE"),
        ("d_modle=3", "known setting"),
        ("d_model=wide", "d_model must be a whole number, not 'wide'"),
        ("encoder_blocks=a", "numbers such as 2,2,2"),
        ("compile=maybe", "compile must be true or false, not 'maybe'"),
    ],
)
def test_mistakes_are_bad_usage(parser: CommandParser, given: str, message: str) -> None:
    with pytest.raises(CommandError, match=message) as caught:
        parser.parse(["--set", given])
    assert caught.value.exit_code == 2


def test_impossible_architecture_is_bad_usage(parser: CommandParser) -> None:
    with pytest.raises(CommandError, match="d_model") as caught:
        check_settings(parser.parse(["--set", "d_model=7"]))
    assert caught.value.exit_code == 2


def test_int_list() -> None:
    assert int_list("512, 1024") == (512, 1024)
