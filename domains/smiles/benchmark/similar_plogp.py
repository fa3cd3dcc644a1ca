"""`optimise --benchmark plogp`: penalised logP under similarity, against random perturbation.

From each of 100 molecules, the ones of lowest penalised logP (`plogp`) in the MOSES test split, the
score is improved within the budget while the similarity to the start stays at least `--similarity`,
0.4 by default: the protocol of JT-VAE (Jin et al. 2018, arXiv 1802.04364) on MOSES molecules. The
molecules are in `plogp_moses_test.smi`, made by scoring the whole split.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tvae_core.cli.options import open_space
from tvae_core.cli.parser import CommandParser, positive_int
from tvae_core.search.strategies import METHODS
from tvae_core.support.errors import CommandError
from tvae_core.support.files import check_file, json_text, write_whole
from tvae_core.support.machine import available_cores
from tvae_core.support.progress import Bar
from tvae_core.support.table import text_table
from tvae_core.support.workers import Workers

if TYPE_CHECKING:
    from tvae_core.search.search import Search
    from tvae_core.space import LatentSpace

BENCHMARKS = {"plogp": Path(__file__).parent / "plogp_moses_test.smi"}
SIMILARITY, BUDGET, MOLECULES = 0.4, 1000, 100
UNUSED = (
    *("output", "format", "plot", "history", "resume"),
    *("min", "max", "alerts", "scaffold", "keep_scaffold"),
)
"""Arguments of a search that no benchmark takes."""
TOGETHER = 8
"""Searches that are decoded together."""


@dataclass(frozen=True)
class Outcome:
    """What one search of the benchmark came to."""

    method: str
    start: str
    best: str
    improvement: float
    similarity: float
    calls: int
    decoded: int
    halfway: float


def add_benchmark_arguments(parser: CommandParser) -> None:
    """The arguments of the benchmark."""
    group = parser.add_argument_group("benchmark")
    group.add_argument("--benchmark", choices=(*BENCHMARKS, "pmo"), default=None)
    group.add_argument(
        "--molecules", type=positive_int, default=None, metavar="N", help=f"of plogp ({MOLECULES})"
    )
    group.add_argument(
        "--methods",
        default=None,
        metavar="A,B",
        help="default: --method, and for plogp random beside it",
    )
    group.add_argument("--tasks", default=None, metavar="A,B", help="of pmo (default: all 20)")
    group.add_argument("--jobs", type=positive_int, default=available_cores())
    group.add_argument("--json", default=None, metavar="FILE")


def search_together(searches: Sequence[Search], space: LatentSpace) -> None:
    """Runs searches to their ends, decoding the codes of all in one batch."""
    import torch

    while True:
        asked = [(search, codes) for search in searches if (codes := search.ask()) is not None]
        if not asked:
            return
        settings = torch.cat([torch.full((len(c),), s.decoding) for s, c in asked])
        texts = iter(space.decode(torch.cat([codes for _, codes in asked]), settings, beams=1))
        for search, codes in asked:
            search.tell([next(texts) for _ in codes])


def _outcomes(
    tasks: Sequence[tuple[str, tuple[str, ...]]],
    bundle: str,
    device: str,
    target: str,
    similarity: float,
    settings: dict[str, Any],
) -> list[list[Outcome]]:
    """Searches of one method from several molecules, for each task."""
    from domains.smiles.benchmark.pmo import worker_space
    from domains.smiles.objectives import parse_objectives
    from tvae_core.search.search import Search

    space = worker_space(bundle, device)
    results = []
    for method, starts in tasks:
        searches = [
            Search(
                space,
                parse_objectives([target], start=start, similarity=similarity),
                start=start,
                method=method,
                **settings,
            )
            for start in starts
        ]
        search_together(searches, space)
        results.append([_outcome(search, method) for search in searches])
    return results


def _outcome(search: Search, method: str) -> Outcome:
    first, path = search.calls[0], search.path()
    half = [call.score for call in path if call.number <= search.budget // 2]
    best = path[-1]  # there always is one: the start is like itself
    return Outcome(
        method,
        search.start or "",
        best.text,
        best.score - first.score,
        best.values["similarity"],
        search.spent,
        search.decoded,
        half[-1] - first.score if half else 0.0,
    )


def figures(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """The figures of one method, over its molecules."""
    gains = np.array([outcome.improvement for outcome in outcomes])
    better = gains > 0
    likeness = [o.similarity for o, good in zip(outcomes, better, strict=True) if good]
    return {
        "improvement_mean": float(gains.mean()),
        "improvement_sd": float(gains.std()),
        "improvement_half_budget": float(np.mean([o.halfway for o in outcomes])),
        "success": float(better.mean()),
        "similarity_mean": float(np.mean(likeness)) if likeness else float("nan"),
        "calls_mean": float(np.mean([o.calls for o in outcomes])),
        "decoded_mean": float(np.mean([o.decoded for o in outcomes])),
    }


def _told(found: Mapping[str, Mapping[str, float]]) -> str:
    """The figures of each method, a line each."""
    rows: list[Sequence[str]] = [
        ("method", "improvement", "at half", "success", "similarity", "codes a call")
    ]
    for method, row in found.items():
        gain = f"{row['improvement_mean']:.2f} +- {row['improvement_sd']:.2f}"
        shares = [
            f"{row[k]:.2f}" for k in ("improvement_half_budget", "success", "similarity_mean")
        ]
        rows.append((method, gain, *shares, f"{row['decoded_mean'] / row['calls_mean']:.1f}"))
    return text_table(rows, "<>", (8, 11, 9, 7, 10, 12))


def run_benchmark(args: Any) -> int:
    """Runs the benchmark that the arguments of `optimise` ask for."""
    if args.target or args.start:
        raise CommandError("--benchmark has its own target and start molecules", 2)
    unused = [*UNUSED, *({"pmo": ("molecules", "similarity"), "plogp": ("tasks",)}[args.benchmark])]
    for name in unused:
        value = getattr(args, name)
        if value is not None and value is not False and value not in ([], "none"):
            flag = name.replace("_", "-")
            raise CommandError(f"--benchmark {args.benchmark} has no use for --{flag}", 2)
    from domains.smiles.benchmark.pmo import method_names, run_pmo
    from domains.smiles.domain import SmilesDomain

    if args.benchmark == "pmo":
        return run_pmo(args)
    if args.json:
        check_file(Path(args.json))
    lines = BENCHMARKS[args.benchmark].read_text(encoding="utf-8").splitlines()
    starts = [line.split()[0] for line in lines][: args.molecules or MOLECULES]
    methods = method_names(args, f"{args.method or METHODS[0]},random")
    space = open_space(args, SmilesDomain())
    similarity = SIMILARITY if args.similarity is None else args.similarity
    budget = args.budget or BUDGET
    names = ("radius", "batch_size", "fidelity", "decodes")
    given = {name: getattr(args, name) for name in names}
    settings = {name: value for name, value in given.items() if value is not None}
    settings |= {"budget": budget, "seed": args.seed or 0}
    groups = [tuple(starts[i : i + TOGETHER]) for i in range(0, len(starts), TOGETHER)]
    tasks = [(method, group) for group in groups for method in methods]
    work = functools.partial(
        _outcomes,
        bundle=str(args.bundle),
        device=str(space.model.device),
        target=args.benchmark,
        similarity=similarity,
        settings=settings,
    )
    began = time.monotonic()
    with Workers(args.jobs) as workers:
        parts = workers.map(work, tasks, chunk=1, pays_from=2, progress=Bar("benchmark", "group"))
    outcomes = [outcome for part in parts for outcome in part]
    table = {m: figures([o for o in outcomes if o.method == m]) for m in methods}
    print(_told(table))
    minutes = (time.monotonic() - began) / 60
    print(f"{len(starts)} molecules, {budget:,} calls each, similarity >= {similarity:g}")
    print(f"{minutes:.1f} min", file=sys.stderr)
    if args.json:
        flat: dict[str, object] = {
            f"{method}_{name}": value
            for method, row in table.items()
            for name, value in row.items()
        }
        flat |= {
            "n": len(starts),
            "budget": budget,
            "similarity": similarity,
            "seed": settings["seed"],
        }
        flat |= {"benchmark": args.benchmark, "bundle": space.bundle.hash, "minutes": minutes}
        flat["molecules"] = [outcome.__dict__ for outcome in outcomes]
        write_whole(Path(args.json), json_text(json.loads(json.dumps(flat))))
    return 0
