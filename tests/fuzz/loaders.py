"""Fuzz targets that are small files on their own: tokenizers, sets, topics, searches, presets."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.fuzz.bundles import base_files, odd_value, safetensors, tokenizer
from tests.fuzz.harness import Read, Target
from tests.fuzz.mutate import JSON_WORDS, NUMBERS, as_json, json_bomb


def _start_tokenizer(folder: Path) -> Read:
    from tvae_core.data.byte_pair import load_tokenizer

    path = folder / "tokenizer.json"

    def read(data: bytes) -> bool:
        path.write_bytes(data)
        try:
            found = load_tokenizer(path)
        except ValueError:
            return False
        found("CCO 123 <eos>")
        found.decode([0, 1])
        return True

    return read


def _start_known(folder: Path) -> Read:
    from tvae_core.data.known import KnownSet

    path = folder / "known.bin"

    def read(data: bytes) -> bool:
        path.write_bytes(data)
        try:
            found = KnownSet.load(path)
        except ValueError:
            return False
        found.contains(["a", "b"])
        assert 0 <= found.false_positive_rate <= 1
        return True

    return read


def known_seeds() -> Sequence[bytes]:
    """Sets of several sizes, and one whose checksum is made to match its counts."""
    import tempfile

    from tvae_core.data.known import KnownSet

    found = []
    with tempfile.TemporaryDirectory() as folder:
        for n in (0, 1, 2, 300):
            KnownSet.build(map(str, range(n))).save(Path(folder) / "k")
            found.append((Path(folder) / "k").read_bytes())
    return found


def known(rng: random.Random) -> bytes:
    """Counts that lie under a checksum that is right."""
    import hashlib

    count, stored = (rng.choice((0, 1, 2, 8, 300, 2**32, 2**63, 2**64 - 1)) for _ in range(2))
    payload = rng.randbytes(rng.choice((0, 3, 40)))
    if count < 1000 and stored < 1000 and rng.random() < 0.8:
        payload = rng.randbytes(stored + (count + stored + 7) // 8)
    head = (b"SMIKNOWN", 1, 0, 0, count, stored)
    packer = struct.Struct("<8sHHIQQ32s")
    digest = hashlib.sha256(packer.pack(*head, bytes(32)) + payload).digest()
    return packer.pack(*head, digest) + payload


def _start_topics(folder: Path) -> Read:
    import torch

    from domains.headlines import topic_file
    from tvae_core.support.files import sha256_file

    def read(data: bytes) -> bool:
        about, _, tensors = data.partition(b"\n\n")
        (folder / topic_file.TENSORS).write_bytes(tensors)
        mark = sha256_file(folder / topic_file.TENSORS).encode()
        (folder / "topics.json").write_bytes(about.replace(b"@", mark))
        try:
            found = topic_file.Topics.load(folder)
            assert found is not None
            shape = tuple(found.means.shape[1:])
            if 0 < shape[0] * shape[1] < 10_000:
                found.nearest(torch.zeros(2, *shape))
        except ValueError:
            return False
        found.draw(found.labels[0], 2)
        return True

    return read


def topic_seeds() -> Sequence[bytes]:
    """Two topics."""
    import torch
    from safetensors.torch import save

    tensors = save({"means": torch.zeros(2, 2, 3), "scales": torch.ones(2, 2, 3)})
    about = {"format_version": 1, "bundle": "x", "sha256": "@", "labels": ["a", "b"]}
    return [as_json(about | {"counts": [3, 4]}) + b"\n\n" + tensors]


def topics(rng: random.Random) -> bytes:
    """Odd lists beside good tensors, or bombs."""
    about = {
        "format_version": 1,
        "sha256": "@",
        "labels": rng.choice((["a", "b"], ["a"], "ab", {})),
    }
    counts = [rng.choice((1, 0, 10**20, 10**400, -1, 1.5)) for _ in range(2)]
    head = json_bomb(rng) if rng.random() < 0.3 else as_json(about | {"counts": counts})
    good = topic_seeds()[0].partition(b"\n\n")[2]
    return head + b"\n\n" + (good if rng.random() < 0.7 else safetensors(rng))


def _start_search(folder: Path) -> Read:
    from safetensors.torch import save
    from torch import zeros

    from tvae_core.search.state import read_state

    def read(data: bytes) -> bool:
        (folder / "codes-1.safetensors").write_bytes(save({"codes": zeros(2, 2, 3)}))
        (folder / "search.json").write_bytes(data)
        try:
            read_state(folder)
        except ValueError:
            return False
        return True

    return read


def search_seeds() -> Sequence[bytes]:
    """A search of one generation."""
    call = {
        "number": 1,
        "text": "a",
        "score": 1.0,
        "feasible": True,
        "violation": 0,
        "values": {"x": 1.0},
    }
    return [as_json({
        "format_version": 2, "settings": {"seed": 1}, "codes": "codes-1.safetensors",
        "generations": [["a", "b"]], "calls": [call | {"generation": 0, "row": 0}],
    })]  # fmt: skip


def search(rng: random.Random) -> bytes:
    """The same with odd values."""
    if rng.random() < 0.3:
        return json_bomb(rng)
    found = json.loads(search_seeds()[0])
    place: Any = rng.choice((found, found["calls"][0]))
    place[rng.choice(list(place))] = odd_value(rng)
    return as_json(found)


def _start_preset(folder: Path) -> Read:
    from tvae_core.model.config import TVAEConfig
    from tvae_core.training.presets import TrainSettings, merge

    def read(data: bytes) -> bool:
        (folder / "fuzzed.toml").write_bytes(data)
        try:
            merged = merge(["fuzzed"], [folder], {})
            merged.table()
            TrainSettings(**merged.train)
            TVAEConfig(**merged.model)
        except ValueError:
            return False
        return True

    return read


def preset_seeds() -> Sequence[bytes]:
    """Every preset that ships."""
    root = Path(__file__).resolve().parents[2]
    return [p.read_bytes() for p in sorted(root.glob("*/presets/*.toml"))]


def preset(rng: random.Random) -> bytes:
    """Settings with values of another type, out of range or nested."""
    from tvae_core.training.settings import MODEL_FIELDS, TRAIN_FIELDS

    lines = []
    for table, fields in (("model", MODEL_FIELDS), ("train", TRAIN_FIELDS)):
        lines.append(rng.choice((f"[{table}]", f"[{table}]", f"{table} = 3", f"[[{table}]]")))
        for key in rng.sample(list(fields), rng.randrange(4)):
            odd = ("[[[]]]", '"x"', "true", "{}", "1979-05-27", "nan", "inf", "-1", "0.5", "[1, 1]")
            deep = "[" * 3000 + "]" * 3000
            value = rng.choice((*odd, *NUMBERS[:11], deep, str(fields[key]())))
            lines.append(f"{key} = {value}")
    return "\n".join(lines).encode()


LOADER_TARGETS = (
    Target("tokenizer", 8_000, _start_tokenizer,
           lambda: [*map(tokenizer, map(random.Random, range(6))), base_files()["tokenizer.json"]],
           JSON_WORDS, tokenizer),
    Target("known", 30_000, _start_known, known_seeds, (b"SMIKNOWN",), known),
    Target("topics", 15_000, _start_topics, topic_seeds, JSON_WORDS, topics),
    Target("search_state", 20_000, _start_search, search_seeds, JSON_WORDS, search),
    Target("preset", 12_000, _start_preset, preset_seeds,
           (b"[model]\n", b"[train]\n", b"= ", b"d_model = ", b"'", b"[["), preset),
)  # fmt: skip
