"""The trainer: what it logs, the order of its batches, and going on after it was killed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback, TrainingArguments

from tvae_core.data.prepared import TokenRows
from tvae_core.model.vae import TransformerVAE
from tvae_core.training.loop import PARTS, TVAETrainer, code_statistics, last_checkpoint
from tvae_core.training.optimizers import MuonWithAdamW

Make = Callable[..., TVAETrainer]


class Kill(TrainerCallback):  # type: ignore[misc]
    """Ends a run as a killed process does: in the middle, without a farewell."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.step:
            raise KeyboardInterrupt


@pytest.fixture
def make(
    tmp_path: Path, tiny_model: Callable[..., TransformerVAE], words: Callable[..., list[str]]
) -> Make:
    """A trainer on 84 strings: seven batches of twelve an epoch."""
    texts = words(84)
    ids = [[int(c) + 4 for c in text] for text in texts]
    rows = TokenRows(datasets.Dataset.from_dict({"text": texts, "input_ids": ids}))

    def trainer(folder: str, seed: int = 0, muon: bool = False, **changes: Any) -> TVAETrainer:
        given: dict[str, Any] = {
            "output_dir": str(tmp_path / folder),
            "max_steps": 20,
            "per_device_train_batch_size": 12,
            "learning_rate": 5e-3,
            "lr_scheduler_type": "cosine",
            "warmup_steps": 4,
            "logging_steps": 1,
            "save_steps": 1000,
            "report_to": "none",
            "disable_tqdm": True,
            "remove_unused_columns": False,
            "use_cpu": True,
            "seed": 0,
        }
        arguments = TrainingArguments(**(given | changes))
        model = tiny_model(seed, dropout=0.1, mmd_memory=30)
        return TVAETrainer(
            model=model,
            args=arguments,
            train_dataset=rows,
            eval_dataset=rows,
            mmd_warmup_steps=15,
            seed_data=5,
            optimizers=(MuonWithAdamW(model, lr=5e-3) if muon else None, None),
        )

    return trainer


def losses(trainer: TVAETrainer) -> dict[int, dict[str, float]]:
    return {line["step"]: line for line in trainer.state.log_history if "loss" in line}


@pytest.mark.parametrize(
    ("saved", "together", "muon"),
    [(7, 1, False), (10, 1, False), (8, 2, False), (10, 2, False), (10, 1, True)],
    ids=["between epochs", "within one", "accumulating, between", "accumulating, within", "muon"],
)
def test_a_killed_run_goes_on_as_if_it_had_not_been(
    saved: int, together: int, muon: bool, make: Make
) -> None:
    make = partial(make, muon=muon)
    whole = make("whole", gradient_accumulation_steps=together)
    whole.train()
    first = make("killed", save_steps=saved, gradient_accumulation_steps=together)
    first.add_callback(Kill(saved + 2))
    with pytest.raises(KeyboardInterrupt):
        first.train()
    checkpoint = last_checkpoint(Path(first.args.output_dir))
    assert checkpoint is not None
    assert checkpoint.name == f"checkpoint-{saved}"
    second = make(
        "killed", seed=99, gradient_accumulation_steps=together
    )  # other weights, which the checkpoint replaces
    second.train(resume_from_checkpoint=str(checkpoint))
    expected, found = losses(whole), losses(second)
    assert set(found) == set(range(1, 21))
    for step in range(saved + 1, 21):
        for name in ("loss", *PARTS, "learning_rate", "code_std"):
            assert found[step][name] == pytest.approx(expected[step][name], abs=1e-5), (step, name)
    for name, value in whole.model.state_dict().items():
        torch.testing.assert_close(second.model.state_dict()[name], value, atol=1e-6, rtol=1e-5)
    assert second.model.recent_count == whole.model.recent_count == 30
    torch.testing.assert_close(second.model.recent_codes, whole.model.recent_codes)


def test_a_checkpoint_holds_the_codes_that_mmd_remembers(make: Make) -> None:
    trainer = make("run", max_steps=2)
    trainer.train()
    resumed = make("run", max_steps=4)
    checkpoint = last_checkpoint(Path(trainer.args.output_dir))
    assert checkpoint is not None
    seen = []
    resumed.add_callback(
        type(
            "Look",
            (TrainerCallback,),
            {"on_step_begin": lambda *_, **__: seen.append(resumed.model.recent_codes.clone())},
        )()
    )
    resumed.train(resume_from_checkpoint=str(checkpoint))
    assert torch.equal(seen[0][:24], trainer.model.recent_codes[:24])
    assert trainer.model.recent_count == 24


