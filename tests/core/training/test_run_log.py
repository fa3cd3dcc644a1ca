"""The log of a run: whole lines, each step once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tvae_core.support.errors import OutputError
from tvae_core.training.run_folder import append_line, trim_log


def test_a_log_ends_where_the_run_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    lines = [{"step": s, "loss": s / 2} for s in (2, 4, 6)]
    lines.insert(2, {"step": 5, "eval_x": 1.0})
    for line in lines:
        append_line(log, json.dumps(line))
    with log.open("a") as file:
        file.write('{"step": 8, "lo')
    trim_log(log, 5)
    assert [json.loads(x)["step"] for x in log.read_text().splitlines()] == [2, 4, 5]
    trim_log(log, 0)
    assert log.read_text() == ""


def test_lines_written_twice_by_an_older_version_are_taken_from_the_later(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    told = [(10, 1.0), (20, 2.0), (30, 3.0), (20, 2.5), (30, 3.5), (30, 3.75)]
    for step, loss in told:
        append_line(log, json.dumps({"step": step, "loss": loss}))
    append_line(log, json.dumps({"step": 30, "eval_x": 1.0}))
    trim_log(log, 30)
    found = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(x["step"], x.get("loss")) for x in found] == [
        (10, 1.0),
        (20, 2.5),
        (30, 3.75),
        (30, None),
    ]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_line_that_does_not_fit_leaves_no_half(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.symlink_to("/dev/full")
    with pytest.raises(OutputError, match="No space left"):
        append_line(log, "{}")
