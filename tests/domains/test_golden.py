"""Golden trajectories: twenty steps of every domain's recipe, at a small size, loss by loss.

The texts are the domain's examples, the tokenizer is what its preparation learns from them. A
change that moves a part of the loss by more than 1e-4 is a change of training, meant or not. Where
it is meant, write the new ones and say why in the changelog:

    python -m tests.domains.test_golden

The last bits of a product differ between kinds of processors, and within twenty steps AdamW makes
differences that are seen of them (1.9 of 14 on digits). So each kind on which this was run has a
trajectory of its own; the first steps are the same on all.
"""

from __future__ import annotations

import json
import platform
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
from tvae_core.byte_pair import build_byte_pair
from tvae_core.card import model_card
from tvae_core.presets import CORE_PRESETS, merge
from tvae_core.train import train

GOLDEN = Path(__file__).parent / "golden"
STEPS = 20
PARTS = ("loss", "reconstruction", "mmd")
TOLERANCE = 1e-4
OPENING = 3
"""Steps that are the same on all processors."""

# The recipe's noise, masks and norm stay; sizes and the weight of MMD, large in so small a batch,
# shrink. AdamW in fp32: Muon's products in bf16 are not the same on all processors.
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
        from domains.smiles.tokenizer import build_tokenizer as smiles

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
    train(commands.domain, merged, model_card)
    lines = [json.loads(line) for line in (folder / "run" / "log.jsonl").read_text().splitlines()]
    return {part: [line[part] for line in lines if part in line] for part in PARTS}


def agree(found: dict[str, Any], wanted: dict[str, Any], steps: int = STEPS) -> bool:
    """Whether two trajectories have the same first steps."""
    return all(
        found[part][:steps] == pytest.approx(wanted[part][:steps], rel=0, abs=TOLERANCE)
        for part in PARTS
    )


@pytest.mark.parametrize("name", sorted(DOMAINS))
def test_the_losses_are_what_they_were(name: str, tmp_path: Path) -> None:
    recorded = json.loads((GOLDEN / f"{name}.json").read_text())
    found = trajectory(name, tmp_path)
    assert all(len(found[part]) == STEPS for part in PARTS)
    for wanted in recorded:
        assert agree(found, wanted, OPENING), f"{name} begins otherwise than on {wanted['machine']}"
    assert any(agree(found, wanted) for wanted in recorded), (
        f"{name} goes on otherwise than on {[wanted['machine'] for wanted in recorded]}; if this "
        "is another kind of processor, record it: python -m tests.domains.test_golden"
    )


@pytest.mark.parametrize("name", sorted(DOMAINS))
def test_a_small_change_of_training_is_noticed(name: str) -> None:
    for wanted in json.loads((GOLDEN / f"{name}.json").read_text()):
        assert all(len(wanted[part]) == STEPS for part in PARTS)
        other = {part: [value + 2 * TOLERANCE for value in wanted[part]] for part in PARTS}
        assert agree(wanted, wanted)
        assert not agree(other, wanted, OPENING)


def test_every_domain_has_one_and_no_other() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(DOMAINS)


def machine() -> str:
    """The kind of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def main() -> None:
    for name in DOMAINS:
        with tempfile.TemporaryDirectory() as folder:
            found = trajectory(name, Path(folder))
        path = GOLDEN / f"{name}.json"
        rows: dict[str, Any] = {"machine": machine()}
        rows |= {part: [round(value, 6) for value in values] for part, values in found.items()}
        before = json.loads(path.read_text()) if path.is_file() else []
        # those of other processors stay while training is what it was
        kept = [r for r in before if r["machine"] != rows["machine"] and agree(rows, r, OPENING)]
        path.write_text(json.dumps([*kept, rows], indent=1) + "\n")
        print(f"{path}: {rows['loss'][0]} -> {rows['loss'][-1]}", file=sys.stderr)


if __name__ == "__main__":
    main()
