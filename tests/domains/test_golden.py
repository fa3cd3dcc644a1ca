"""Golden trajectories: twenty steps of every domain's recipe, at a small size, loss by loss.

The texts are the domain's examples, the tokenizer is what its preparation learns from them. A
change that moves a part of the loss by more than 1e-4 is a change of training, meant or not. Where
it is meant, write the new ones and say why in the changelog:

    python -m tests.domains.test_golden

In fp64: in fp32 the last bits of a product differ between kinds of processors, and within twenty
steps AdamW makes differences that are seen of them (1.9 of 14 on digits). In fp64 the vector
instructions of SSE, AVX2 and AVX-512 agree within 3e-10.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from transformers import PreTrainedTokenizerFast

from data_prep.prepared import Items, write_prepared
from domains.registry import DOMAINS, commands_of
from tests.fp64 import in_fp64
from tvae_core.data.byte_pair import build_byte_pair
from tvae_core.evaluation.tables import model_card
from tvae_core.training.presets import CORE_PRESETS, merge
from tvae_core.training.run import train

GOLDEN = Path(__file__).parent / "golden"
STEPS = 20
PARTS = ("loss", "reconstruction", "mmd")
TOLERANCE = 1e-4

# The recipe's noise, masks and norm stay; sizes and the weight of MMD, large in so small a batch,
# shrink. AdamW: Muon multiplies in bf16, which is not the same on all processors.
SMALL: dict[str, Any] = {
    "d_model": 32,
    "n_heads": 2,
    "d_ff": 48,
    "encoder_blocks": (1, 1),
    "decoder_layers": 1,
    "n_latent": 2,
    "latent_size": 8,
    "max_length": 512,
    "max_steps": STEPS,
    "batch_size": 6,
    "optimizer": "adamw",
    "learning_rate": 3e-3,
    "warmup_steps": 5,
    "mmd_weight": 1.0,
    "mmd_warmup_steps": 8,
    "moment_start": 10,
    "moment_warmup": 5,
    "mmd_memory": 12,
    "log_steps": 1,
    "eval_steps": 0,
    "eval_items": 4,
    "save_steps": STEPS,
    "prior_codes": 10,
    "prior_steps": 1,
    "prior_width": 8,
    "prior_depth": 1,
    "precision": "fp32",
    "threads": 1,
    "final": "quick",
}


def tokenizer_builder(name: str) -> Callable[[list[str]], PreTrainedTokenizerFast]:
    """What the domain's own preparation learns its tokenizer with, at a small vocabulary."""
    if name == "smiles":
        from domains.smiles.chem.tokenizer import build_tokenizer as smiles

        return partial(smiles, vocab_size=120)
    if name == "midi":
        from domains.midi.tokenizer import build_tokenizer as midi

        return partial(midi, vocab_size=400)
    if name == "python_code":
        from domains.python_code.tokenizer import build_tokenizer as python_code

        return partial(python_code, vocab_size=320)
    if name == "mnist":
        from domains.mnist.tokenizer import build_tokenizer as mnist

        return partial(mnist, side=14, merges=64)
    return partial(build_byte_pair, vocab_size=300)


def trajectory(name: str, folder: Path) -> dict[str, list[float]]:
    """The parts of the loss at every step of a small run over the domain's examples."""
    commands = commands_of(name)
    texts = commands.domain.examples()
    splits = {"train": texts, "validation": texts[:4], "test": texts[4:8]}
    items = Items(
        splits={split: pa.table({"text": rows}) for split, rows in splits.items()},
        source="the examples of the domain",
        source_sha256="",
        licence="that of this repository",
    )
    write_prepared(
        items,
        folder / "data",
        domain=name,
        build=tokenizer_builder(name),
        seed=0,
        command="a test",
    )
    flags = SMALL | {"data": str(folder / "data"), "output": str(folder / "run")}
    merged = merge([commands.default_preset], [CORE_PRESETS, commands.presets], flags)
    with in_fp64():
        train(commands.domain, merged, model_card)
    lines = [json.loads(line) for line in (folder / "run" / "log.jsonl").read_text().splitlines()]
    return {part: [line[part] for line in lines if part in line] for part in PARTS}


def agree(found: dict[str, list[float]], wanted: dict[str, list[float]]) -> bool:
    """Whether two trajectories are the same."""
    return all(found[part] == pytest.approx(wanted[part], rel=0, abs=TOLERANCE) for part in PARTS)


@pytest.mark.parametrize("name", sorted(DOMAINS))
def test_the_losses_are_what_they_were(name: str, tmp_path: Path) -> None:
    found = trajectory(name, tmp_path)
    assert all(len(found[part]) == STEPS for part in PARTS)
    assert agree(found, json.loads((GOLDEN / f"{name}.json").read_text()))


@pytest.mark.parametrize("name", sorted(DOMAINS))
def test_a_small_change_of_training_is_noticed(name: str) -> None:
    wanted = json.loads((GOLDEN / f"{name}.json").read_text())
    assert all(len(wanted[part]) == STEPS for part in PARTS)
    assert agree(wanted, wanted)
    for part in PARTS:
        other = [*wanted[part][:-1], wanted[part][-1] + 2 * TOLERANCE]
        assert not agree(wanted | {part: other}, wanted)


def test_every_domain_has_one_and_no_other() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(DOMAINS)


def main() -> None:
    for name in DOMAINS:
        with tempfile.TemporaryDirectory() as folder:
            found = trajectory(name, Path(folder))
        path = GOLDEN / f"{name}.json"
        rows = {part: [round(value, 6) for value in values] for part, values in found.items()}
        path.write_text(json.dumps(rows, indent=1) + "\n")
        print(f"{path}: {rows['loss'][0]} -> {rows['loss'][-1]}", file=sys.stderr)


if __name__ == "__main__":
    main()
