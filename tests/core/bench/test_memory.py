"""The tracked peak against hand-computed values, torch's own tracker and the real allocator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributed._tools.mem_tracker import MemTracker
from torch.utils.checkpoint import checkpoint

from tvae_core.bench.memory import LiveBytes, StepMemory, StepMeter, make_optimiser
from tvae_core.model.config import TVAEConfig
from tvae_core.model.layers import fused_attention
from tvae_core.model.vae import TransformerVAE
from tvae_core.training.presets import TrainSettings

LAYERS, WIDTH, ROWS = 6, 8, 1024
STATE = 4 * ROWS * WIDTH
WEIGHT = 4 * WIDTH * WIDTH


def config(**changes: Any) -> TVAEConfig:
    sizes: dict[str, Any] = {
        "vocab_size": 500,
        "max_length": 96,
        "d_model": 64,
        "n_heads": 4,
        "d_ff": 96,
        "encoder_blocks": (2, 1),
        "decoder_layers": 4,
        "mmd_memory": 8,
    }
    return TVAEConfig(**(sizes | changes))


def chain(recompute: bool) -> tuple[nn.Module, Callable[[], Tensor]]:
    model = nn.Sequential(*(nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(LAYERS)))
    x = torch.ones(ROWS, WIDTH)

    def two(first: int, h: Tensor) -> Tensor:
        for layer in model[first : first + 2]:
            h = layer(h).tanh()
        return h

    def run() -> Tensor:
        h = x
        for first in range(0, LAYERS, 2):
            h = (
                checkpoint(two, first, h, use_reentrant=False, preserve_rng_state=False)
                if recompute
                else two(first, h)
            )
        return h.sum()

    return model, run


@pytest.mark.parametrize("fake", [True, False])
@pytest.mark.parametrize(
    ("recompute", "held"),
    [
        # six outputs of tanh, and the product before the last one (or a gradient) at a time
        (False, 7 * STATE),
        # the outputs of two earlier segments; in the last one an input, a product and an output, or
        # (in the backward pass) an input, an output or a gradient, and the next gradient
        (True, 5 * STATE),
    ],
)
def test_chain_of_linear_layers(fake: bool, recompute: bool, held: int) -> None:
    with FakeTensorMode() if fake else torch.enable_grad():
        model, run = chain(recompute)
        tracker = LiveBytes()
        for weight in model.parameters():
            tracker.see(weight, "parameters")
        with tracker:
            run().backward()
    assert tracker.at_peak["parameters"] == LAYERS * WEIGHT
    assert tracker.at_peak["activations"] == pytest.approx(held, abs=2 * LAYERS * WEIGHT + 16)
    assert tracker.peak == sum(tracker.at_peak.values())
    assert tracker.now["activations"] == LAYERS * WEIGHT  # the gradients: nobody marked them


def test_storages_count_once_and_until_freed() -> None:
    tracker = LiveBytes()
    with tracker:
        x = torch.zeros(100)
        views = [x[:50], x.view(10, 10), x.t(), x.detach()]
        assert tracker.now["activations"] == 400
        y = x + 1
        assert tracker.now["activations"] == 800
        del x
        assert tracker.now["activations"] == 800  # the views hold it
        del views
        assert tracker.now["activations"] == 400
        tracker.see(y, "gradients", again=True)
        assert (tracker.now["activations"], tracker.now["gradients"]) == (0, 400)
        del y
    assert tracker.now == dict.fromkeys(tracker.now, 0)
    assert tracker.peak == 800


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="plain"),
        *(
            pytest.param(settings, marks=pytest.mark.slow)
            for settings in (
                {"gradient_checkpoint_encoder": True, "decoder_grad_chk_pnt_rate": 3},
                {"optimizer": "adafactor"},
                {"optimizer": "muon"},
                {"precision": "fp32"},
            )
        ),
    ],
)
def test_same_bytes_as_the_tracker_of_torch(settings: dict[str, Any]) -> None:
    window = 0 if settings else 16
    meter = StepMeter(config(window_size=window), TrainSettings(**settings), 70)
    meter.measure(20)  # the codes that MMD remembers have the room of the batch before
    found = meter.measure(20)
    with meter._mode():
        tracker = MemTracker()
        tracker.track_external(meter.model, meter.optimiser)
        with tracker:
            meter._step(20)
    (snapshot,) = tracker.get_tracker_snapshot("peak").values()
    assert found.peak == snapshot["Total"]


@pytest.mark.parametrize("rate", [0, 2])
def test_fake_and_real_tensors_agree(rate: int) -> None:
    settings = TrainSettings(decoder_grad_chk_pnt_rate=rate)
    with fused_attention():
        real = StepMeter(config(), settings, 70, "cpu").measure(16)
    assert StepMeter(config(), settings, 70, "fake").measure(16) == real


def allocator_peak(work: Callable[[], object]) -> int:
    """Highest sum of the CPU allocator's own log during a call."""
    with torch.profiler.profile(profile_memory=True) as profile:
        work()
    now = peak = 0
    events = profile.profiler.kineto_results.events()
    for event in sorted(events, key=lambda event: event.start_ns()):
        if event.name() == "[memory]":
            now += event.nbytes()
            peak = max(peak, now)
    return peak


