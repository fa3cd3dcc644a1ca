"""The fuzz target `bundle`: every file of one, and generators of their parts.

An input of `bundle` is the name of a file, a line break, and its content; the hashes of the
manifest are made to match, so that the checks behind them are reached.
"""

from __future__ import annotations

import json
import random
import shutil
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.fuzz.harness import Read, Target
from tests.fuzz.mutate import JSON_WORDS, as_json, json_bomb

NAMES = ["<pad>", "<bos>", "<eos>", "<mask>", *"0123456789"]
CONFIG = {
    "vocab_size": 14,
    "max_length": 20,
    "d_model": 8,
    "n_heads": 1,
    "d_ff": 8,
    "encoder_blocks": (1, 1),
    "decoder_layers": 1,
    "n_latent": 2,
    "latent_size": 2,
    "mmd_memory": 4,
}
FILES = ("config.json", "manifest.json", "tokenizer.json", "tokenizer_config.json")
TENSORS = ("model.safetensors", "prior.safetensors")


def make_bundle(folder: Path) -> Path:
    """The smallest bundle there can be."""
    import torch
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    from tvae_core.bundle import save_bundle
    from tvae_core.model.config import TVAEConfig
    from tvae_core.model.prior import PriorSet
    from tvae_core.model.vae import TransformerVAE

    torch.manual_seed(0)
    backend = Tokenizer(models.WordLevel({name: i for i, name in enumerate(NAMES)}, "<mask>"))
    special = dict(zip(("pad_token", "bos_token", "eos_token", "mask_token"), NAMES, strict=False))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, **special)
    model = TransformerVAE(TVAEConfig(**CONFIG))
    priors = PriorSet(4, width=4, depth=1)
    return save_bundle(folder / "bundle", model, tokenizer, priors, {"domain": "toy"}, "# Card\n")


def base_files() -> dict[str, bytes]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        bundle = make_bundle(Path(folder))
        return {path.name: path.read_bytes() for path in bundle.iterdir()}


def bundle_seeds() -> Sequence[bytes]:
    """Every file of a good bundle."""
    return [name.encode() + b"\n" + data for name, data in sorted(base_files().items())]


def _start_bundle(folder: Path) -> Read:
    from tvae_core.bundle import load_bundle
    from tvae_core.support.errors import BundleError
    from tvae_core.support.files import sha256_file

    good = make_bundle(folder)
    manifest = json.loads((good / "manifest.json").read_text())
    bundle = folder / "changed"

    def read(data: bytes) -> bool:
        name, _, content = data.partition(b"\n")
        known = name.decode("latin-1")
        shutil.rmtree(bundle, ignore_errors=True)
        shutil.copytree(good, bundle)
        if known in (*FILES, *TENSORS):
            (bundle / known).write_bytes(content)
            if known != "manifest.json":
                hashes = manifest["sha256"] | {known: sha256_file(bundle / known)}
                (bundle / "manifest.json").write_text(json.dumps(manifest | {"sha256": hashes}))
        try:
            loaded = load_bundle(bundle, "toy")
        except BundleError:
            return False
        loaded.tokenizer("123")
        loaded.tokenizer.decode([5, 6, 7])
        return True

    return read


def bundle(rng: random.Random) -> bytes:
    """A config, manifest or header whose numbers, names or shapes are absurd."""
    kind = rng.randrange(5)
    if kind == 0:
        changes: dict[str, Any] = {}
        for _ in range(rng.choice((1, 1, 2, 5))):
            changes[rng.choice((*CONFIG, "sigma_max", "dropout", "noise", "auto_map"))] = odd_value(
                rng
            )
        blocks = rng.choice(([1, 1], [10**6], [1] * 3000, [], [0], ["x"]))
        return b"config.json\n" + as_json({**CONFIG, "encoder_blocks": blocks} | changes)
    if kind == 1:
        hashes = {rng.choice(("../x", "/etc/passwd", "model.safetensors", ".", "a/b")): "0" * 64}
        prior = {"width": odd_value(rng), "depth": odd_value(rng)}
        defaults = {rng.choice(("sample_fidelity", "path_noise", "x")): odd_value(rng)}
        content = {"domain": "toy", "format_version": 1, "sha256": hashes, "prior": prior}
        return b"manifest.json\n" + as_json(content | {"defaults": defaults})
    if kind == 2:
        return rng.choice(FILES).encode() + b"\n" + json_bomb(rng)
    if kind == 3:
        return rng.choice(TENSORS).encode() + b"\n" + safetensors(rng)
    return b"tokenizer.json\n" + tokenizer(rng)


