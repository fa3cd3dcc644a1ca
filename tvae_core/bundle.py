"""Bundles: a trained model as a folder of safetensors and JSON, never a pickle.

config.json  model.safetensors  tokenizer.json  tokenizer_config.json
prior.safetensors  manifest.json  README.md (the model card)  + files a domain adds
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerFast

from tvae_core.data.byte_pair import MASK_TOKEN, SPECIAL_TOKENS, read_pipeline
from tvae_core.decoding.generate import check_beams
from tvae_core.decoding.verified import check_cycles
from tvae_core.model.config import TVAEConfig
from tvae_core.model.prior import PriorSet
from tvae_core.model.vae import TransformerVAE
from tvae_core.support.errors import BundleError
from tvae_core.support.files import json_text, sha256_file, whole_folder
from tvae_core.support.untrusted import (
    check_header,
    check_inside,
    check_sizes,
    shapes_of,
    small_json,
)

FORMAT_VERSION = 1
FILES = ("config.json", "model.safetensors", "tokenizer.json", "prior.safetensors", "manifest.json")


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle; `hash` is the first 12 hex digits of the sha256 of its weights."""

    path: Path
    model: TransformerVAE
    tokenizer: PreTrainedTokenizerFast
    priors: PriorSet
    manifest: dict[str, Any]
    hash: str


