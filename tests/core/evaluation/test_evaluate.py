"""The evaluation suite on a space whose every answer is known, and the numbers by themselves."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from tvae_core.decoding.settings import Decoding
from tvae_core.domain import Verdict
from tvae_core.evaluation.evaluate import (
    FINE_DIAL,
    PATH_NOISES,
    Evaluation,
    choose_settings,
    evaluate,
)
from tvae_core.evaluation.measures import cycle_r2, interpolation_metrics, teacher_forced_accuracy
from tvae_core.evaluation.plots import draw_front
from tvae_core.evaluation.tables import dial_table, model_card
from tvae_core.model.config import TVAEConfig
from tvae_core.model.prior import PriorSet
from tvae_core.space import LatentSpace


class FourDigits:
    """Valid are four digits; the canonical form is the number."""

    name = "toy"

    def check(self, texts: Sequence[str]) -> list[Verdict]:
        good = [len(text) == 4 and text.isdigit() for text in texts]
        return [
            Verdict(ok, str(int(text)) if ok else None)
            for ok, text in zip(good, texts, strict=True)
        ]


class KnownSpace(LatentSpace):
    """`aabb` is the code `((aa - 50) / 25, (bb - 50) / 25)`; below 0.5 the decoder is deaf."""

    def __init__(self, tokenizer: Any) -> None:
        config = TVAEConfig(n_latent=1, latent_size=2, max_length=8)
        stub = SimpleNamespace(token_accuracy=torch.tensor(0.75))
        model: Any = type("Stub", (), {"__call__": lambda *_, **__: stub})()
        model.config, model.device = config, torch.device("cpu")
        super().__init__(model, tokenizer, PriorSet(2, 8, 1).eval(), FourDigits())  # type: ignore[arg-type]

    def encode(self, texts: Sequence[str], *_: Any, **__: Any) -> Tensor:
        rows = [(int(text[:2]), int(text[2:])) if text.isdigit() else (50, 50) for text in texts]
        return (torch.tensor(rows).float().reshape(-1, 1, 2) - 50) / 25

    def decode(self, latents: Tensor, fidelity: Any = 1.0, *_: Any, **__: Any) -> list[str]:
        fidelity = Decoding.of(fidelity).fidelity
        settings = [1.0] * len(latents) if isinstance(fidelity, str) else None
        if settings is None:
            settings = torch.as_tensor(fidelity).expand(len(latents)).tolist()
        texts = []
        for code, setting in zip(latents.flatten(1) * 25 + 50, settings, strict=True):
            a, b = (round(float(x)) for x in code)
            inside = 0 <= a <= 99 and 0 <= b <= 99
            texts.append("5050" if setting < 0.5 else f"{a:02}{b:02}" if inside else "x")
        return texts


_RANDOM = torch.Generator().manual_seed(0)
TEXTS = [f"{a:02}{b:02}" for a, b in torch.randint(20, 80, (40, 2), generator=_RANDOM).tolist()]


@pytest.fixture(scope="module")
def space(toy_tokenizer: Any) -> KnownSpace:
    return KnownSpace(toy_tokenizer)


@pytest.fixture(scope="module")
def result(space: KnownSpace) -> Evaluation:
    return evaluate(
        space,
        TEXTS,
        n_samples=300,
        n_paths=10,
        seed=4,
        dial=(1.0, 0.2),
        prior="gaussian",
        known=lambda texts: [int(text) < 5000 for text in texts],
    )


def test_what_follows_the_code(space: KnownSpace, result: Evaluation) -> None:
    row = result.dial[0]
    assert (row["fidelity"], row["sigma"]) == (1.0, pytest.approx(0.1))
    assert row["reconstruction_exact"] == 1
    assert row["cycle_r2"] == pytest.approx(1, abs=1e-3)
    samples = space.decode(space.sample_latents(300, 4, "gaussian", 1.0))
    good = [int(text) for text in samples if text != "x"]
    assert 0.8 < len(good) / 300 < 0.99
    assert row["prior_valid"] == pytest.approx(len(good) / 300)
    assert row["prior_unique"] == pytest.approx(len(set(good)) / len(good))
    novel = sum(number >= 5000 for number in set(good)) / len(set(good))
    assert row["prior_novel"] == pytest.approx(novel)
    assert row["interpolation_valid"] > 0.9
    assert row["interpolation_distinct"] > 8


def test_what_is_deaf(result: Evaluation) -> None:
    row = result.dial[1]
    assert row["reconstruction_exact"] == 0
    assert row["cycle_r2"] == 0
    assert row["prior_valid"] == 1
    assert row["prior_unique"] == pytest.approx(1 / 300)
    assert row["prior_novel"] == 1
    assert math.isnan(row["interpolation_valid"])  # copies of the ends are no answer
    assert row["interpolation_distinct"] == 1


def test_the_metrics_have_the_shared_names(space: KnownSpace, result: Evaluation) -> None:
    shared = {
        "reconstruction_exact",
        "token_accuracy",
        "cycle_r2",
        "fidelity",
        "prior_valid",
        "prior_unique",
        "prior_novel",
        "interpolation_valid",
        "interpolation_distinct",
        "n",
        "n_samples",
        "n_paths",
    }
    assert shared <= set(result.metrics)
    assert result.metrics["token_accuracy"] == pytest.approx(0.75)
    assert (result.metrics["n"], result.metrics["n_samples"]) == (40, 300)
    assert result.metrics["fidelity"] == space.defaults["sample_fidelity"]
    assert all(isinstance(value, float) for value in result.metrics.values())


def test_straight_paths_stay_inside(result: Evaluation) -> None:
    assert result.metrics["interpolation_valid_auto"] > 0.9


def test_everything_flat(result: Evaluation) -> None:
    flat = result.flat()
    assert flat["dial_0.20_prior_valid"] == 1
    assert flat["prior_valid"] == result.metrics["prior_valid"]
    assert all(not isinstance(value, dict | list) for value in flat.values())


def test_no_more_paths_are_counted_than_were_walked(space: KnownSpace) -> None:
    found = evaluate(space, TEXTS[:7], n_samples=5, n_paths=100, dial=(1.0,), prior="normal")
    assert found.metrics["n_paths"] == 3


def test_stages_are_told_in_order(space: KnownSpace) -> None:
    seen: list[tuple[str, int, int]] = []
    evaluate(
        space,
        TEXTS[:6],
        n_samples=4,
        dial=(1.0, 0.5),
        prior="normal",
        stage=lambda *told: seen.append(told),
    )
    assert [done for _, done, _ in seen] == list(range(len(seen)))
    assert seen[-1][1] == seen[-1][2]


def test_too_few_texts(space: KnownSpace) -> None:
    with pytest.raises(ValueError, match="at least 4 held-out items, not 3"):
        evaluate(space, TEXTS[:3])


def test_texts_that_do_not_fit_are_left_out(trained_space: LatentSpace, trained: Any) -> None:
    """Held-out data is a user's: one long item does not cost the whole evaluation."""
    texts = [*trained.words[:6], "1" * 60]
    found = evaluate(trained_space, texts, n_samples=4, dial=(1.0,), prior="normal")
    assert 0 <= found.metrics["reconstruction_exact"] <= 1


