"""A search in a folder: settings, calls and texts as JSON, codes as safetensors; no pickle.

The JSON names the file of codes that belongs to it and is renamed into place last, so a search that
is killed while it saves leaves the state before.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from tvae_core.search.types import Call, Generation
from tvae_core.support.files import json_text, write_whole

STATE = "search.json"
FORMAT_VERSION = 2


def write_state(
    folder: Path,
    settings: dict[str, Any],
    generations: Sequence[Generation],
    calls: Sequence[Call],
) -> None:
    """Writes a search into a folder, which may hold other files.

    `calls` are all items in the order found; excluded ones have number 0.

    Raises:
        OutputError: when the folder cannot be written.
    """
    name = f"codes-{len(generations)}.safetensors"
    codes = torch.cat([part.codes for part in generations]) if generations else torch.zeros(0)
    write_whole(folder / name, save({"codes": codes.contiguous()}))
    document = {
        "format_version": FORMAT_VERSION,
        "settings": settings,
        "codes": name,
        "generations": [part.texts for part in generations],
        "calls": [
            {
                "number": call.number,
                "text": call.text,
                "score": call.score,
                "feasible": call.feasible,
                "violation": call.violation,
                "values": call.values,
                "generation": call.generation,
                "row": _row(call, generations),
            }
            for call in calls
        ],
    }
    write_whole(folder / STATE, json_text(document))
    for old in folder.glob("codes-*.safetensors"):
        if old.name != name:
            old.unlink(missing_ok=True)


def _row(call: Call, generations: Sequence[Generation]) -> int:
    return generations[call.generation].texts.index(call.text)


def read_state(folder: Path) -> tuple[dict[str, Any], list[Generation], list[Call]]:
    """Reads what `write_state` wrote: settings, generations, calls.

    Raises:
        ValueError: for a folder without a search, or a spoilt one.
    """
    path = folder / STATE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{folder} holds no search to resume ({STATE} is missing)") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    try:
        if document["format_version"] != FORMAT_VERSION:
            raise ValueError(f"has format {document['format_version']}, not {FORMAT_VERSION}")
        name = Path(str(document["codes"])).name
        codes = load_file(folder / name)["codes"]
        generations, first = [], 0
        for texts in document["generations"]:
            generations.append(Generation(codes[first : first + len(texts)], list(texts)))
            first += len(texts)
        if first != len(codes):
            raise ValueError(f"has {first} texts for {len(codes)} codes")
        calls = [
            Call(
                int(row["number"]),
                str(row["text"]),
                _number(row["score"]),
                bool(row["feasible"]),
                {str(k): _number(v) for k, v in row["values"].items()},
                generations[row["generation"]].codes[row["row"]],
                _number(row["violation"], math.inf),
                int(row["generation"]),
            )
            for row in document["calls"]
        ]
        return dict(document["settings"]), generations, calls
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"{path} is no search that can be resumed: {error}") from None
    except (OSError, SafetensorError) as error:
        raise ValueError(f"the codes of {path} cannot be read: {error}") from None


def _number(value: float | None, missing: float = math.nan) -> float:
    return missing if value is None else float(value)
