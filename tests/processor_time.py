"""A pytest plugin: processor seconds of each file and of the dearest tests, subprocesses included.

    make test PYTEST_ARGS='-p tests.processor_time'

What a machine does besides hardly moves them, unlike the seconds of `--durations`. A fixture counts
with the test that first asks for it.
"""

from __future__ import annotations

import resource
from collections import defaultdict
from collections.abc import Iterator

import pytest

DEAREST = 40
_used: dict[str, float] = defaultdict(float)


def _seconds() -> float:
    kinds = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in kinds)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Puts what a phase used with its report, which reaches the first process from any other."""
    report = yield
    now = _seconds()
    report.user_properties.append(("processor", now - item.config.stash.get(_LAST, now)))
    item.config.stash[_LAST] = now
    return report


_LAST = pytest.StashKey[float]()


def pytest_sessionstart(session: pytest.Session) -> None:
    """What is used before the first test is nobody's."""
    session.config.stash[_LAST] = _seconds()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Adds up the phases of a test."""
    _used[report.nodeid] += dict(report.user_properties).get("processor", 0.0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints both tables."""
    files: dict[str, float] = defaultdict(float)
    for name, seconds in _used.items():
        files[name.split("::")[0]] += seconds
    for what, table in (("file", files), ("test", _used)):
        terminalreporter.section(f"processor seconds by {what}")
        for name, seconds in sorted(table.items(), key=lambda row: -row[1])[:DEAREST]:
            terminalreporter.line(f"{seconds:8.1f}  {name}")
    terminalreporter.line(f"{sum(files.values()):8.1f}  in all")
