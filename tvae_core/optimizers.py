"""Muon for the matrices of the layers, AdamW for everything else, as one optimiser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class MuonWithAdamW(torch.optim.Optimizer):
    """Orthogonalised momentum for `nn.Linear` weights, AdamW for embeddings, gains and biases.

    Muon (Jordan 2024, https://kellerjordan.github.io/posts/muon) replaces the momentum of a
    matrix by its nearest orthogonal one, so that every direction of the weight learns at one
    pace. Its update is scaled to the root mean square of AdamW's (Liu et al. 2025, arXiv
    2502.16982), so both halves take the same learning rate, schedule and weight decay.

    Args:
        model: whose parameters are trained.
        lr: learning rate of both halves.
        weight_decay: of both halves; gains, biases and embeddings have none.
        beta2: of AdamW.
        momentum: of Muon.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        lr: float,
        weight_decay: float = 0.01,
        beta2: float = 0.98,
        momentum: float = 0.95,
    ) -> None:
        matrices, rest = split_parameters(model)
        self.parts: list[torch.optim.Optimizer] = []
        if matrices:
            self.parts.append(
                torch.optim.Muon(
                    matrices,
                    lr=lr,
                    weight_decay=weight_decay,
                    momentum=momentum,
                    adjust_lr_fn="match_rms_adamw",
                )
            )
        if rest:
            self.parts.append(
                torch.optim.AdamW(rest, lr=lr, betas=(0.9, beta2), weight_decay=0.0, fused=True)
            )
        super().__init__([*matrices, *rest], {"lr": lr})
        self._share()

    def _share(self) -> None:
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of both halves; `closure` is evaluated once, before them."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.parts:
            part.step()
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets the gradients of both halves."""
        for part in self.parts:
            part.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """The states of both halves, in order."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes up a saved state; raises `ValueError` if it is another optimiser's."""
        if len(state_dict.get("parts", ())) != len(self.parts):
            raise ValueError("the saved optimiser state is not one of Muon with AdamW")
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self._share()


def split_parameters(model: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """The trained parameters: weights `(out, in)` of linear layers, and all others."""
    linear = {id(m.weight) for m in model.modules() if isinstance(m, nn.Linear)}
    tied = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    matrices: list[Tensor] = []
    rest: list[Tensor] = []
    for parameter in model.parameters():
        if parameter.requires_grad:
            hidden = id(parameter) in linear and id(parameter) not in tied
            (matrices if hidden else rest).append(parameter)
    return matrices, rest
