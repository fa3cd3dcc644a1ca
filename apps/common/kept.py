"""Results kept for all sessions within a number of bytes: a pure function is computed once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import wraps
from typing import Generic, ParamSpec, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
P = ParamSpec("P")
Bytes = TypeVar("Bytes", str, bytes)

MEGABYTE = 1_000_000


class Kept(Generic[K, V]):
    """Values by key; the least lately used go when all of them together outgrow `most`.

    Args:
        most: the sum of sizes that is kept.
        size: of a key and its value; a single one over `most` is not kept at all.
    """

    def __init__(self, most: int, size: Callable[[K, V], int]) -> None:
        self.most, self._size = most, size
        self._lock = threading.Lock()
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self.total = 0

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: K) -> V | None:
        """The value, None if there is none any more."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def put(self, key: K, value: V) -> None:
        """Keeps a value."""
        size = self._size(key, value)
        if size > self.most:
            return
        with self._lock:
            before = self._values.pop(key, None)
            self.total += size - (before[1] if before is not None else 0)
            self._values[key] = (value, size)
            while self.total > self.most:
                self.total -= self._values.popitem(last=False)[1][1]


def kept(most: int) -> Callable[[Callable[P, Bytes]], Callable[P, Bytes]]:
    """As `functools.lru_cache`, for functions that give texts or bytes: at most `most` of them.

    Arguments are hashable; those given by name are told apart from those given by place.
    """

    def decorate(function: Callable[P, Bytes]) -> Callable[P, Bytes]:
        values: Kept[Hashable, Bytes] = Kept(most, lambda key, value: len(value) + len(str(key)))

        @wraps(function)
        def call(*args: P.args, **named: P.kwargs) -> Bytes:
            key = (args, tuple(sorted(named.items())))
            found = values.get(key)
            if found is None:
                found = function(*args, **named)
                values.put(key, found)
            return found

        return call

    return decorate
