"""Training with weights, gradients and optimiser state spread over processes (FSDP2).

Each process keeps its part of every parameter and has a layer whole only while it is at work
(Zhao et al. 2023, arXiv 2304.11277; `torch.distributed.fsdp.fully_shard`). A checkpoint is written
by all processes at once, each its part, as safetensors with a JSON index, through
`torch.distributed.checkpoint`; any number of processes, one included, reads it. No pickle is in it.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.checkpoint import state_dict_loader, state_dict_saver
from torch.distributed.checkpoint.hf_storage import (
    HuggingFaceStorageReader,
    HuggingFaceStorageWriter,
)
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor

from tvae_core.model.decoder import DecoderLayer
from tvae_core.model.encoder import FunnelLayer
from tvae_core.model.vae import TransformerVAE
from tvae_core.support import collectives
from tvae_core.support.files import json_text, write_whole

FOLDER = "sharded"
INDEX = "index.json"
_GROUP_FIELDS = ("lr", "initial_lr", "betas", "eps", "weight_decay")


class ShardedCheckpointError(ValueError):
    """A sharded checkpoint that is incomplete or another model's."""


def shard(model: TransformerVAE, device: torch.device) -> None:
    """Spreads a model's parameters over all processes, in place; a layer is gathered at a time.

    What is not in a layer (embedding, readout, memory, norms) stays gathered through a step.
    """
    mesh = init_device_mesh(device.type, (collectives.world(),))
    for module in list(model.modules()):
        if isinstance(module, FunnelLayer | DecoderLayer):
            fully_shard(module, mesh=mesh)
    fully_shard(model, mesh=mesh, reshard_after_forward=False)


def is_sharded(model: nn.Module) -> bool:
    """Whether `shard` has been at this model."""
    return isinstance(model, FSDPModule)


def whole(model: TransformerVAE) -> TransformerVAE:
    """The model itself, or a copy in one piece of a sharded one.

    All processes must call it together. The copy is in the same mode, on the same device.
    """
    if not is_sharded(model):
        return model
    state = {name: _full(value) for name, value in model.state_dict().items()}
    with torch.random.fork_rng():
        copy = TransformerVAE(model.config)
    copy.load_state_dict(state)
    copy.to(device=model.device)  # type: ignore[call-arg]
    copy.train(model.training)
    return copy


def _full(value: Tensor) -> Tensor:
    return value.full_tensor() if isinstance(value, DTensor) else value


def save(model: nn.Module, optimizer: torch.optim.Optimizer, folder: Path) -> None:
    """Writes weights and optimiser state to `folder`, each process its part.

    The index is written last, by the first process: with it the checkpoint is complete.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors, scalars = _state(model, optimizer)
    writer = HuggingFaceStorageWriter(str(folder), save_distributed=True)
    state_dict_saver.save(tensors, storage_writer=writer)
    if collectives.rank() == 0:
        files = {p.name: p.stat().st_size for p in sorted(folder.glob("*.safetensors"))}
        shapes = {name: list(value.shape) for name, value in tensors.items()}
        index = {
            "processes": collectives.world(),
            "files": files,
            "shapes": shapes,
            "scalars": scalars,
            "groups": _groups(optimizer),
        }
        write_whole(folder / INDEX, json_text(index))


def read_index(folder: Path) -> dict[str, Any]:
    """The index of a sharded checkpoint, its files checked for their sizes.

    Raises:
        ShardedCheckpointError: it is incomplete.
    """
    try:
        index = json.loads((folder / INDEX).read_text())
        sizes = {path.name: path.stat().st_size for path in folder.glob("*.safetensors")}
        complete = sizes and sizes == index["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ShardedCheckpointError(f"{folder} is no complete sharded checkpoint") from error
    if not complete:
        raise ShardedCheckpointError(f"{folder} has files too many or too few, or cut off")
    found: dict[str, Any] = index
    return found


def load(model: nn.Module, folder: Path, optimizer: torch.optim.Optimizer | None = None) -> None:
    """Reads weights, or else optimiser state, from `folder` into what may be sharded or whole.

    Args:
        model: whose weights are replaced, or whose names the optimiser's parameters have.
        folder: written by `save`, from any number of processes.
        optimizer: reads its state, and leaves the weights.

    Raises:
        ShardedCheckpointError: it is incomplete, or its tensors are not this model's.
    """
    index = read_index(folder)
    if optimizer is None:
        wanted = {f"model.{name}": value for name, value in model.state_dict().items()}
    else:
        wanted = _optimizer_room(model, optimizer, index)
    for name, value in wanted.items():
        if index["shapes"].get(name) != list(value.shape):
            raise ShardedCheckpointError(f"{folder} has no {name} of shape {list(value.shape)}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that one process is alone
        state_dict_loader.load(wanted, storage_reader=HuggingFaceStorageReader(str(folder)))


def _state(
    model: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """Tensors of weights and optimiser by name, and the optimiser's numbers (step counts)."""
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    scalars: dict[str, float] = {}
    for name, parameter in _named(model, optimizer):
        for key, value in optimizer.state[parameter].items():
            if isinstance(value, Tensor) and value.dim():
                tensors[f"optimizer.{name}.{key}"] = value
            else:
                scalars[f"{name}.{key}"] = float(value)
    return {name: value for name, value in tensors.items() if value.numel()}, scalars


def _optimizer_room(
    model: nn.Module, optimizer: torch.optim.Optimizer, index: dict[str, Any]
) -> dict[str, Tensor]:
    """Zeros in the optimiser's state, laid out as its parameters are, to be read into."""
    room: dict[str, Tensor] = {}
    if len(index["groups"]) != len(optimizer.param_groups):
        raise ShardedCheckpointError("the checkpoint is one of another optimiser")
    for group, kept in zip(optimizer.param_groups, index["groups"], strict=True):
        group |= {k: tuple(v) if isinstance(v, list) else v for k, v in kept.items()}
    for name, parameter in _named(model, optimizer):
        state = optimizer.state[parameter]
        prefix = f"optimizer.{name}."
        for key in (k.removeprefix(prefix) for k in index["shapes"] if k.startswith(prefix)):
            state[key] = room[prefix + key] = torch.zeros_like(parameter)
        for key, value in index["scalars"].items():
            if key.rpartition(".")[0] == name:
                state[key.rpartition(".")[2]] = torch.tensor(value, dtype=torch.float32)
    return room


def _named(
    model: nn.Module, optimizer: torch.optim.Optimizer
) -> Iterator[tuple[str, nn.Parameter]]:
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            yield names[id(parameter)], parameter


def _groups(optimizer: torch.optim.Optimizer) -> list[dict[str, Any]]:
    return [
        {
            key: float(v) if isinstance(v, Tensor) else v
            for key, v in group.items()
            if key in _GROUP_FIELDS
        }
        for group in optimizer.param_groups
    ]
