"""Train on a machine that has little installed, against the clock.

    python -m data_prep.pack data/druglike druglike -o druglike.packed          where the data are
    python -m tvae_core.train_kit druglike.packed -o kit --minutes 9            where the GPU is
    python -m domains.smiles.train druglike --data data/druglike --weights kit  back again

The packed set holds tokens, features, tokenizer and settings. Training needs torch, transformers,
tokenizers, safetensors and numpy alone. It saves every minute and goes on where a run in the same
folder was stopped, until its minutes are over. The folder's weights are finished (priors, default
settings, card) where the data are.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from tvae_core.cli.parser import CommandParser, positive_int, run_command
from tvae_core.support.errors import BAD_USAGE, CommandError

MOST_BYTES = 16_000_000
"""Of a bundle's weights, without a word."""


def make_parser() -> CommandParser:
    """The flags of the command."""
    parser = CommandParser(prog="python -m tvae_core.train_kit", description=__doc__)
    add = parser.add_argument
    add("packed", type=Path, help="the packed set")
    add("-o", "--output", type=Path, required=True, help="folder of the run")
    add("--minutes", type=float, required=True, help="in all, those of a resumed run included")
    add("--batch-size", type=positive_int, help="items a step (default: the preset's)")
    add("--learning-rate", type=float, help="at its peak (default: the preset's)")
    add("--device", help="cpu or cuda (default: cuda if there is one)")
    add("--precision", choices=("auto", "bf16", "fp32"), default="auto", help="of the products")
    add("--compile", choices=("auto", "on", "off"), default="auto", help="auto: if it is faster")
    add("--threads", type=int, default=0, help="CPU threads (default: all)")
    add("--seed", type=int, help="of weights, order and noise (default: the preset's)")
    return parser


def train(args: argparse.Namespace) -> None:
    """Runs the command with parsed arguments.

    Raises:
        CommandError: no time, or a rate that is none.
    """
    if not 0 < args.minutes < math.inf:
        raise CommandError(f"--minutes must be more than 0, not {args.minutes:g}", BAD_USAGE)
    if args.learning_rate is not None and not 0 < args.learning_rate < math.inf:
        raise CommandError("--learning-rate must be more than 0", BAD_USAGE)

    import torch

    from tvae_core.support.files import check_parent, sha256_file
    from tvae_core.support.machine import multiplies_bf16_fast, use_threads
    from tvae_core.support.settings import trust_where_unchecked
    from tvae_core.train_kit.loop import Clock, KitRun
    from tvae_core.train_kit.packed import read_packed

    trust_where_unchecked()
    device = args.device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise CommandError(f"--device {device}: {reason}", BAD_USAGE) from None
    use_threads(args.threads)
    check_parent(args.output / "kit.json")
    packed = read_packed(args.packed)
    asked = packed.train
    kind = torch.device(device).type
    clock = Clock(
        seconds=60 * args.minutes,
        batch_size=min(args.batch_size or int(asked.get("batch_size", 256)), len(packed)),
        learning_rate=args.learning_rate or float(asked.get("learning_rate", 1e-3)),
        warmup_steps=int(asked.get("warmup_steps", 300)),
        seed=int(asked.get("seed", 0)) if args.seed is None else args.seed,
        compile=args.compile,
        device=device,
        bf16=args.precision == "bf16" or (args.precision == "auto" and multiplies_bf16_fast(kind)),
    )
    run = KitRun(packed, args.output, clock, sha256_file(args.packed))
    size = sum(p.numel() for p in run.model.parameters())
    if run.progress.seconds >= clock.seconds:
        raise CommandError(
            f"{args.output} has trained for {run.progress.seconds / 60:.1f} minutes already; give "
            "more --minutes to go on",
            BAD_USAGE,
        )
    tell(
        f"{size / 1e6:.2f}M parameters, {len(packed):,} items ({len(packed.featured):,} with "
        f"features), batches of {clock.batch_size}, {device}, {'bf16' if clock.bf16 else 'fp32'}"
        + (f", going on from step {run.progress.step}" if run.progress.step else "")
    )
    if 2 * size > MOST_BYTES:
        tell(f"the weights take {2 * size / 1e6:.0f} MB, more than {MOST_BYTES / 1e6:.0f}")
    steps = run.train(tell)
    seen = steps * clock.batch_size
    print(f"{args.output}: {steps:,} steps, {seen:,} items seen, {seen / len(packed):.2f} epochs")


def tell(line: str) -> None:
    """A line on stderr."""
    print(line, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = make_parser()
    return run_command("tvae_core.train_kit", lambda: train(parser.parse(arguments)))


if __name__ == "__main__":
    sys.exit(main())
