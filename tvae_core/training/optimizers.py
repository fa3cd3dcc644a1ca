"""Muon for the matrices of the layers, AdamW for everything else, as one optimiser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn

from tvae_core.support.machine import multiplies_bf16_fast


class Muon(torch.optim.Muon):
    """Torch's Muon, which orthogonalises in bf16, in any type.

    On a processor without bf16 instructions torch's five iterations take several times as long as
    the forward and backward pass together. Its state is that of torch's, whatever the type.

    Args:
        matrices: weights `(out, in)`.
        kind: type that the iterations multiply in.
        options: as of `torch.optim.Muon`.
    """

    def __init__(self, matrices: list[Tensor], kind: torch.dtype, **options: Any) -> None:
        super().__init__(matrices, **options)
        self.kind = kind

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step; `closure` is evaluated before it."""
        if self.kind == torch.bfloat16:
            return cast("float | None", super().step(closure))  # type: ignore[no-untyped-call]
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, weight.grad, group)
        return loss

    def _move(self, weight: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        state, momentum = self.state[weight], group["momentum"]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(grad)
        mean = state["momentum_buffer"].lerp_(grad, 1 - momentum)
        towards = grad.lerp(mean, momentum) if group["nesterov"] else mean
        towards = orthogonalised(
            towards.to(self.kind), group["ns_coefficients"], group["ns_steps"], group["eps"]
        )
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        rate = group["lr"] * 0.2 * max(weight.shape) ** 0.5  # match_rms_adamw
        weight.add_(towards.to(weight.dtype), alpha=-rate)


def orthogonalised(
    matrix: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float
) -> Tensor:
    """The nearest orthogonal matrix, roughly: singular values go to about 0.5 to 1.5.

    Newton-Schulz iteration of degree five, x <- a x + (b g + c g g) x with g = x x^T (Jordan 2024,
    https://kellerjordan.github.io/posts/muon), in the type of the matrix.

    Args:
        matrix: `(out, in)`.
        coefficients: a, b and c.
        steps: iterations.
        eps: least norm that is divided by.
    """
    a, b, c = coefficients
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


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
        kind: type that Muon multiplies in; by default the faster one here (all processes of a
            training must have the same).
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        lr: float,
        weight_decay: float = 0.01,
        beta2: float = 0.98,
        momentum: float = 0.95,
        kind: torch.dtype | None = None,
    ) -> None:
        matrices, rest = split_parameters(model)
        self.parts: list[torch.optim.Optimizer] = []
        self.kind = kind or faster_type(model)
        if matrices:
            self.parts.append(
                Muon(
                    matrices,
                    self.kind,
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


def faster_type(model: nn.Module) -> torch.dtype:
    """The type that matrices are multiplied in faster where a model is: bf16 or fp32."""
    device = next(model.parameters()).device.type
    return torch.bfloat16 if multiplies_bf16_fast(device) else torch.float32


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
