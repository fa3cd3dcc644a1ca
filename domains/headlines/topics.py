"""Topics as places in latent space: mean and spread of the codes of each label's headlines.

    python -m domains.headlines.topics [CKPT] --data data/headlines      adds them to a bundle

    sample_topic(space, "SPORTS", 10).texts                              # headlines of one label
    topics = Topics.load(space.bundle.path)
    code + topics.direction("POLITICS", "TRAVEL")                        # a step towards another

A label's codes are taken as a Gaussian with a diagonal covariance; see `topic_file`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from domains.headlines.commands import COMMANDS
from domains.headlines.topic_file import ABOUT, CODE_STREAM, TENSORS, Topics
from tvae_core.cli.options import add_space_arguments, open_space, parser_for
from tvae_core.cli.parser import positive_int, run_command
from tvae_core.data.prepared import PreparedSet, TokenRows
from tvae_core.decoding.dial import sigma_of
from tvae_core.space import LatentSpace, Samples
from tvae_core.space.space import Progress
from tvae_core.support.errors import CommandError
from tvae_core.support.progress import Bar
from tvae_core.support.random_rows import normal_rows

__all__ = ["Topics", "make_topics", "noisy", "sample_topic"]

MOST_ROWS, LEAST_ROWS = 20_000, 50
LEAST_SCALE = 1e-3


def choose_rows(
    labels: Sequence[str], most: int = MOST_ROWS, least: int = LEAST_ROWS, seed: int = 0
) -> dict[str, list[int]]:
    """Rows to make topics of: labels with at least `least` rows, `most` rows in all.

    Rare labels keep all of their rows, frequent ones give as many each as there is room for.

    Raises:
        ValueError: no label has that many rows, or `most` leaves too few for each.
    """
    by_label: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        if label:
            by_label.setdefault(label, []).append(row)
    kept = {label: rows for label, rows in sorted(by_label.items()) if len(rows) >= least}
    if not kept:
        raise ValueError(f"topics need a label with at least {least} headlines")
    if len(kept) * least > most:
        raise ValueError(f"{most:,} rows are too few for {len(kept)} labels of at least {least}")
    room, cap = most, 0
    for left, size in enumerate(sorted(map(len, kept.values()))):
        cap = room // (len(kept) - left)
        if size > cap:
            break
        room, cap = room - size, size
    rng = np.random.default_rng(seed)
    return {label: np.sort(rng.permutation(rows)[:cap]).tolist() for label, rows in kept.items()}


def make_topics(
    space: LatentSpace,
    rows: TokenRows,
    *,
    most: int = MOST_ROWS,
    least: int = LEAST_ROWS,
    seed: int = 0,
    progress: Progress | None = None,
) -> Topics:
    """Encodes labelled headlines, and takes mean and spread of the codes of each label.

    Args:
        space: of the bundle.
        rows: of a prepared set; those that are too long for the model, and those without a label,
            are left out.
        most: rows to encode, at most.
        least: rows a label needs.
        seed: of the choice.
        progress: called with (done, total).

    Raises:
        PreparedSetError: the set has no labels.
        ValueError: no label has enough rows.
    """
    fitting = np.flatnonzero(
        (rows.lengths > 0) & (rows.lengths <= space.model.config.max_length)
    ).tolist()
    chosen = choose_rows(rows.labels(fitting), most, least, seed)
    total, done = sum(map(len, chosen.values())), 0
    means, scales = [], []
    for numbers in chosen.values():
        texts = rows.texts([fitting[number] for number in numbers])
        codes = space.encode(texts)
        means.append(codes.mean(0))
        scales.append(codes.std(0).clamp(min=LEAST_SCALE))
        done += len(texts)
        if progress is not None:
            progress(done, total)
    counts = tuple(len(numbers) for numbers in chosen.values())
    return Topics(tuple(chosen), counts, torch.stack(means), torch.stack(scales))


def noisy(space: LatentSpace, codes: Tensor, fidelity: float, seed: int, first_row: int) -> Tensor:
    """Codes with the noise that the decoder expects at a setting of the dial, at unit spread."""
    sigma = float(sigma_of(space.model.config, fidelity))
    shape = tuple(codes.shape[1:])
    noise = normal_rows(first_row, first_row + len(codes), shape, seed, stream=CODE_STREAM + 1)
    return (codes + sigma * noise) / math.sqrt(1 + sigma**2)


def sample_topic(
    space: LatentSpace, label: str, n: int = 10, seed: int = 0, fidelity: float | None = None
) -> Samples:
    """Random headlines of a topic.

    Args:
        space: of a bundle that has topics.
        label: one of `Topics.labels`.
        n: at least 1.
        seed: of the codes.
        fidelity: setting of the dial; by default the bundle's own.

    Raises:
        ValueError: an unknown label, or a bundle without topics.
    """
    if n < 1:
        raise ValueError(f"the number of samples must be at least 1, not {n}")
    topics = Topics.load(space.bundle.path, space.bundle.hash)
    if topics is None:
        raise ValueError(f"{space.bundle.path} has no topics: python -m domains.headlines.topics")
    setting = space.defaults["sample_fidelity"] if fidelity is None else fidelity
    codes = noisy(space, topics.draw(label, n, seed), setting, seed, 0)
    texts = space.decode(codes, setting, beams=space.sample_beams)
    return Samples(texts, codes, setting)


def main(argv: Sequence[str] | None = None) -> int:
    """Adds topics to a bundle."""
    parser = parser_for(COMMANDS, "topics", "Add the topics of labelled headlines to a bundle.")
    add_space_arguments(parser, COMMANDS)
    parser.add_argument("--data", default="data/headlines", help="prepared set with labels")
    parser.add_argument("--most", type=positive_int, default=MOST_ROWS, help="rows to encode")
    parser.add_argument("--least", type=positive_int, default=LEAST_ROWS, help="rows of a label")
    args = parser.parse(argv)
    if args.least < 2:
        raise CommandError("--least must be at least 2: one headline has no spread", 2)
    space = open_space(args, COMMANDS.domain)
    prepared = PreparedSet(args.data, COMMANDS.domain.name)
    bar = Bar("topics", "headline")
    topics = make_topics(
        space,
        prepared.rows("train"),
        most=args.most,
        least=args.least,
        seed=args.seed,
        progress=bar,
    )
    topics.save(space.bundle.path, space.bundle.hash)
    for label, count in zip(topics.labels, topics.counts, strict=True):
        print(f"{count:7,}  {label}")
    print(f"wrote {TENSORS} and {ABOUT} to {space.bundle.path}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(run_command("topics", main))