@pytest.mark.parametrize("rate", [0, 1])
def test_the_allocator_says_the_same(rate: int) -> None:
    meter = StepMeter(config(), TrainSettings(decoder_grad_chk_pnt_rate=rate), 90, "cpu")
    found = meter.measure(64)
    lasting = sum(weight.nbytes for weight in meter.model.parameters())
    lasting += sum(
        value.nbytes for state in meter.optimiser.state.values() for value in state.values()
    )
    real = allocator_peak(lambda: meter._step(64)) + lasting
    # workspaces of kernels are not tracked; sums of gradients that autograd makes in place are
    assert 0.93 * real < found.peak < 1.07 * real


def test_parts_of_the_peak() -> None:
    plain = StepMeter(config(), TrainSettings(), 70)
    weights = sum(p.numel() for p in TransformerVAE(config()).parameters())
    small, large = plain.measure(2), plain.measure(64)
    assert small.parameters == large.parameters == 4 * weights
    assert 8 * weights <= small.optimiser <= 8.1 * weights  # two moments and the steps
    assert small.gradients <= 4 * weights
    assert large.activations > small.activations
    assert large.peak == (large.parameters + large.gradients + large.optimiser + large.activations)
    assert large.describe().startswith("activations ")


@pytest.mark.slow
def test_what_settings_change() -> None:
    def peak(**settings: Any) -> StepMemory:
        return StepMeter(config(), TrainSettings(**settings), 70).measure(64)

    plain = peak()
    assert peak(optimizer="adafactor").optimiser < 0.1 * plain.optimiser
    by_three = peak(gradient_checkpoint_encoder=True, decoder_grad_chk_pnt_rate=3)
    by_one = peak(gradient_checkpoint_encoder=True, decoder_grad_chk_pnt_rate=1)
    assert by_one.activations < by_three.activations < 0.75 * plain.activations
    assert plain.gradients < peak(gradient_accumulation_steps=4).gradients == plain.parameters
    assert peak(precision="fp32").activations > 1.3 * plain.activations


def test_optimisers_are_those_of_the_settings() -> None:
    model = TransformerVAE(config())
    adamw = make_optimiser(model, TrainSettings(learning_rate=0.5, adam_beta2=0.9))
    assert isinstance(adamw, torch.optim.AdamW)
    assert (adamw.defaults["lr"], adamw.defaults["betas"]) == (0.5, (0.9, 0.9))
    assert adamw.defaults["fused"]
    assert type(make_optimiser(model, TrainSettings(optimizer="adafactor"))).__name__ == "Adafactor"


def test_impossible_measurements() -> None:
    with pytest.raises(ValueError, match="fake, cpu, cuda"):
        StepMeter(config(), TrainSettings(), 70, "guess")
    with pytest.raises(ValueError, match="max_length 96"):
        StepMeter(config(), TrainSettings(), 98)