def odd_value(rng: random.Random) -> Any:
    return rng.choice(
        (*(0, -1, 1, 7, 10**6, 10**9, 10**18, 10**400, 0.5, 1e300, True, None, "x", [1], {}, [[]]),)
    )


def safetensors(rng: random.Random) -> bytes:
    """A header of tensors that may overlap, lie outside or be huge, and too few bytes."""
    tensors: dict[str, Any] = {}
    for place in range(rng.choice((1, 2, 50))):
        shape = [rng.choice((0, 1, 4, 2**31, 2**62)) for _ in range(rng.randrange(4))]
        start = rng.choice((0, 4, 16, 2**40))
        tensors[rng.choice((f"t{place}", "flow.mean", "__metadata__"))] = {
            "dtype": rng.choice(("F32", "BF16", "F64", "I64", "BOOL", "X")),
            "shape": shape,
            "data_offsets": [start, start + rng.choice((0, 4, 16, 2**40))],
        }
    head = as_json(tensors)
    size = rng.choice((len(head), len(head), 0, 2**63, 2**32, 100_000_000))
    return struct.pack("<Q", size) + head + bytes(rng.choice((0, 16, 1000)))


def tokenizer(rng: random.Random) -> bytes:
    """A tokenizer of odd parts, ids and patterns."""
    pattern = rng.choice(("(a+)+$", "(", "1", "", ".*" * 50))
    replace = {
        "type": "Replace",
        "pattern": {"String": "1"},
        "content": "1" * rng.choice((1, 50, 9999)),
    }
    parts = (
        *(None, replace, {"type": "Sequence", "normalizers": [replace] * rng.choice((2, 8))}),
        {"type": "Precompiled", "precompiled_charsmap": rng.choice(("", "AAAA", "/////w=="))},
        {"type": "Replace", "pattern": {"Regex": pattern}, "content": "x"},
        *({"type": "ByteLevel"}, {"type": "NFKC"}, {"type": "Prepend", "prepend": "x" * 9999}),
    )
    ids = [rng.choice((i, i, i, 2**32 - 1, 2**31, -1, 10**9)) for i in range(14)]
    vocab = dict(zip(NAMES, ids, strict=True))
    split = {
        "type": "Split",
        "pattern": {"Regex": pattern},
        "behavior": "Isolated",
        "invert": False,
    }
    content = {
        "version": "1.0",
        "truncation": rng.choice((None, {"max_length": 0, "strategy": "LongestFirst"})),
        "padding": rng.choice((None, {"strategy": {"Fixed": rng.choice((3, 10**9))}})),
        "added_tokens": [
            {"id": rng.choice((0, 13, 14, 2**32 - 1)), "content": name, "single_word": False,
             "lstrip": False, "rstrip": False, "normalized": False, "special": True}
            for name in rng.sample(NAMES, rng.randrange(5))
        ],
        "normalizer": rng.choice(parts),
        "pre_tokenizer": rng.choice((None, split, {"type": "WhitespaceSplit"})),
        "post_processor": rng.choice((None, {"type": "BertProcessing", "sep": ["x", 1]})),
        "decoder": rng.choice((None, {"type": "Fuse"}, replace, {"type": "CTC"})),
        "model": rng.choice((
            {"type": "WordLevel", "vocab": vocab, "unk_token": "<mask>"},
            {"type": "BPE", "vocab": vocab, "merges": [["0", "1"]]},
            {"type": "Unigram", "unk_id": rng.choice((0, 99)), "vocab": [["a", -1.0]] * 14},
            {"type": "WordPiece", "vocab": {}, "unk_token": "x"},
        )),
    }  # fmt: skip
    return as_json(content)


BUNDLE_TARGETS = (
    Target(
        "bundle", 8_000, _start_bundle, bundle_seeds, (*JSON_WORDS, b"vocab_size"), bundle, 20.0
    ),
)
