"""ChemNet's activations of molecules, and the Frechet distance between two Gaussians of them.

Preuer et al., J. Chem. Inf. Model. 58, 1736 (2018). The network and its input follow the PyTorch
port that MOSES uses (https://github.com/insilicomedicine/FCD_torch), quirks included; the weights
(5.6 MB) come with the package `fcd` (`pip install fcd`), which is not imported: the file is read
as tensors only.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tvae_core.support.errors import FAILED, CommandError

FloatArray = npt.NDArray[np.float64]
Progress = Callable[[int, int], None]

INSTALL = "pip install 'tvae-toolkit[moses]' (or: pip install fcd)"
WEIGHTS_SHA256 = "25b8bcf6c4a5c5191745044ad9078ef0cf0e7aecb4aedacb0341c78abf9c049c"
"""Of the bytes of all tensors in their order; distances of other weights are not comparable."""

LENGTH = 350
_SYMBOLS = (*"CNOHF", "Cl", "P", "B", "Br", "S", "I", "Si", *"#()+-12345678=[]@cnosX.")
_INDEX = {symbol: index for index, symbol in enumerate(_SYMBOLS)}
_UNKNOWN, _END, _NONE = _INDEX["X"], _INDEX["."], len(_SYMBOLS)


def symbol_ids(smiles: str) -> list[int]:
    """A SMILES as ChemNet reads it, the end mark included, at most 350 symbols.

    A character followed by `l`, `r` or `i` is one symbol with it; only the first component of a
    mixture is read.
    """
    ids: list[int] = []
    place = 0
    while place < len(smiles) and len(ids) < LENGTH - 1 and not (ids and smiles[place] == "."):
        wide = 2 if smiles[place + 1 : place + 2] in ("l", "r", "i") else 1
        ids.append(_INDEX.get(smiles[place : place + wide], _UNKNOWN))
        place += wide
    return [*ids, _END]


class ChemNet(nn.Module):
    """Two strided convolutions, then two LSTMs, the first reading from the end: `(n, 512)`."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(len(_SYMBOLS), 32, 4, stride=2, bias=False)
        self.second = nn.Conv1d(32, 32, 4, stride=2, bias=False)
        self.backward_lstm = nn.LSTM(32, 128, batch_first=True)
        self.forward_lstm = nn.LSTM(128, 512, batch_first=True)

    def forward(self, ids: Tensor) -> Tensor:
        """Activations `(n, 512)` of symbols `(n, 350)`, padded with the number of symbols."""
        marks = F.one_hot(ids, len(_SYMBOLS) + 1)[..., :-1].float() / len(_SYMBOLS)
        # The zero padding makes ceil(length / 2) outputs, its odd part at the end.
        hidden = F.selu(self.first(F.pad(marks.transpose(1, 2), (1, 1))))
        hidden = F.selu(self.second(F.pad(hidden, (1, 2))))
        backwards, _ = self.backward_lstm(hidden.transpose(1, 2).flip(1))
        forwards, _ = self.forward_lstm(backwards.flip(1))
        last: Tensor = forwards[:, -1]
        return last


def weights_file() -> Path:
    """The file of weights that the package `fcd` brings.

    Raises:
        CommandError: the package is not installed.
    """
    spec = importlib.util.find_spec("fcd")
    folder = Path(spec.origin).parent if spec and spec.origin else None
    path = folder / "ChemNet_v0.13_pretrained.pt" if folder else None
    if path is None or not path.is_file():
        raise CommandError(f"FCD needs the weights of ChemNet: {INSTALL}", FAILED)
    return path


def load_chemnet(path: Path | None = None, device: str | torch.device = "cpu") -> ChemNet:
    """The published ChemNet, in eval mode.

    Raises:
        CommandError: the weights are missing, unreadable or others.
    """
    path = path or weights_file()
    model = ChemNet()
    parts = [model.first, model.second, model.backward_lstm, model.forward_lstm]
    digest = hashlib.sha256()
    try:
        layers: list[Any] = torch.load(path, map_location="cpu", weights_only=True)
        for part, (_, (state, *_rest)) in zip(parts, layers, strict=True):
            part.load_state_dict(state)
            for tensor in state.values():
                digest.update(tensor.numpy().tobytes())
    except Exception as error:  # zip, pickle and shape errors alike
        reason = " ".join(str(error).split())[:200]
        raise CommandError(
            f"{path} cannot be read as ChemNet's weights: {reason}", FAILED
        ) from None
    if digest.hexdigest() != WEIGHTS_SHA256:
        raise CommandError(f"{path} holds other weights than the published ChemNet's", FAILED)
    return model.eval().to(device)


@torch.inference_mode()
def activations(
    smiles: Sequence[str],
    model: ChemNet,
    batch_size: int = 256,
    progress: Progress | None = None,
) -> npt.NDArray[np.float32]:
    """ChemNet's activations of canonical SMILES, `(n, 512)`."""
    device = next(model.parameters()).device
    rows = []
    for start in range(0, len(smiles), batch_size):
        batch = [symbol_ids(text) for text in smiles[start : start + batch_size]]
        ids = torch.full((len(batch), LENGTH), _NONE)
        for row, found in enumerate(batch):
            ids[row, : len(found)] = torch.tensor(found)
        rows.append(model(ids.to(device)).cpu().numpy())
        if progress is not None:
            progress(start + len(batch), len(smiles))
    return np.concatenate(rows) if rows else np.zeros((0, 512), np.float32)


def moments(rows: npt.NDArray[np.floating[Any]]) -> tuple[FloatArray, FloatArray]:
    """Mean `(d,)` and covariance `(d, d)` of rows `(n, d)`, n at least 2."""
    exact = np.asarray(rows, np.float64)
    return exact.mean(0), np.atleast_2d(np.cov(exact, rowvar=False))


def frechet_distance(
    mean_a: FloatArray, covariance_a: FloatArray, mean_b: FloatArray, covariance_b: FloatArray
) -> float:
    """The squared Frechet distance between two Gaussians (Dowson and Landau 1982).

    `|m_a - m_b|^2 + tr(A) + tr(B) - 2 tr((A^(1/2) B A^(1/2))^(1/2))`, by two symmetric
    eigendecompositions, which unlike the square root of `A B` also serve singular covariances.
    """
    values, vectors = np.linalg.eigh(covariance_a)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    inner = np.linalg.eigvalsh(root @ covariance_b @ root)
    difference = mean_a - mean_b
    return float(
        difference @ difference
        + np.trace(covariance_a)
        + np.trace(covariance_b)
        - 2 * np.sqrt(inner.clip(min=0)).sum()
    )
