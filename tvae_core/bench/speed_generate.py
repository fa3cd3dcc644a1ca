"""`python -m tvae_core.bench generate`: decoding from latents, beside the original's architecture.

Every row ends where it is told to, on both sides: after `--length` tokens, or with `--data` after
as many as a row of that prepared set has. The baseline decodes with its key/value cache, and the
way the original did: recomputing the prefix for every token. It goes on until its longest row has
ended, as `transformers` does; ours lets finished rows go. All of it is greedy, in turns.
"""

from __future__ import annotations

import argparse
import copy
import statistics
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from tvae_core.bench.architecture import (
    architecture_name,
    check_settings,
    use_machine,
)
from tvae_core.bench.baseline import OriginalVAE
from tvae_core.bench.pair import Worker, alternate, paired_ratio
from tvae_core.bench.record import Record, aligned, number
from tvae_core.bench.steps import CutRows, seconds
from tvae_core.data.prepared import PreparedSet
from tvae_core.decoding.generate import decode_latents
from tvae_core.model.config import TVAEConfig
from tvae_core.model.vae import TransformerVAE
from tvae_core.support.errors import CommandError

BASELINES = {"original, cached": True, "original, recomputing": False}


@dataclass(frozen=True)
class GenerationPlan:
    """What both processes decode: rows of as many tokens as `lengths` says, `<eos>` included."""

    config: TVAEConfig
    device: str
    lengths: list[int]
    seed: int
    own: bool = False

    def latents(self) -> Tensor:
        """The same latents for both, `(len(lengths), n_latent, latent_size)`."""
        generator = torch.Generator().manual_seed(self.seed)
        shape = (len(self.lengths), self.config.n_latent, self.config.latent_size)
        return torch.randn(shape, generator=generator).to(self.device)


class OurGeneration:
    """Our side: `decode_latents` with weights in fp32 or bf16."""

    def __init__(self, plan: GenerationPlan, precisions: list[str]) -> None:
        torch.manual_seed(plan.seed)
        self.plan, self.latents = plan, plan.latents()
        model: TransformerVAE = TransformerVAE(plan.config).to(plan.device).eval()  # type: ignore[arg-type]
        self.models = {
            name: model if name == "fp32" else copy.deepcopy(model).bfloat16()
            for name in precisions
        }

    def decode(self, precision: str) -> list[list[int]]:
        """The decoded rows, without their `<eos>`."""
        return decode_latents(
            self.models[precision],
            self.latents,
            1.0,
            batch_size=len(self.latents),
            lengths=[length - 1 for length in self.plan.lengths],
        )

    def time(self, precision: str) -> float:
        """Seconds to decode all rows."""
        return seconds(partial(self.decode, precision), self.plan.device)


class OriginalGeneration:
    """The baseline's side: `transformers`' `generate` in fp32."""

    def __init__(self, plan: GenerationPlan) -> None:
        torch.manual_seed(plan.seed)
        self.plan, self.latents = plan, plan.latents()
        self.model = OriginalVAE(plan.config, plan.own).to(plan.device).eval()

    def decode(self, use_cache: bool) -> list[list[int]]:
        """The decoded rows with their `<eos>`, padded."""
        lengths = torch.tensor(self.plan.lengths, device=self.latents.device)
        rows = self.model.generate(self.latents, max(self.plan.lengths), use_cache, lengths)
        return rows.tolist()

    def time(self, use_cache: bool) -> float:
        """Seconds to decode all rows."""
        return seconds(partial(self.decode, use_cache), self.plan.device)


def real_lengths(path: str, most: int, count: int, seed: int) -> list[int]:
    """Tokens of `count` random rows of a prepared set, `<eos>` included, cut to `most`."""
    lengths = CutRows(PreparedSet(path).rows("train"), most).lengths + 1
    found: list[int] = np.random.default_rng(seed).choice(lengths, count).tolist()
    return found


def run(args: argparse.Namespace) -> list[Record]:
    """Measures and prints the decoding speed of both."""
    if args.length < 2:
        raise CommandError("--length must be at least 2: one token and <eos>", 2)
    config = check_settings(args, max_length=args.length)
    device = use_machine(args)
    lengths = [args.length] * args.batch_size
    if args.data:
        lengths = real_lengths(args.data, args.length, args.batch_size, args.seed)
    plan = GenerationPlan(config, device, lengths, args.seed, args.original == "own")
    precisions = [args.precision] if args.precision else ["fp32", "bf16"]
    threads = torch.get_num_threads()
    with (
        Worker("the original's architecture", threads, OriginalGeneration, plan) as original,
        Worker("our model", threads, OurGeneration, plan, precisions) as ours,
    ):
        tasks = {name: partial(original.call, "time", cached) for name, cached in BASELINES.items()}
        tasks |= {name: partial(ours.call, "time", name) for name in precisions}
        quick = {name: task for name, task in tasks.items() if "recomputing" not in name}
        alternate(quick, 1, "warm-up")
        found = alternate(tasks, args.repeats, "generate")
    sizes = f"{args.length} tokens"
    if args.data:
        sizes = f"up to {sizes}, mean {sum(lengths) / len(lengths):.1f}"
    print(
        f"generate: {architecture_name(args)}; {args.batch_size} rows of {sizes}; "
        f"vocabulary {config.vocab_size:,}; {device}, {threads} thread(s); greedy; "
        f"original in fp32, {args.original} terms"
    )
    print(generation_table(found, args.batch_size))
    return generation_records(found, args.batch_size)


def generation_table(found: dict[str, list[float]], items: int) -> str:
    """The measured runs as text."""
    heads = [title for name in BASELINES for title in (f"over {name}", "spread")]
    rows = [["", "seconds", "items/s", *heads]]
    for name, times in found.items():
        middle = statistics.median(times)
        cells = [name, number(middle), number(items / middle)]
        for baseline in BASELINES:
            ratio, (low, high) = paired_ratio(found[baseline], times)
            ours = name not in BASELINES
            cells += [f"{ratio:.2f}x", f"{low:.2f}..{high:.2f}"] if ours else ["", ""]
        rows.append(cells)
    return aligned(rows)


def generation_records(found: dict[str, list[float]], items: int) -> list[Record]:
    """One record for each of our precisions over each baseline."""
    records = []
    for name, times in found.items():
        if name in BASELINES:
            continue
        value = items / statistics.median(times)
        for baseline in BASELINES:
            ratio, spread = paired_ratio(found[baseline], times)
            base = items / statistics.median(found[baseline])
            what = f"generate {name} over {baseline}"
            records.append(Record(what, value, "items/s", base, ratio, spread))
    return records
