"""A score of the user's own: `module:function`, a Python function of a list of texts.

    # my_scores.py, in the folder the command runs in
    def greasy(smiles: list[str]) -> list[float]:
        return [text.count("C") for text in smiles]

    python -m domains.smiles.optimise --target my_scores:greasy

It is imported and called as it is: run only code that you trust.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np

from tvae_core.domain import FloatArray
from tvae_core.support.words import unknown_name


class UserFunction:
    """A function named `module:function`, its answers checked.

    Raises:
        ValueError: no such module or function, or the module fails to import.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        module_name, _, function_name = name.partition(":")
        if os.getcwd() not in sys.path and "" not in sys.path:
            sys.path.insert(0, os.getcwd())
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            raise ValueError(f"{name}: {error}; it is looked for in this folder, too") from None
        except Exception as error:
            raise ValueError(f"{name}: {module_name} fails to import: {_told(error)}") from None
        if not hasattr(module, function_name):
            names = [n for n in dir(module) if n[0] != "_" and callable(getattr(module, n))]
            raise ValueError(f"{module_name}: {unknown_name('function', function_name, names)}")
        function = getattr(module, function_name)
        if not callable(function):
            raise ValueError(f"{name} is a {type(function).__name__}, not a function")
        self._function: Callable[[list[str]], Any] = function

    def __call__(self, texts: list[str]) -> FloatArray:
        """The function's numbers for texts, `(n,)`; None counts as NaN.

        Raises:
            ValueError: it failed, or did not answer with one number for each.
        """
        try:
            answer = self._function(list(texts))
        except Exception as error:
            raise ValueError(f"{self.name} failed: {_told(error)}") from None
        try:
            numbers = np.array([np.nan if x is None else x for x in answer], dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{self.name} must return a list of numbers: {error}") from None
        if numbers.shape != (len(texts),):
            shown = "x".join(map(str, numbers.shape))
            raise ValueError(f"{self.name} returned {shown} numbers for {len(texts)} texts")
        return numbers


def _told(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    place = f" (line {frames[-1].lineno} of {frames[-1].filename})" if len(frames) > 1 else ""
    return f"{type(error).__name__}: {error}{place}"
