"""The latent space as a transformer of scikit-learn, so that a model of one's own stands on it.

from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from domains.smiles import SmilesDomain

codes = LatentTransformer(SmilesDomain(), "domains/smiles/bundle")
model = make_pipeline(codes, Ridge()).fit(["CCO", "CCN", "CCC"], [0.1, 0.2, 0.3])
codes.inverse_transform(codes.transform(["CCO"]))     # ["CCO"]
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import BaseEstimator, TransformerMixin

from tvae_core.domain import Domain, DomainError
from tvae_core.space.space import LatentSpace

Part = Literal["whole", "coarse"]
PARTS = ("whole", "coarse")
WHEN_INVALID = ("raise", "nan")


class LatentTransformer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Items to codes, and codes back to texts.

    Nothing is fitted: the bundle is trained. What scikit-learn clones and saves is where the bundle
    lies, not its weights, which are read when they are first needed.

    Args:
        domain: of the bundle.
        bundle: its folder, or its name on a hub.
        part: the `whole` code, or its `coarse` tokens, which say what an item is like (of a bundle
            without coarse tokens both are the whole code).
        invalid: what an item that the domain or the bundle refuses becomes: `raise` an error that
            names it, or a row of `nan`.
        fidelity: setting of the dial that `inverse_transform` decodes at, 0 to 1, or `auto`.
        device: `cpu` or `cuda`.
    """

    def __init__(
        self,
        domain: Domain,
        bundle: str | Path,
        *,
        part: Part = "whole",
        invalid: str = "raise",
        fidelity: float | str = 1.0,
        device: str = "cpu",
    ) -> None:
        self.domain, self.bundle, self.part = domain, bundle, part
        self.invalid, self.fidelity, self.device = invalid, fidelity, device

    def fit(self, items: Sequence[Any], values: object = None) -> Self:
        """Opens the bundle; `items` and `values` are not looked at.

        Raises:
            BundleError: it cannot be used.
            ValueError: `part` or `invalid` is none of those there are.
        """
        if self.part not in PARTS:
            raise ValueError(f"part must be one of {', '.join(PARTS)}, not {self.part!r}")
        if self.invalid not in WHEN_INVALID:
            raise ValueError(
                f"invalid must be one of {', '.join(WHEN_INVALID)}, not {self.invalid!r}"
            )
        self.space_ = LatentSpace.load(self.bundle, self.domain, self.device)
        return self

    def transform(self, items: Sequence[Any]) -> npt.NDArray[np.float32]:
        """Codes of items, `(n, k)`.

        Args:
            items: texts, or the domain's own items (molecules, tunes, ...).

        Raises:
            DomainError: an item is refused (`invalid="raise"`), with its place and the reason.
        """
        space = self._space()
        texts = [self._text(place, item) for place, item in enumerate(items)]
        good = [place for place, text in enumerate(texts) if text is not None]
        config = space.model.config
        tokens = config.n_coarse if self.part == "coarse" and config.n_coarse else config.n_latent
        found = np.full((len(texts), tokens * config.latent_size), np.nan, np.float32)
        if good:
            codes = space.encode([text for text in texts if text is not None])
            found[good] = codes[:, :tokens].flatten(1).numpy()
        return found

    def inverse_transform(self, codes: npt.NDArray[Any]) -> list[str]:
        """Texts of codes; those of `part="coarse"` are filled up with fine tokens of zero.

        Raises:
            ValueError: codes of another size than the bundle's, or not finite.
        """
        space = self._space()
        config = space.model.config
        rows = torch.as_tensor(np.asarray(codes, np.float32))
        sizes = {config.code_size, config.coarse_size or config.code_size}
        if rows.ndim != 2 or rows.shape[1] not in sizes:
            raise ValueError(
                f"codes must have {' or '.join(map(str, sorted(sizes)))} numbers each, not the "
                f"shape {tuple(rows.shape)}"
            )
        if not bool(rows.isfinite().all()):
            raise ValueError("codes must be finite")
        whole = torch.zeros(len(rows), config.code_size)
        whole[:, : rows.shape[1]] = rows
        latents = whole.view(-1, config.n_latent, config.latent_size)
        return space.decode(latents, self.fidelity)

    def get_feature_names_out(self, input_features: object = None) -> npt.NDArray[np.str_]:
        """Names of the numbers of a code: `token1_1`, `token1_2`, ..."""
        config = self._space().model.config
        tokens = config.n_coarse if self.part == "coarse" and config.n_coarse else config.n_latent
        names = [f"token{t + 1}_{n + 1}" for t in range(tokens) for n in range(config.latent_size)]
        return np.array(names)

    def _space(self) -> LatentSpace:
        if not hasattr(self, "space_"):
            self.fit([])
        return self.space_

    def _text(self, place: int, item: Any) -> str | None:
        """The canonical text of an item; None for one that is refused where that is allowed."""
        try:
            text = item if isinstance(item, str) else self.domain.to_text(item)
            (verdict,) = self.domain.check([text])
            if not verdict.ok:
                raise DomainError(verdict.reason or "it is not valid", verdict.position)
            text = text if verdict.canonical is None else verdict.canonical
            self._check_length(text)
        except DomainError as error:
            if self.invalid == "nan":
                return None
            raise DomainError(f"item {place + 1}: {error.reason}", error.position) from None
        return text

    def _check_length(self, text: str) -> None:
        space = self._space()
        count = len(space.tokenizer(text, add_special_tokens=False)["input_ids"])
        limit = space.model.config.max_length
        if not 0 < count <= limit:
            raise DomainError(f"it has {count} tokens; this bundle takes 1 to {limit}")

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "space_"}

    def __sklearn_is_fitted__(self) -> bool:
        return True