def save_bundle(
    target: str | Path,
    model: TransformerVAE,
    tokenizer: PreTrainedTokenizerFast,
    priors: PriorSet,
    manifest: Mapping[str, Any],
    card: str,
    extra: Mapping[str, Path] | None = None,
) -> Path:
    """Writes a bundle, whole or not at all; weights go to bf16.

    Args:
        target: folder; replaced if there is one.
        model: trained model.
        tokenizer: of the same vocabulary.
        priors: fitted priors.
        manifest: at least `domain`; hashes, format version and prior sizes are added.
        card: text of README.md.
        extra: files that the domain adds, name in the bundle -> file to copy.
    """
    target = Path(target)
    with whole_folder(target) as folder:
        half = {
            k: v.detach().to(torch.bfloat16).contiguous() for k, v in model.state_dict().items()
        }
        save_file(half, folder / "model.safetensors", metadata={"format": "pt"})
        config = model.config.to_dict() | {"dtype": "bfloat16"}
        (folder / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")
        tokenizer.save_pretrained(str(folder))
        state = {k: v.detach().contiguous() for k, v in priors.state_dict().items()}
        keep = {"gaussian.mean", "gaussian.covariance", "flow.mean", "flow.scale"}
        state = {k: v if k in keep else v.to(torch.bfloat16) for k, v in state.items()}
        save_file(state, folder / "prior.safetensors")
        for name, source in (extra or {}).items():
            shutil.copyfile(source, folder / name)
        for file in folder.iterdir():
            file.chmod(0o644)
        names = sorted(p.name for p in folder.iterdir())
        full = dict(manifest) | {
            "format_version": FORMAT_VERSION,
            "prior": {"width": priors.flow.width, "depth": priors.flow.depth},
            "sha256": {name: sha256_file(folder / name) for name in names},
        }
        (folder / "manifest.json").write_text(json_text(full))
        (folder / "README.md").write_text(card)
    return target


def load_bundle(
    path: str | Path, domain: str | None = None, device: str | torch.device | None = None
) -> Bundle:
    """Reads and verifies a bundle.

    Args:
        path: a folder, or a name on the Hugging Face hub (`owner/name`).
        domain: name that the manifest must carry; None accepts any.
        device: where the model goes; CPU by default.

    Raises:
        BundleError: naming the file that is missing, truncated or of another domain.
    """
    folder = _locate(path)
    for name in FILES:
        if not (folder / name).is_file():
            raise BundleError(f"{folder} is not a bundle: it has no {name}")
        _inside(folder, name)
    manifest = _read_json(folder / "manifest.json")
    if manifest.get("format_version") != FORMAT_VERSION:
        raise BundleError(
            f"{folder}/manifest.json has format version {manifest.get('format_version')!r}; "
            f"this version reads {FORMAT_VERSION}"
        )
    if domain is not None and manifest.get("domain") != domain:
        raise BundleError(f"{folder} is a {manifest.get('domain')!r} bundle, not {domain!r}")
    _check_hashes(folder, manifest)
    with _reading(folder / "config.json"):
        content = _read_json(folder / "config.json")
        check_sizes(content)
        config = TVAEConfig.from_dict(content)
        check_sizes(config.to_dict())
        shapes = shapes_of(lambda: TransformerVAE(config))
    with _reading(folder / "model.safetensors"):
        check_header(folder / "model.safetensors", shapes)
        model = TransformerVAE(config)
        weights = load_file(folder / "model.safetensors")
        model.load_state_dict({k: v.float() for k, v in weights.items()})
    with _reading(folder / "manifest.json"):
        check_sizes(manifest["prior"])
        width, depth = int(manifest["prior"]["width"]), int(manifest["prior"]["depth"])
        prior_shapes = shapes_of(lambda: PriorSet(config.code_size, width, depth))
        defaults = {str(k): float(v) for k, v in manifest.get("defaults", {}).items()}
        if not all(math.isfinite(value) and value >= 0 for value in defaults.values()):
            raise ValueError("defaults are not finite numbers of at least 0")
        if not 0 <= defaults.get("sample_fidelity", 0.0) <= 1:
            raise ValueError("sample_fidelity lies outside 0..1")
        if not 0 < defaults.get("sample_top_p", 1.0) <= 1:
            raise ValueError("sample_top_p is not above 0 and at most 1")
        for name in ("beams", "sample_beams"):
            check_beams(int(defaults.get(name, 1)))
        check_cycles(int(defaults.get("cycles", 0)))
    with _reading(folder / "prior.safetensors"):
        check_header(folder / "prior.safetensors", prior_shapes)
        priors = PriorSet(config.code_size, width, depth)
        state = load_file(folder / "prior.safetensors")
        priors.load_state_dict({k: v.float() for k, v in state.items()})
    with _reading(folder / "tokenizer.json"):
        tokenizer = _tokenizer(folder)
    if len(tokenizer) != config.vocab_size:
        raise BundleError(
            f"{folder}: the tokenizer has {len(tokenizer)} entries, the model {config.vocab_size}"
        )
    model.to(torch.device(device or "cpu"))  # type: ignore[arg-type]
    model.eval()  # type: ignore[no-untyped-call]
    return Bundle(
        folder,
        model,
        tokenizer,
        priors.to(model.device).eval(),
        manifest,
        sha256_file(folder / "model.safetensors")[:12],
    )


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Turns whatever reading a file raises into one line that names it."""
    try:
        yield
    except BundleError:
        raise
    except Exception as error:
        raise BundleError(f"{file} cannot be read: {_first_line(error)}") from error


def _check_hashes(folder: Path, manifest: dict[str, Any]) -> None:
    hashes = manifest.get("sha256")
    needed = set(FILES) - {"manifest.json"}
    if not isinstance(hashes, dict) or not needed <= set(hashes):
        raise BundleError(f"{folder}/manifest.json does not give the sha256 of every file")
    for name, wanted in hashes.items():
        file = _inside(folder, name)
        with _reading(folder / "manifest.json"):  # a name may be too long for the file system
            there = file.is_file()
        if not there:
            raise BundleError(f"{folder} is not complete: it has no {name}")
        if sha256_file(file) != wanted:
            raise BundleError(f"{folder}/{name} is damaged: its sha256 is not the manifest's")


def _locate(path: str | Path) -> Path:
    folder = Path(path)
    if folder.is_dir():
        return folder
    name = str(path)
    if folder.exists() or name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise BundleError(f"there is no bundle folder {path}")
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(name, allow_patterns=["*.json", "*.safetensors", "*.md", "*.bin"])
        )
    except Exception as error:
        raise BundleError(
            f"there is no folder {path}, and the hub gave no bundle of that name "
            f"({type(error).__name__})"
        ) from error


def _inside(folder: Path, name: str) -> Path:
    if Path(name).name != name:
        raise BundleError(f"{folder}/manifest.json names a file outside the bundle: {name!r}")
    try:
        check_inside(folder, folder / name)
    except (OSError, ValueError, RuntimeError) as error:
        raise BundleError(_first_line(error)) from error
    return folder / name


def _tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer, with nothing of its settings but the names of special tokens and two flags."""
    settings: dict[str, Any] = {"split_special_tokens": True}
    if (_inside(folder, "tokenizer_config.json")).is_file():
        settings = small_json(folder / "tokenizer_config.json")
    kept: dict[str, Any] = {
        name: value
        for name in (*SPECIAL_TOKENS, *MASK_TOKEN)
        if isinstance(value := settings.get(name), str) and len(value) <= 100
    }
    return PreTrainedTokenizerFast(
        tokenizer_object=read_pipeline(_inside(folder, "tokenizer.json")),
        clean_up_tokenization_spaces=False,
        split_special_tokens=settings.get("split_special_tokens") is True,
        **(SPECIAL_TOKENS | MASK_TOKEN | kept),
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return small_json(path)
    except (ValueError, OSError) as error:
        raise BundleError(f"{path} is not readable JSON: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
