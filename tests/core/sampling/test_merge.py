"""Which molecules have been seen: each key fresh once, in eight bytes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tvae_core.sampling.merge import SeenKeys


@given(st.lists(st.lists(st.integers(0, 40) | st.integers(2**64 - 5, 2**64 - 1)), max_size=12))
def test_a_key_is_fresh_once(batches: list[list[int]]) -> None:
    seen, before = SeenKeys(), set[int]()
    for batch in batches:
        fresh = seen.add(np.array(batch, dtype=np.uint64))
        for key, is_fresh in zip(batch, fresh.tolist(), strict=True):
            assert is_fresh == (key not in before)
            before.add(key)
    assert len(seen) == len(before)


def test_keys_take_eight_bytes_each_in_few_runs() -> None:
    seen, rng = SeenKeys(), np.random.default_rng(0)
    keys = rng.integers(0, 2**64, 200_000, dtype=np.uint64)
    for start in range(0, len(keys), 1000):
        assert seen.add(keys[start : start + 1000]).all()
    assert seen.nbytes == 8 * len(seen) == 8 * len(np.unique(keys))
    assert len(seen._runs) <= 9
    assert not seen.add(rng.permutation(keys)).any()
