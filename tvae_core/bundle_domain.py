"""What domains with a shipped bundle share: which folder their tokenizer is read from."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from transformers import PreTrainedTokenizerFast

from tvae_core.data.byte_pair import load_tokenizer
from tvae_core.domain import DomainError


class BundleDomain:
    """Base of a domain whose tokenizer lies in a bundle or a prepared set.

    Attributes:
        bundle: the folder.
        shipped: the bundle that ships with the domain.
        items: what its items are called, in errors.
    """

    shipped: ClassVar[Path]
    items: ClassVar[str]

    def __init__(self, bundle: str | Path | None = None) -> None:
        """Nothing is read yet.

        Args:
            bundle: the folder whose `tokenizer.json` is used; the shipped bundle by default.
        """
        self.bundle = self.shipped if bundle is None else Path(bundle)

    def tokenizer(self) -> PreTrainedTokenizerFast:
        """The tokenizer of the bundle.

        Raises:
            DomainError: there is none in the folder, or it cannot be read.
        """
        path = self.bundle / "tokenizer.json"
        if not path.is_file():
            raise DomainError(f"no tokenizer for {self.items}: {path} does not exist")
        try:
            return load_tokenizer(path)
        except ValueError as error:
            raise DomainError(str(error).splitlines()[0]) from None
