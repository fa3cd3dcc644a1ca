"""The matmul ceiling."""

from __future__ import annotations

import argparse

import pytest

from tvae_core.bench import ceiling
from tvae_core.bench.command import COMMANDS
from tvae_core.cli.parser import CommandParser


def parse(*given: str) -> argparse.Namespace:
    parser = CommandParser(prog="x")
    COMMANDS["ceiling"].add_arguments(parser)
    return parser.parse([*given, "--threads", "1", "--device", "cpu"])


@pytest.mark.parametrize(("given", "names"), [([], ["fp32", "bf16"]), (["bf16"], ["bf16"])])
def test_best_of_the_sizes(
    given: list[str], names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--precision", *given] if given else []
    records = ceiling.run(parse("--sizes", "16,24", "--repeats", "2", *flags))
    assert [record.name for record in records] == [f"ceiling {name}" for name in names]
    for record in records:
        assert record.spread is not None
        assert record.value == record.spread[1] >= record.spread[0] > 0
    assert "GFLOP/s" in capsys.readouterr().out
