"""What a bundle asks for is checked before memory is taken, and no link leads out of it."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tests.fuzz.bundles import make_bundle
from tvae_core import bundle as checkpoint
from tvae_core.bundle import load_bundle
from tvae_core.data.byte_pair import load_tokenizer
from tvae_core.support.errors import BundleError
from tvae_core.support.files import sha256_file
from tvae_core.support.untrusted import check_header, check_sizes, shapes_of, small_json
from tvae_core.training.presets import merge


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return make_bundle(tmp_path)


def reseal(bundle: Path, **changes: Any) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    hashes = {name: sha256_file(bundle / name) for name in manifest["sha256"]}
    (bundle / "manifest.json").write_text(json.dumps(manifest | {"sha256": hashes} | changes))


def change(bundle: Path, name: str, **changes: Any) -> None:
    content = json.loads((bundle / name).read_text())
    (bundle / name).write_text(json.dumps(content | changes))
    reseal(bundle)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"d_model": 10**9}, "d_model must be at most"),
        ({"d_model": 10**400}, "d_model must be at most"),
        ({"vocab_size": 10**9}, "vocab_size must be at most"),
        ({"decoder_layers": 10**6}, "decoder_layers must be at most"),
        ({"encoder_blocks": [10**6]}, "encoder_blocks"),
        ({"encoder_blocks": [1] * 1000}, "encoder_blocks"),
        ({"max_length": 10**12}, "max_length must be at most"),
        ({"n_latent": 16_000, "latent_size": 16_000}, r"n_latent \* latent_size"),
        ({"n_latent": 200, "latent_size": 300, "mmd_memory": 10**6}, "mmd_memory"),
        ({"d_model": 32_000, "d_ff": 130_000}, "model.safetensors"),
        ({"latent_size": 200}, "model.safetensors"),
    ],
)
def test_a_huge_model_is_refused_before_it_is_built(
    changes: dict[str, Any], named: str, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(bundle, "config.json", **changes)

    def built_on_meta_only(config: Any) -> Any:
        assert torch.empty(0).device.type == "meta", "built with memory"
        return real(config)

    real = checkpoint.TransformerVAE
    monkeypatch.setattr(checkpoint, "TransformerVAE", built_on_meta_only)
    with pytest.raises(BundleError, match=named):
        load_bundle(bundle)


@pytest.mark.parametrize("prior", [{"width": 10**9, "depth": 1}, {"width": 4, "depth": 10**6}])
def test_a_huge_prior_is_refused(prior: dict[str, int], bundle: Path) -> None:
    reseal(bundle, prior=prior)
    with pytest.raises(BundleError, match=r"manifest\.json cannot be read: (width|depth) must be"):
        load_bundle(bundle)


@pytest.mark.parametrize("value", [1e400, -1, "NaN"])
def test_defaults_are_numbers_that_can_be_used(value: Any, bundle: Path) -> None:
    reseal(bundle, defaults={"path_noise": value})
    with pytest.raises(BundleError, match="defaults"):
        load_bundle(bundle)


def test_headers_are_compared_before_tensors_are_read(tmp_path: Path) -> None:
    wanted = shapes_of(lambda: nn.Linear(3, 2))
    assert wanted == {"weight": (2, 3), "bias": (2,)}
    path = tmp_path / "x.safetensors"
    save_file({"weight": torch.zeros(2, 3), "bias": torch.zeros(2)}, path)
    check_header(path, wanted)
    for tensors, reason in (
        ({"weight": torch.zeros(2, 3)}, "misses bias"),
        ({"weight": torch.zeros(2, 3), "bias": torch.zeros(2), "x": torch.zeros(1)}, "no place"),
        ({"weight": torch.zeros(3, 2), "bias": torch.zeros(2)}, r"shape \(3, 2\), not \(2, 3\)"),
    ):
        save_file(tensors, path)
        with pytest.raises(ValueError, match=reason):
            check_header(path, wanted)


def test_a_header_that_promises_terabytes_is_refused(bundle: Path) -> None:
    head = json.dumps(
        {"x": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}
    ).encode()
    (bundle / "model.safetensors").write_bytes(struct.pack("<Q", len(head)) + head)
    reseal(bundle)
    with pytest.raises(BundleError, match=r"model\.safetensors cannot be read"):
        load_bundle(bundle)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "tokenizer_config.json"])
def test_links_do_not_lead_out_of_a_bundle(name: str, bundle: Path, tmp_path: Path) -> None:
    outside = tmp_path / name
    (bundle / name).rename(outside)
    (bundle / name).symlink_to(outside)
    with pytest.raises(BundleError, match="leads out of the bundle"):
        load_bundle(bundle)


def test_a_snapshot_of_the_hub_links_to_its_blobs(bundle: Path, tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "repo" / "blobs", tmp_path / "repo" / "snapshots" / "abc"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    for path in bundle.iterdir():
        path.rename(blobs / path.name)
        (snapshot / path.name).symlink_to(f"../../blobs/{path.name}")
    assert load_bundle(snapshot).manifest["domain"] == "toy"


@pytest.mark.parametrize("name", ["manifest.json", "config.json", "tokenizer.json"])
def test_json_bombs_are_refused(name: str, bundle: Path) -> None:
    (bundle / name).write_bytes(b"[" * 200_000 + b"]" * 200_000)
    if name != "manifest.json":
        reseal(bundle)
    with pytest.raises(BundleError, match=name):
        load_bundle(bundle)


def test_large_json_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"a": "' + "x" * 3000 + '"}')
    assert len(small_json(path)["a"]) == 3000
    with pytest.raises(ValueError, match="larger than"):
        small_json(path, most=1000)


@pytest.mark.parametrize(
    ("section", "part"),
    [
        ("normalizer", {"type": "Precompiled", "precompiled_charsmap": "AAAA"}),
        ("normalizer", {"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": "x"}),
        ("normalizer", {"type": "Replace", "pattern": {"String": ""}, "content": "x"}),
        ("normalizer", {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 9999}),
        ("normalizer", {"type": "Prepend", "prepend": "x"}),
        ("pre_tokenizer", {"type": "Split", "pattern": {"Regex": "(a|a)*b"}}),
        ("decoder", {"type": "CTC"}),
        ("model", {"type": "Unigram", "vocab": [["a", 0.0]]}),
        ("model", {"type": "BPE", "vocab": {"a": 2**32 - 1}, "merges": []}),
        ("added_tokens", [{"id": 2**31, "content": "a"}]),
    ],
)
def test_tokenizers_of_other_parts_are_refused(section: str, part: Any, tmp_path: Path) -> None:
    content: dict[str, Any] = {"model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}}
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(content | {section: part}))
    with pytest.raises(ValueError, match="not a readable tokenizer"):
        load_tokenizer(path)


def test_replacements_that_feed_each_other_are_refused(tmp_path: Path) -> None:
    chain = [
        {"type": "Replace", "pattern": {"String": chr(97 + i)}, "content": chr(98 + i) * 2}
        for i in range(20)
    ]
    content = {
        "model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"},
        "normalizer": {"type": "Sequence", "normalizers": chain},
    }
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="feed each other"):
        load_tokenizer(path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("model = 3", "is no table"),
        ("[model]\nd_model = 1000000000", "d_model must be at most"),
        ("[model]\nd_model = 'wide'", "d_model must be a whole number"),
        ("[model]\nd_model = true", "d_model must be a whole number"),
        ("[model]\nsigma_max = nan", "sigma_max must be a finite number"),
        ("[model]\nencoder_blocks = [[1]]", "must be a list of whole numbers"),
        ("[model]\nencoder_blocks = [1000000]", "encoder_blocks must be at most"),
        ("[train]\nbatch_size = 1000000000000", "batch_size must be at most"),
        ("[train]\nlearning_rate = inf", "must be a finite number"),
        ("[train]\nresume = 1", "must be true or false"),
        ("x = " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ("\udcff", "is not TOML"),
    ],
)
def test_absurd_presets_are_refused(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "odd.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=reason):
        merge(["odd"], [tmp_path], {})


def test_sizes_of_flags_are_checked_too() -> None:
    with pytest.raises(ValueError, match="max_length must be at most"):
        merge([], [], {"max_length": 10**10})
    check_sizes({"d_model": 256, "encoder_blocks": (1, 1), "n_latent": 4, "latent_size": 32})
