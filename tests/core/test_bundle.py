"""Bundles: what is saved comes back, and nothing damaged, foreign or hostile is loaded."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tvae_core.bundle import FILES, load_bundle, save_bundle
from tvae_core.model.prior import PriorSet
from tvae_core.model.vae import TransformerVAE
from tvae_core.space import LatentSpace
from tvae_core.support.errors import BundleError
from tvae_core.support.files import sha256_file

ODD: list[Any] = [[1], {"sample_fidelity": "high"}, {"sample_fidelity": None}]
MANIFEST = {"domain": "toy", "seed": 3, "defaults": {"sample_fidelity": 0.25}}


@pytest.fixture(scope="module")
def parts(tiny_model: Callable[..., TransformerVAE]) -> tuple[TransformerVAE, PriorSet]:
    torch.manual_seed(1)
    priors = PriorSet(8, width=16, depth=2)
    priors.gaussian.fit(torch.randn(40, 8))
    priors.flow.fit(torch.randn(40, 8), steps=3, batch_size=8)
    return tiny_model(seed=1), priors.eval()


@pytest.fixture
def bundle(parts: tuple[TransformerVAE, PriorSet], toy_tokenizer: Any, tmp_path: Path) -> Path:
    extra = tmp_path / "extra"
    extra.write_bytes(b"known")
    return save_bundle(
        tmp_path / "bundle",
        parts[0],
        toy_tokenizer,
        parts[1],
        MANIFEST,
        "# Card\n",
        {"known.bin": extra},
    )


def reseal(folder: Path, **changes: Any) -> None:
    """Writes the manifest anew with the hashes of the files as they are now."""
    file = folder / "manifest.json"
    manifest = json.loads(file.read_text())
    manifest["sha256"] = {
        name: sha256_file(folder / name) for name in manifest["sha256"] if (folder / name).is_file()
    }
    file.write_text(json.dumps(manifest | changes))


def refused(folder: Path, domain: str | None = "toy") -> str:
    with pytest.raises(BundleError) as caught:
        load_bundle(folder, domain)
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder) in message, message
    return message


def test_round_trip(
    bundle: Path, parts: tuple[TransformerVAE, PriorSet], toy_tokenizer: Any
) -> None:
    model, priors = parts
    loaded = load_bundle(bundle, "toy")
    assert not loaded.model.training
    assert loaded.model.config.to_dict() | {"dtype": None, "_name_or_path": ""} == (
        model.config.to_dict() | {"dtype": None}
    )
    for name, value in model.state_dict().items():
        found = loaded.model.state_dict()[name]
        assert found.dtype == torch.float32
        assert torch.equal(found, value.bfloat16().float()), name
    codes = [p.gaussian.sample(torch.ones(3, 8), 0.3) for p in (priors, loaded.priors)]
    assert torch.equal(*codes)
    flow = [p.flow.sample(torch.ones(3, 8), 0.3) for p in (priors, loaded.priors)]
    torch.testing.assert_close(*flow, atol=0.05, rtol=0.05)
    assert torch.equal(loaded.priors.flow.scale, priors.flow.scale)
    text = "0123456789"
    assert loaded.tokenizer(text)["input_ids"] == toy_tokenizer(text)["input_ids"]
    assert loaded.tokenizer.decode([5, 6, 7]) == "123"
    assert loaded.manifest["seed"] == 3
    assert loaded.hash == sha256_file(bundle / "model.safetensors")[:12]
    assert (bundle / "README.md").read_text() == "# Card\n"
    assert (bundle / "known.bin").read_bytes() == b"known"


def test_a_bundle_holds_no_pickle_and_hashes_of_every_file(bundle: Path) -> None:
    names = {*FILES, "tokenizer_config.json", "README.md", "known.bin"}
    assert {p.name for p in bundle.iterdir()} == names
    hashes = load_bundle(bundle).manifest["sha256"]
    assert set(hashes) == names - {"manifest.json", "README.md"}
    assert all(sha256_file(bundle / name) == value for name, value in hashes.items())
    assert {w.dtype for w in load_file(bundle / "model.safetensors").values()} == {torch.bfloat16}


def test_everyone_may_read_a_bundle(bundle: Path) -> None:
    assert {p.name: oct(p.stat().st_mode & 0o044) for p in bundle.iterdir()} == {
        p.name: oct(0o044) for p in bundle.iterdir()
    }


def test_saving_again_replaces_and_writes_the_same_bytes(
    bundle: Path, parts: tuple[TransformerVAE, PriorSet], toy_tokenizer: Any
) -> None:
    before = {p.name: p.read_bytes() for p in bundle.iterdir() if p.name != "known.bin"}
    (bundle / "left over").write_text("x")
    save_bundle(bundle, parts[0], toy_tokenizer, parts[1], MANIFEST, "# Card\n")
    after = {p.name: p.read_bytes() for p in bundle.iterdir()}
    assert set(after) == set(before)
    assert all(after[name] == before[name] for name in after if name != "manifest.json")


def test_a_failed_save_leaves_the_old_bundle(
    bundle: Path, parts: tuple[TransformerVAE, PriorSet], toy_tokenizer: Any
) -> None:
    before = {p.name: p.read_bytes() for p in bundle.iterdir()}
    missing = {"known.bin": bundle / "nowhere"}
    with pytest.raises(FileNotFoundError):
        save_bundle(bundle, parts[0], toy_tokenizer, parts[1], MANIFEST, "# Card\n", missing)
    assert {p.name: p.read_bytes() for p in bundle.iterdir()} == before
    assert {p.name for p in bundle.parent.iterdir()} == {"bundle", "extra"}


def test_loading_as_a_space_takes_its_defaults(bundle: Path, toy: Any) -> None:
    space = LatentSpace.load(bundle, toy)
    assert space.defaults["sample_fidelity"] == 0.25
    assert space.bundle.path == bundle
    assert len(space.sample(3).texts) == 3


@pytest.mark.parametrize("name", [*FILES, "tokenizer_config.json", "known.bin"])
def test_a_missing_file_is_named(name: str, bundle: Path) -> None:
    (bundle / name).unlink()
    assert f"has no {name}" in refused(bundle)


@pytest.mark.parametrize("name", ["model.safetensors", "prior.safetensors", "tokenizer.json"])
@pytest.mark.parametrize("damage", ["truncated", "a byte", "empty"])
def test_a_damaged_file_is_named(name: str, damage: str, bundle: Path) -> None:
    file = bundle / name
    data = bytearray(file.read_bytes())
    if damage == "a byte":
        data[-10] ^= 1
    file.write_bytes(data[: {"truncated": len(data) // 2, "a byte": None, "empty": 0}[damage]])
    assert f"{name} is damaged" in refused(bundle)


@pytest.mark.parametrize("name", ["model.safetensors", "prior.safetensors", "tokenizer.json"])
def test_a_truncated_file_with_a_matching_hash_is_named_too(name: str, bundle: Path) -> None:
    data = (bundle / name).read_bytes()
    (bundle / name).write_bytes(data[: len(data) // 2])
    reseal(bundle)
    assert name in refused(bundle)


class Bomb:
    """Leaves a file behind if it is ever unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("name", ["model.safetensors", "prior.safetensors"])