def test_epochs_have_every_row_once_in_another_order(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make("run", max_steps=21)
    batches: list[list[tuple[int, ...]]] = []
    compute = trainer.compute_loss

    def spy(model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        batches.append([tuple(row.tolist()) for row in inputs["input_ids"]])
        return compute(model, inputs, *args, **kwargs)

    monkeypatch.setattr(trainer, "compute_loss", spy)
    trainer.train()
    epochs = [
        [tuple(t for t in row if t) for batch in batches[i : i + 7] for row in batch]
        for i in (0, 7, 14)
    ]
    assert all(len(set(epoch)) == 84 for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]


def test_every_line_has_every_part(make: Make) -> None:
    trainer = make("run", max_steps=17)
    trainer.train()
    lines = losses(trainer)
    assert set(lines) == set(range(1, 18))
    statistics = {"code_mean_max", "code_std", "code_cov_min", "code_cov_max"}
    for step, line in lines.items():
        assert set(PARTS) | statistics | {"grad_norm", "learning_rate"} <= set(line)
        total = line["reconstruction"] + line["mmd_weight"] * line["mmd"]
        assert line["loss"] == pytest.approx(total, abs=1e-3)
        weight = trainer.model.config.mmd_weight * min(1.0, (step - 1) / 15)
        assert line["mmd_weight"] == pytest.approx(weight, abs=1e-5)
        assert line["code_cov_min"] <= line["code_std"] ** 2 <= line["code_cov_max"] + 1
    assert lines[17]["reconstruction"] < lines[1]["reconstruction"]


def test_a_line_is_the_mean_since_the_last(make: Make) -> None:
    each = make("each", max_steps=6)
    each.train()
    some = make("some", max_steps=6, logging_steps=3)
    some.train()
    for name in PARTS:
        wanted = [losses(each)[step][name] for step in (4, 5, 6)]
        assert losses(some)[6][name] == pytest.approx(sum(wanted) / 3, abs=1e-5)


def test_evaluation_covers_every_row(make: Make) -> None:
    trainer = make("run", per_device_eval_batch_size=25)
    loader = trainer.get_eval_dataloader()
    assert sum(len(batch["input_ids"]) for batch in loader) == 84
    found = trainer.evaluate()
    assert 1.0 < found["eval_loss"] < 50


def test_gradients_are_clipped(make: Make) -> None:
    trainer = make("run", max_steps=1, learning_rate=1.0, max_grad_norm=1e-9, warmup_steps=0)
    before = {k: v.clone() for k, v in trainer.model.state_dict().items()}
    trainer.args.weight_decay = 0.0
    trainer.train()
    norm = losses(trainer)[1]["grad_norm"]
    assert norm > 0.1  # before clipping
    grads = [p.grad for p in trainer.model.parameters() if p.grad is not None]
    assert not grads or sum(float(g.square().sum()) for g in grads) < 1e-12
    assert set(before) == set(trainer.model.state_dict())


def test_a_loss_that_is_not_finite_ends_the_run(make: Make) -> None:
    trainer = make("run")
    with torch.no_grad():
        trainer.model.embed.weight[5] = float("nan")
    with pytest.raises(
        FloatingPointError, match=r"the loss is n.* at step \d+; lower --learning-rate"
    ):
        trainer.train()


def test_weights_that_are_not_finite_are_not_kept_to_resume_from(make: Make) -> None:
    trainer = make("run", save_steps=2, logging_steps=5)

    def spoil(*_: Any, **__: Any) -> None:
        if trainer.state.global_step == 3:
            with torch.no_grad():
                trainer.model.embed.weight[5] = float("nan")

    trainer.add_callback(type("Spoil", (TrainerCallback,), {"on_step_begin": spoil})())
    with pytest.raises(FloatingPointError):
        trainer.train()
    checkpoint = last_checkpoint(Path(trainer.args.output_dir))
    assert checkpoint is not None
    weights = load_file(checkpoint / "model.safetensors")
    assert all(torch.isfinite(value).all() for value in weights.values())


def test_code_statistics_by_hand() -> None:
    codes = torch.randn(500, 2, 3) @ torch.diag(torch.tensor([1.0, 2.0, 0.5])) + 1
    codes[:, 1, 2] += 4
    found = code_statistics(codes)
    flat = codes.flatten(1).double()
    spectrum = torch.linalg.eigvalsh(torch.cov(flat.T))
    assert found["code_mean_max"] == pytest.approx(5, abs=0.2)
    assert found["code_std"] == pytest.approx(float(flat.std()), rel=1e-4)
    assert found["code_cov_min"] == pytest.approx(float(spectrum[0]), rel=1e-3)
    assert found["code_cov_max"] == pytest.approx(float(spectrum[-1]), rel=1e-3)


@pytest.fixture
def run(make: Make) -> Path:
    trainer = make("run", max_steps=12, save_steps=4, save_total_limit=3)
    trainer.train()
    return Path(trainer.args.output_dir)


def test_the_newest_checkpoint_by_number(run: Path) -> None:
    newest = last_checkpoint(run)
    assert newest == run / "checkpoint-12"
    assert last_checkpoint(run / "checkpoint-4") is None
    (run / "checkpoint-best").mkdir()
    assert last_checkpoint(run) == newest
    assert json.loads((run / "checkpoint-12" / "trainer_state.json").read_text())["global_step"]


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("trainer_state.json", "missing"),
        ("trainer_state.json", "half"),
        ("model.safetensors", "missing"),
        ("model.safetensors", "half"),
        ("optimizer.pt", "missing"),
        ("scheduler.pt", "missing"),
    ],
)
def test_a_broken_checkpoint_is_passed_over(
    name: str, damage: str, run: Path, tmp_path: Path
) -> None:
    file = run / "checkpoint-12" / name
    data = file.read_bytes()
    file.unlink()
    if damage == "half":
        file.write_bytes(data[: len(data) // 2])
    assert last_checkpoint(run) == run / "checkpoint-8"
    shutil.rmtree(run / "checkpoint-8")
    assert last_checkpoint(run) == run / "checkpoint-4"
    shutil.rmtree(run / "checkpoint-4")
    assert last_checkpoint(run) is None
