"""A toy language for the core: digit strings that end in their own checksum, and tiny models."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from tvae_core.data.batches import pad_rows
from tvae_core.domain import DomainError, Rendered, Verdict
from tvae_core.model.config import TVAEConfig
from tvae_core.model.prior import PriorSet
from tvae_core.model.vae import TransformerVAE
from tvae_core.space import LatentSpace

TINY: dict[str, Any] = {
    "vocab_size": 14,
    "max_length": 40,
    "d_model": 32,
    "n_heads": 2,
    "d_ff": 48,
    "encoder_blocks": (1, 1),
    "decoder_layers": 1,
    "n_latent": 2,
    "latent_size": 4,
    "sigma_max": 1.0,
    "mmd_memory": 32,
    "initializer_range": 0.2,  # logits far apart even in an untrained model
}


class ToyDomain:
    """Digit strings; valid ones end in the sum of the others modulo ten."""

    name = "toy"

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._tokenizer = tokenizer

    def tokenizer(self) -> PreTrainedTokenizerFast:
        return self._tokenizer

    def to_text(self, item: Any) -> str:
        return str(item)

    def from_text(self, text: str) -> str:
        (verdict,) = self.check([text])
        if not verdict.ok:
            raise DomainError(verdict.reason or "")
        return text

    def check(self, texts: Sequence[str]) -> list[Verdict]:
        return [
            Verdict(True, text)
            if len(text) > 1 and text.isdigit() and sum(map(int, text[:-1])) % 10 == int(text[-1])
            else Verdict(False, reason="wrong checksum")
            for text in texts
        ]

    def score(self, texts: Sequence[str]) -> dict[str, Any]:
        return {"length": np.array([float(len(text)) for text in texts])}

    def render(self, text: str) -> Rendered:
        return Rendered("text", text)

    def examples(self) -> list[str]:
        return ["1236"]


def toy_words(n: int, seed: int = 0, shortest: int = 3, longest: int = 6) -> list[str]:
    """Distinct valid strings."""
    rng = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < n:
        body = rng.choices("0123456789", k=rng.randint(shortest, longest) - 1)
        found["".join(body) + str(sum(map(int, body)) % 10)] = None
    return list(found)


@pytest.fixture(scope="session")
def words() -> Callable[..., list[str]]:
    return toy_words


def make_toy_tokenizer() -> PreTrainedTokenizerFast:
    """A token a digit."""
    names = ["<pad>", "<bos>", "<eos>", "<mask>", *"0123456789"]
    backend = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, "<mask>"))
    backend.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    backend.decoder = decoders.Fuse()
    special = dict(zip(("pad_token", "bos_token", "eos_token", "mask_token"), names, strict=False))
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, clean_up_tokenization_spaces=False, **special
    )


@pytest.fixture(scope="session")
def toy_tokenizer() -> PreTrainedTokenizerFast:
    return make_toy_tokenizer()


@pytest.fixture(scope="session")
def toy(toy_tokenizer: PreTrainedTokenizerFast) -> ToyDomain:
    return ToyDomain(toy_tokenizer)


@pytest.fixture(scope="session")
def tiny_config() -> Callable[..., TVAEConfig]:
    """`tiny_config(**changes)`: the smallest model that has every part."""
    return lambda **changes: TVAEConfig(**(TINY | changes))


@pytest.fixture(scope="session")
def tiny_model(tiny_config: Callable[..., TVAEConfig]) -> Callable[..., TransformerVAE]:
    """`tiny_model(seed=0, **changes)`: an untrained model in eval mode."""

    def make(seed: int = 0, **changes: Any) -> TransformerVAE:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return TransformerVAE(tiny_config(**changes)).eval()

    return make


@pytest.fixture(scope="session")
def ending_model(tiny_model: Callable[..., TransformerVAE]) -> TransformerVAE:
    """Untrained, with an `<eos>` likely enough that rows end at many lengths."""
    model = tiny_model()
    with torch.no_grad():
        model.embed.weight[2] *= 1.5
    return model


def token_rows(words: Sequence[str]) -> list[torch.Tensor]:
    return [torch.tensor([int(c) + 4 for c in word]) for word in words]


@dataclass(frozen=True)
class Trained:
    """A model that was trained on `words`, and the loss parts of each step."""

    model: TransformerVAE
    words: list[str]
    ids: torch.Tensor
    losses: list[float]


@pytest.fixture(scope="session")
def trained(tiny_model: Callable[..., TransformerVAE]) -> Trained:
    """Sixty strings learned by heart in a few seconds."""
    model = tiny_model(latent_size=16, sigma_max=0.6, mmd_weight=0.5)
    words = toy_words(60)
    ids = pad_rows(token_rows(words))
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-2, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-2, total_steps=100, pct_start=0.2)
    losses = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model.train()
        for _ in range(100):
            output = model(ids)
            optimiser.zero_grad()
            output.loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(float(output.reconstruction))
    return Trained(model.eval(), words, ids, losses)


@pytest.fixture(scope="session")
def trained_space(
    trained: Trained, toy: ToyDomain, toy_tokenizer: PreTrainedTokenizerFast
) -> LatentSpace:
    """The trained model with a Gaussian prior of its codes and a flow that was never fitted."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        priors = PriorSet(trained.model.config.code_size, width=16, depth=1)
    space = LatentSpace(trained.model, toy_tokenizer, priors.eval(), toy)
    priors.gaussian.fit(space.encode(trained.words).flatten(1))
    return space