@pytest.mark.parametrize("torch_file", [False, True])
def test_a_pickle_in_disguise_is_refused(
    name: str, torch_file: bool, bundle: Path, tmp_path: Path
) -> None:
    mark = tmp_path / "exploded"
    if torch_file:
        torch.save({"x": Bomb(mark)}, bundle / name)
    else:
        (bundle / name).write_bytes(pickle.dumps(Bomb(mark)))
    reseal(bundle)
    assert name in refused(bundle)
    assert not mark.exists()


def test_a_pickle_beside_the_weights_is_not_looked_at(bundle: Path, tmp_path: Path) -> None:
    mark = tmp_path / "exploded"
    (bundle / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(mark)))
    load_bundle(bundle, "toy")
    assert not mark.exists()


def test_another_domains_bundle(bundle: Path) -> None:
    assert refused(bundle, "smiles") == f"{bundle} is a 'toy' bundle, not 'smiles'"
    assert load_bundle(bundle).manifest["domain"] == "toy"


@pytest.mark.parametrize("version", [None, 0, 2, "1"])
def test_another_format_version(version: Any, bundle: Path) -> None:
    reseal(bundle, format_version=version)
    assert f"format version {version!r}; this version reads 1" in refused(bundle)


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "sub/x", ".."])
def test_the_manifest_names_no_file_outside(name: str, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("x")
    manifest = json.loads((bundle / "manifest.json").read_text())
    reseal(bundle, sha256=manifest["sha256"] | {name: sha256_file(tmp_path / "outside")})
    assert name in refused(bundle)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '"x"', "\x00\xff"])