def test_cycle_r2_of_known_round_trips() -> None:
    codes = torch.randn(4000, 2, 3)
    assert cycle_r2(codes, codes) == pytest.approx(1)
    assert cycle_r2(codes, -3 * codes + 1) == pytest.approx(1)  # any linear reader
    assert cycle_r2(codes, torch.randn(4000, 2, 3)) < 0.01
    assert cycle_r2(codes, torch.ones(4000, 2, 3)) == 0
    assert cycle_r2(codes, codes + torch.randn(4000, 2, 3)) == pytest.approx(0.5, abs=0.03)
    half = codes.clone()
    half[:, 0] = torch.randn(4000, 3)
    assert cycle_r2(codes, half) == pytest.approx(0.5, abs=0.03)
    scaled = codes * torch.tensor([3.0, 1.0]).reshape(2, 1)
    lost = scaled.clone()
    lost[:, 0] = torch.randn(4000, 3)
    assert cycle_r2(scaled, lost) == pytest.approx(0.1, abs=0.02)  # by the variance it had
    assert math.isnan(cycle_r2(codes[:1], codes[:1]))
    noisy = cycle_r2(codes[:500], codes[:500] + torch.randn(500, 2, 3))
    assert noisy.low < noisy < noisy.high < noisy.low + 0.2


