"""Composable presets: TOML files merged left to right, flags last, every value with its origin.

A preset has a `description` and the tables `[model]` (fields of `TVAEConfig`) and `[train]`
(fields of `TrainSettings`). A domain's own presets stand beside the core's.
"""

from __future__ import annotations

import difflib
import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from tvae_core.support.untrusted import MOST_JSON, check_sizes
from tvae_core.training.settings import MODEL_FIELDS as MODEL_FIELDS
from tvae_core.training.settings import TRAIN_FIELDS as TRAIN_FIELDS
from tvae_core.training.settings import TrainSettings as TrainSettings

CORE_PRESETS = Path(__file__).parents[1] / "presets"
TABLES = ("model", "train")


@dataclass(frozen=True)
class Merged:
    """Merged settings; `origin` says for each key which preset or flag gave it."""

    model: dict[str, Any]
    train: dict[str, Any]
    origin: dict[str, str] = field(default_factory=dict)
    presets: tuple[str, ...] = ()

    def table(self) -> str:
        """The merged configuration as TOML, each value with its origin."""
        lines: list[str] = []
        for name, values in (("model", self.model), ("train", self.train)):
            lines.append(f"[{name}]")
            for key, value in values.items():
                text = f"{key} = {_toml(value)}"
                lines.append(f"{text:<40} # {self.origin.get(key, 'default')}")
            lines.append("")
        return "\n".join(lines).rstrip()


def find_presets(folders: Sequence[Path]) -> dict[str, Path]:
    """Preset names -> files; later folders win."""
    found: dict[str, Path] = {}
    for folder in folders:
        found |= {path.stem: path for path in sorted(folder.glob("*.toml"))}
    return found


def load_preset(name: str, folders: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """One preset's tables.

    Raises:
        ValueError: for an unknown name (the nearest are named), or unknown keys in the file.
    """
    known = find_presets(folders)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        hint = "did you mean " + ", ".join(near) if near else "there are " + ", ".join(known)
        raise ValueError(f"unknown preset {name!r}; {hint}")
    try:
        if known[name].stat().st_size > MOST_JSON:
            raise ValueError("it is too large")
        content = tomllib.loads(known[name].read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{known[name]} is not TOML: {error}") from error
    except RecursionError:
        raise ValueError(f"{known[name]} is nested too deeply") from None
    for key in content:
        if key not in (*TABLES, "description"):
            raise ValueError(f"{known[name]}: unknown table or key {key!r}")
        if key in TABLES and not isinstance(content[key], dict):
            raise ValueError(f"{known[name]}: [{key}] is no table")
    tables = {table: dict(content.get(table, {})) for table in TABLES}
    for table, allowed in (("model", MODEL_FIELDS), ("train", TRAIN_FIELDS)):
        for key in tables[table]:
            if key not in allowed:
                near = difflib.get_close_matches(key, allowed, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise ValueError(f"{known[name]}: [{table}] has no setting {key!r}{hint}")
            if not _fits(tables[table][key], allowed[key]):
                kind = _KINDS[allowed[key]]
                raise ValueError(f"{known[name]}: {key} must be {kind}")
    return tables


def merge(
    names: Sequence[str],
    folders: Sequence[Path],
    flags: Mapping[str, Any],
    defaults: Mapping[str, Any] | None = None,
) -> Merged:
    """Merges presets left to right and flags last.

    Args:
        names: presets.
        folders: where presets lie; later folders win.
        flags: settings given on the command line.
        defaults: a domain's own defaults, below every preset.

    Raises:
        ValueError: for unknown presets or settings.
    """
    values: dict[str, dict[str, Any]] = {"model": {}, "train": {}}
    origin: dict[str, str] = {}
    tables = {"model": MODEL_FIELDS, "train": TRAIN_FIELDS}

    def put(key: str, value: Any, source: str) -> None:
        for table, allowed in tables.items():
            if key in allowed:
                values[table][key] = value
                origin[key] = source
                return
        raise ValueError(f"there is no setting {key!r}")

    for key, value in (defaults or {}).items():
        put(key, value, "domain default")
    for name in names:
        preset = load_preset(name, folders)
        for table in TABLES:
            for key, value in preset[table].items():
                put(key, value, f"preset {name}")
    for key, value in flags.items():
        put(key, value, f"flag --{key.replace('_', '-')}")
    for setting in fields(TrainSettings):
        values["train"].setdefault(setting.name, setting.default)
    check_sizes(values["model"])
    check_sizes(values["train"])
    return Merged(values["model"], values["train"], origin, tuple(names))


_KINDS = {
    int: "a whole number",
    float: "a finite number",
    str: "a text",
    bool: "true or false",
    tuple: "a list of whole numbers",
}


def _fits(value: Any, kind: type) -> bool:
    """Whether a value of a file is of a setting's type."""
    if kind is tuple:
        return isinstance(value, list) and all(type(item) is int for item in value)
    if kind is float:
        return type(value) in (int, float) and abs(value) <= sys.float_info.max
    if kind is int:
        return type(value) is int and abs(value) < 2**63
    return type(value) is kind


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return str(value)