@pytest.mark.parametrize("name", ["manifest.json", "config.json"])
def test_json_that_is_no_object_is_named(name: str, content: str, bundle: Path) -> None:
    (bundle / name).write_bytes(content.encode("latin-1"))
    if name == "config.json":
        reseal(bundle)
    assert name in refused(bundle)


@pytest.mark.parametrize(
    "changes",
    [
        {"sha256": ["model.safetensors"]},
        {"sha256": None},
        {"sha256": {}},
        {"prior": None},
        {"prior": {"width": "wide", "depth": 2}},
        {"prior": {"width": 32, "depth": 2}},
    ],
)
def test_an_impossible_manifest_is_refused(changes: dict[str, Any], bundle: Path) -> None:
    reseal(bundle, **changes)
    refused(bundle)


@pytest.mark.parametrize("defaults", [*ODD, {"beams": 0}, {"cycles": 9}, {"sample_beams": 65}])
def test_impossible_defaults_are_refused(defaults: Any, bundle: Path, toy: Any) -> None:
    reseal(bundle, defaults=defaults)
    with pytest.raises(BundleError, match=r"manifest\.json"):
        LatentSpace.load(bundle, toy)


@pytest.mark.parametrize(
    "changes",
    [{"d_model": 64}, {"n_latnet": 3}, {"d_model": "wide"}, {"n_heads": 5}, {"vocab_size": 20}],
)
def test_a_config_of_another_model_is_refused(changes: dict[str, Any], bundle: Path) -> None:
    config = json.loads((bundle / "config.json").read_text())
    (bundle / "config.json").write_text(json.dumps(config | changes))
    reseal(bundle)
    refused(bundle)


def test_a_tokenizer_of_another_vocabulary_is_refused(bundle: Path) -> None:
    file = bundle / "tokenizer.json"
    content = json.loads(file.read_text())
    content["model"]["vocab"] |= {"x": 14}
    file.write_text(json.dumps(content))
    reseal(bundle)
    assert "the tokenizer has 15 entries, the model 14" in refused(bundle)


@pytest.mark.parametrize("content", ["{}", '{"model": 1}', "x"])
def test_a_tokenizer_that_is_none_is_named(content: str, bundle: Path) -> None:
    (bundle / "tokenizer.json").write_text(content)
    reseal(bundle)
    assert "tokenizer.json" in refused(bundle)


@pytest.mark.parametrize("change", ["missing", "more", "shape"])
def test_weights_that_do_not_fit_are_named(change: str, bundle: Path) -> None:
    file = bundle / "model.safetensors"
    weights = load_file(file)
    if change == "missing":
        del weights["readout.query"]
    elif change == "more":
        weights["other"] = torch.zeros(2)
    else:
        weights["readout.query"] = torch.zeros(3, 32)
    save_file(weights, file)
    reseal(bundle)
    assert "model.safetensors" in refused(bundle)


def test_no_such_folder_and_no_network(tmp_path: Path, bundle: Path) -> None:
    for path in (tmp_path / "nowhere", bundle / "config.json", Path("nowhere")):
        with pytest.raises(BundleError, match=r"no bundle folder.*(nowhere|config)"):
            load_bundle(path, "toy")
    with pytest.raises(BundleError, match="there is no folder owner/name, and the hub gave no"):
        load_bundle("owner/name", "toy")


def test_transformers_reads_a_bundle_too(bundle: Path) -> None:
    model = TransformerVAE.from_pretrained(bundle, dtype=torch.float32).eval()
    ids = torch.tensor([[5, 6, 7]])
    assert torch.equal(model.encode(ids), load_bundle(bundle).model.encode(ids))
