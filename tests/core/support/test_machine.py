"""Which type a machine multiplies fast."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from tvae_core.support import machine


@pytest.mark.parametrize(("fp32", "bf16", "fast"), [(1.0, 0.4, True), (1.0, 0.9, False)])
def test_bf16_has_to_be_clearly_faster(
    monkeypatch: pytest.MonkeyPatch, fp32: float, bf16: float, fast: bool
) -> None:
    times = {torch.float32: fp32, torch.bfloat16: bf16}
    monkeypatch.setattr(machine, "seconds_of_product", lambda kind: times[kind])
    machine._probe.cache_clear()
    assert machine.multiplies_bf16_fast() is fast
    machine._probe.cache_clear()


def test_the_probe_leaves_random_numbers_alone() -> None:
    before = torch.get_rng_state()
    assert machine.seconds_of_product(torch.float32, size=16, tries=2) > 0
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.skipif(sys.platform != "linux", reason="the variables are those of oneDNN on x86")
def test_a_processor_without_bf16_instructions_trains_in_fp32() -> None:
    hidden = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
    script = (
        "import torch; torch.set_num_threads(1)\n"
        "from tvae_core.training.set_up import wants_bf16; print(wants_bf16('auto'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | hidden,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split()[-1] == "False"