def write_toy_set(
    folder: Path,
    tokenizer: PreTrainedTokenizerFast,
    splits: dict[str, list[str]],
    domain: str = "toy",
) -> Path:
    """Writes texts by split as `data_prep` does."""
    kinds = {
        "text": datasets.Value("string"),
        "input_ids": datasets.List(datasets.Value("int16")),
        "length": datasets.Value("int32"),
    }
    tables = {}
    for split, texts in splits.items():
        ids = tokenizer(texts, add_special_tokens=False)["input_ids"] if texts else []
        content = {"text": texts, "input_ids": ids, "length": [len(row) for row in ids]}
        tables[split] = datasets.Dataset.from_dict(content, features=datasets.Features(kinds))
    datasets.disable_progress_bars()
    datasets.DatasetDict(tables).save_to_disk(str(folder))
    tokenizer.save_pretrained(str(folder))
    manifest = {"domain": domain, "format_version": 1, "source": "toy", "seed": 0}
    manifest["counts"] = {split: len(texts) for split, texts in splits.items()}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def prepared(tmp_path: Path, toy_tokenizer: PreTrainedTokenizerFast) -> Callable[..., Path]:
    """`prepared(splits)`: writes a prepared set of texts by split."""

    def write(splits: dict[str, list[str]], domain: str = "toy", name: str = "data") -> Path:
        return write_toy_set(tmp_path / name, toy_tokenizer, splits, domain)

    return write


RUN_FLAGS: dict[str, Any] = {
    "d_model": 16,
    "n_heads": 2,
    "d_ff": 24,
    "encoder_blocks": (1,),
    "decoder_layers": 1,
    "n_latent": 2,
    "latent_size": 4,
    "sigma_max": 1.0,
    "mmd_memory": 16,
    "max_steps": 12,
    "batch_size": 10,
    "learning_rate": 1e-2,
    "warmup_steps": 2,
    "mmd_warmup_steps": 5,
    "log_steps": 3,
    "eval_steps": 6,
    "eval_items": 6,
    "save_steps": 6,
    "prior_codes": 50,
    "prior_steps": 4,
    "prior_width": 8,
    "prior_depth": 1,
    "precision": "fp32",
    "threads": 1,
}


@pytest.fixture(scope="session")
def run_flags() -> dict[str, Any]:
    """Settings of the smallest run that is one."""
    return RUN_FLAGS


@pytest.fixture
def go(
    prepared: Callable[..., Path],
    words: Callable[..., list[str]],
    toy: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Any]:
    """`go(folder, **flags)`: a run on forty strings, evaluated at few settings.

    Without its report, whose pictures are half the work of such a run, unless `report` is true.
    """
    from tvae_core.evaluation.evaluate import evaluate
    from tvae_core.evaluation.tables import model_card
    from tvae_core.training.presets import merge
    from tvae_core.training.run import train

    monkeypatch.setattr("tvae_core.training.run.evaluate", partial(evaluate, dial=(1.0, 0.3)))
    monkeypatch.setattr("tvae_core.evaluation.evaluate.FINE_DIAL", (1.0, 0.5, 0.0))
    monkeypatch.setattr("tvae_core.evaluation.evaluate.PATH_NOISES", (1.0, 2.0))
    texts = words(50)
    data = prepared({"train": texts[:40], "validation": texts[40:], "test": texts[45:]})

    def run(folder: str, data: Path = data, report: bool = False, **flags: Any) -> Any:
        given = RUN_FLAGS | {"data": str(data), "output": str(data.parent / folder)} | flags
        given = {key: value for key, value in given.items() if value is not None}
        with monkeypatch.context() as patch:
            if not report:
                patch.setattr("tvae_core.training.run.write_run_report", lambda folder, *_: folder)
            return train(toy, merge([], [], given), model_card)

    return run
