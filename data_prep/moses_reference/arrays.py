"""Reads the object array inside MOSES' `*_stats.npz` without unpickling freely.

An object array in an `.npy` file is a pickle, and a pickle may call anything. Here five names are
admitted, each bound to code of this module that only rebuilds plain numeric arrays and counters;
every other name is refused before it is looked up. Nothing of numpy's own unpickling runs.
"""

from __future__ import annotations

import math
import pickle
import re
from collections.abc import Callable
from typing import IO, Any

import numpy as np


class UnsafePickleError(ValueError):
    """A pickle that asks for more than arrays and plain containers, or is malformed."""


_NUMBER = re.compile(r"[fiu][1248]")


class _NdArray:
    """Stands for the name `numpy.ndarray`; never made."""


class _DType:
    """The state of a dtype: a plain number, or `O8` for a list of what the pickle holds."""

    def __init__(self, code: object, *_: object) -> None:
        if not isinstance(code, str) or not (code == "O8" or _NUMBER.fullmatch(code)):
            raise UnsafePickleError(f"dtype {code!r} is not a plain number")
        self.code, self.order = code, "="

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) < 5 or state[2:5] != (None, None, None):
            raise UnsafePickleError("a structured dtype")
        if state[1] not in ("<", ">", "|", "="):
            raise UnsafePickleError(f"byte order {state[1]!r}")
        self.order = state[1]


class _Array:
    """The state of an array, checked when the pickle sets it."""

    def __init__(self) -> None:
        self.value: Any = None

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise UnsafePickleError("the state of an array has another shape")
        _, shape, dtype, fortran, raw = state
        if not isinstance(dtype, _DType) or not isinstance(shape, tuple):
            raise UnsafePickleError("an array without a dtype or a shape")
        if not all(type(size) is int and size >= 0 for size in shape):
            raise UnsafePickleError(f"an array of shape {shape!r}")
        count = math.prod(shape)
        if dtype.code == "O8":
            if not isinstance(raw, list) or len(raw) != count:
                raise UnsafePickleError("an object array that holds no list of its length")
            self.value = raw[0] if shape == () else raw
            return
        kind = np.dtype(dtype.order + dtype.code)
        if not isinstance(raw, bytes) or len(raw) != count * kind.itemsize:
            raise UnsafePickleError("an array whose bytes do not fill its shape")
        self.value = np.frombuffer(raw, kind).reshape(shape, order="F" if fortran else "C")


def _reconstruct(kind: object, *_: object) -> _Array:
    if kind is not _NdArray:
        raise UnsafePickleError("an array of a class of its own")
    return _Array()


def _encode(text: object, encoding: object) -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise UnsafePickleError(f"bytes in the encoding {encoding!r}")
    return text.encode("latin1")


def _counter(items: object) -> dict[Any, Any]:
    if type(items) is not dict:
        raise UnsafePickleError("a counter of something other than a dictionary")
    return items


_ADMITTED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): _NdArray,
    ("numpy", "dtype"): _DType,
    ("_codecs", "encode"): _encode,
    ("collections", "Counter"): _counter,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for an admitted name; any other is refused."""
        found = _ADMITTED.get((module, name))
        if found is None:
            raise UnsafePickleError(f"the name {module}.{name} is not admitted")
        return found

    def persistent_load(self, pid: object) -> Any:
        """Nothing lies outside the file."""
        raise UnsafePickleError("a reference to something outside the file")


def _plain(value: Any) -> Any:
    """Arrays in place of their stand-ins, in containers of any depth that the format uses."""
    if isinstance(value, _Array):
        return _plain(value.value)
    if type(value) is dict:
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, _DType | type):
        raise UnsafePickleError("a class or a dtype where a value belongs")
    return value


def read_object_npy(file: IO[bytes]) -> Any:
    """What an `.npy` file with one object in it holds: dicts, lists, strings, numbers, arrays.

    Raises:
        UnsafePickleError: it is no such file, or asks for anything else.
    """
    try:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise UnsafePickleError(f"format version {version}")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        if shape != () or dtype != np.dtype(object):
            raise UnsafePickleError(f"an array of {dtype} with shape {shape}, not one object")
        return _plain(_Reader(file).load())
    except UnsafePickleError:
        raise
    except Exception as error:  # the unpickler raises whatever a broken stream leads it to
        raise UnsafePickleError(f"not a readable pickle ({type(error).__name__})") from None