def test_interpolations_leave_out_copies_of_both_ends(space: KnownSpace) -> None:
    paths = [
        ["0001", "1", "0002", "0001", "bad", "0003", "0003"],  # 2 of "1", "0002", "bad" are invalid
        ["0005", "0005", "0006", "0006", "0006", "0006", "0006"],
    ]
    found = interpolation_metrics(space, paths)
    assert found["interpolation_valid"] == pytest.approx(1 / 3)
    assert found["interpolation_distinct"] == pytest.approx((3 + 2) / 2)
    assert all(math.isnan(value) for value in interpolation_metrics(space, []).values())


def test_teacher_forced_accuracy_weighs_tokens(trained_space: LatentSpace, trained: Any) -> None:
    whole = teacher_forced_accuracy(trained_space, trained.words)
    with torch.no_grad():
        expected = float(trained_space.model(trained.ids).token_accuracy)
    assert whole == pytest.approx(expected, abs=0.01)
    small = teacher_forced_accuracy(trained_space, trained.words, batch_size=7)
    assert small == pytest.approx(whole, abs=0.01)


@pytest.mark.parametrize("target", [0.1, 1.0])
def test_the_most_faithful_setting_that_is_valid_enough_is_chosen(
    target: float, trained_space: LatentSpace, trained: Any
) -> None:
    found = choose_settings(trained_space, trained.words[:4], target, n_samples=12, seed=6)
    valid = {}
    for setting in FINE_DIAL:
        texts = trained_space.sample(12, 6, "flow", setting, temperature=0.0).texts
        valid[setting] = sum(v.ok for v in trained_space.domain.check(texts)) / 12
    good = [setting for setting in FINE_DIAL if valid[setting] >= target]
    if good:
        assert found["sample_fidelity"] == max(good)
    else:
        assert valid[found["sample_fidelity"]] == max(valid.values())
    assert found["path_noise"] in PATH_NOISES


def test_the_table_the_card_and_the_plot(result: Evaluation, tmp_path: Path) -> None:
    table = dial_table(result)
    assert "prior_valid" in table
    assert table.splitlines()[-1].split()[-2:] == ["-", "1.000"]  # no number is a dash
    manifest = {
        "domain": "toy",
        "settings": {"n_latent": 1, "latent_size": 2},
        "data": {"source": "thin air", "licence": "none"},
        "presets": ["small"],
        "parameters": 1_234_567,
        "seed": 0,
        "steps": 5,
        "items_seen": 50,
        "machine": "x",
    }
    card = model_card(manifest, result)
    assert "1.23 million" in card
    assert "| metric | value |" in card
    assert "| `token_accuracy` | 0.75 |" in card
    assert card.count("\n| 0.200 |") == 1
    for ending, head in (("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")):
        draw_front(result, tmp_path / f"front.{ending}")
        assert (tmp_path / f"front.{ending}").read_bytes().startswith(head)
    with pytest.raises(ValueError, match=r"front\.txt: a plot is written as"):
        draw_front(result, tmp_path / "front.txt")
    assert not (tmp_path / "front.txt").exists()
    json.dumps(result.flat())
