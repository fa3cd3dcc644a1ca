"""Records as JSON and as a table."""

from __future__ import annotations

import json
from pathlib import Path

from tvae_core.bench.record import Record, aligned, number, record_table, write_records


def test_json_is_a_list_of_flat_records(tmp_path: Path) -> None:
    records = [
        Record("a", 2.0, "items/s", 1.0, 2.0, (1.5, 2.5)),
        Record("b", float("nan"), "s"),
    ]
    write_records(tmp_path / "r.json", records)
    first, second = json.loads((tmp_path / "r.json").read_text())
    assert first == {
        "name": "a",
        "value": 2.0,
        "unit": "items/s",
        "baseline": 1.0,
        "ratio": 2.0,
        "spread": [1.5, 2.5],
    }
    assert second["value"] is None
    assert second["spread"] is None


def test_tables_line_up_and_leave_empty_columns_out() -> None:
    text = record_table([Record("long name", 1234.5, "s"), Record("x", 0.001, "s")])
    lines = text.splitlines()
    assert len({len(line) for line in lines}) == 1
    assert "baseline" not in lines[0]
    assert aligned([["", "n"], ["a", "1"]]) == "   n\na  1"


def test_numbers_keep_three_digits() -> None:
    shown = [number(v) for v in (1234.5, 12.345, 0.0123, 0.00123, 0.0, float("nan"))]
    assert shown == ["1,234", "12.3", "0.0123", "1.2e-03", "0", "-"]
