"""A bundle of music for tests: bars of well-known tunes, shuffled, learnt in a few seconds."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa

from apps.common.bundle import environment_folder
from data_prep.prepared import Items, write_prepared
from domains.midi.domain import BUNDLE as SHIPPED
from domains.midi.domain import MidiDomain
from domains.midi.examples import EXAMPLES
from domains.midi.notation import key_symbol
from domains.midi.tokenizer import MIN_VOCAB_SIZE, build_tokenizer
from tvae_core.training.presets import Merged
from tvae_core.training.run import train

TUNES = 72
MODEL = {
    "d_model": 64,
    "n_heads": 4,
    "d_ff": 128,
    "encoder_blocks": (1, 1),
    "decoder_layers": 1,
    "n_latent": 2,
    "latent_size": 16,
    "latent_norm": "running",
    "sigma_max": 0.6,
    "mmd_weight": 0.5,
    "mmd_memory": 64,
    "max_length": 48,
}
SETTINGS = {
    "max_steps": 300,
    "batch_size": 24,
    "optimizer": "muon",
    "learning_rate": 4e-3,
    "warmup_steps": 10,
    "log_steps": 50,
    "eval_steps": 0,
    "eval_items": 4,
    "prior_codes": 64,
    "prior_steps": 60,
    "prior_width": 32,
    "prior_depth": 1,
    "final": "quick",
    "precision": "fp32",
}


def tunes(count: int = TUNES, seed: int = 0) -> list[str]:
    """The examples of one voice, and distinct tunes of bars of theirs in other keys."""
    rng = random.Random(seed)
    by_metre: dict[str, list[str]] = {}
    for text in EXAMPLES.values():
        if ";" in text or "~" in text:
            continue
        metre, rest = text.split("|", 1)[1].split(" ", 1)
        by_metre.setdefault(metre, []).extend(rest.split("|"))
    found = dict.fromkeys(text for text in EXAMPLES.values() if ";" not in text)
    while len(found) < count:
        metre = rng.choice(["4/4", "4/4", "6/8", "2/4"])
        bars = "|".join(rng.choices(by_metre[metre], k=4))
        found[f"{key_symbol(rng.randint(-3, 3))}|{metre} {bars}"] = None
    return list(found)


def make_bundle(folder: Path) -> Path:
    """Trains the bundle in a new folder; gives where it is."""
    texts = tunes()
    splits = {"train": texts[:-8], "validation": texts[-8:-4], "test": texts[-4:]}
    items = Items(
        {name: pa.table({"text": part}) for name, part in splits.items()},
        "shuffled bars", "0" * 64, "public domain",
    )  # fmt: skip
    write_prepared(
        items,
        folder / "data",
        domain="midi",
        build=lambda known: build_tokenizer(known, vocab_size=MIN_VOCAB_SIZE + 64),
        seed=0,
        command="a test",
    )
    settings = SETTINGS | {"data": str(folder / "data"), "output": str(folder / "run")}
    merged = Merged(model=dict(MODEL), train=settings)
    return train(MidiDomain(folder / "data"), merged, lambda manifest, evaluation: "a toy").bundle


def bundle_or_toy(folder: Path) -> Path:
    """The bundle that the environment names or that ships; one trained in `folder` without."""
    folders = [environment_folder(SHIPPED, True), str(SHIPPED)]
    for found in filter(None, folders):
        if (Path(found) / "manifest.json").is_file():
            return Path(found)
    return make_bundle(folder)
