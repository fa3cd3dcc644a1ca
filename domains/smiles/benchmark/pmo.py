"""`optimise --benchmark pmo`: sample efficiency over 20 tasks, as PMO measures it.

Each task is searched from samples of the prior, without a start, and gives the area under the mean
of the ten best scores against the calls (`domains.smiles.pmo.auc_top`). The published sums are over
23 tasks, three of which are not here: a sum over these 20 that is above one of them is above it for
certain.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from domains.smiles.domain import SmilesDomain
from domains.smiles.objectives import parse_objectives
from domains.smiles.pmo import MISSING, TASKS, auc_top
from tvae_core.cli.options import open_space
from tvae_core.search.search import METHODS, Search
from tvae_core.space import LatentSpace
from tvae_core.support.errors import CommandError
from tvae_core.support.files import check_file, json_text, write_whole
from tvae_core.support.machine import available_cores
from tvae_core.support.progress import Bar
from tvae_core.support.table import text_table
from tvae_core.support.words import unknown_name
from tvae_core.support.workers import Workers

BUDGET = 10_000
PUBLISHED = {"SMILES-VAE BO": 8.57, "SELFIES-VAE BO": 8.88, "JT-VAE BO": 8.35, "REINVENT": 14.18}
"""Sums of AUC top-10 over all 23 tasks (Gao et al. 2022, arXiv 2206.12411, table 2)."""


@functools.cache
def worker_space(bundle: str, device: str) -> LatentSpace:
    """The space of a bundle, loaded once a process, which computes on one thread."""
    torch.set_num_threads(1)
    return LatentSpace.load(bundle, SmilesDomain(), device)


def _search(
    tasks: Sequence[tuple[str, str]], bundle: str, device: str, settings: dict[str, Any]
) -> list[dict[str, Any]]:
    space, found = worker_space(bundle, device), []
    for method, task in tasks:
        objective = parse_objectives([f"domains.smiles.pmo:{task}"])
        search = Search(space, objective, method=method, **settings)
        for _ in search.steps():
            pass
        scores = [call.score for call in search.calls]
        ordered = np.sort(np.nan_to_num(scores))[::-1]
        best = search.best
        found.append(
            {
                "method": method,
                "task": task,
                "auc_top10": auc_top(scores, search.budget),
                "top1": float(ordered[0]) if len(ordered) else 0.0,
                "top10": float(ordered[:10].mean()) if len(ordered) else 0.0,
                "best": best.text if best else "",
                "calls": search.spent,
                "decoded": search.decoded,
                "ended": search.ended,
            }
        )
    return found


def task_names(asked: str | None) -> list[str]:
    """The tasks that are asked for, by commas; all of them by default.

    Raises:
        CommandError: an unknown one, the nearest named; exit code 2.
    """
    if asked is None:
        return list(TASKS)
    names = list(dict.fromkeys(name.strip() for name in asked.split(",")))
    for name in names:
        if name in MISSING:
            raise CommandError(f"task {name} needs a classifier that is not part of this", 2)
        if name not in TASKS:
            raise CommandError(str(unknown_name("task", name, TASKS)), 2)
    return names


def method_names(args: Any, default: str) -> list[str]:
    """The methods of `--methods`, each once; those of `default` without it.

    Raises:
        CommandError: an unknown one; exit code 2.
    """
    methods = list(dict.fromkeys(name.strip() for name in (args.methods or default).split(",")))
    for method in methods:
        if method not in METHODS:
            raise CommandError(f"--methods are of {', '.join(METHODS)}, not {method!r}", 2)
    return methods


def run_pmo(args: Any) -> int:
    """Runs the benchmark that the arguments of `optimise` ask for."""
    names, methods = task_names(args.tasks), method_names(args, args.method or METHODS[0])
    if args.json:
        check_file(Path(args.json))
    space = open_space(args, SmilesDomain())
    budget = args.budget or BUDGET
    given = {n: getattr(args, n) for n in ("radius", "batch_size", "fidelity", "decodes")}
    settings = {name: value for name, value in given.items() if value is not None}
    settings |= {"budget": budget, "seed": args.seed or 0}
    work = functools.partial(
        _search, bundle=str(args.bundle), device=str(space.model.device), settings=settings
    )
    began = time.monotonic()
    tasks = [(method, name) for method in methods for name in names]
    with Workers(min(args.jobs or available_cores(), len(tasks))) as workers:
        rows = workers.map(work, tasks, chunk=1, pays_from=2, progress=Bar("pmo", "task"))
    minutes = (time.monotonic() - began) / 60
    sums = {m: _report(m, [row for row in rows if row["method"] == m], budget) for m in methods}
    print(f"{minutes:.1f} min", file=sys.stderr)
    if args.json:
        flat: dict[str, object] = {
            "benchmark": "pmo",
            **{f"{method}_auc_top10_sum": total for method, total in sums.items()},
            "tasks": len(names),
            "minutes": minutes,
            "bundle": space.bundle.hash,
            **settings,
            "rows": rows,
        }
        write_whole(Path(args.json), json_text(flat))
    return 0


def _report(method: str, rows: Sequence[dict[str, Any]], budget: int) -> float:
    """Prints the tasks of one method; gives the sum of their areas."""
    lines = [("task of " + method, "AUC top-10", "top 1", "top 10", "calls", "best")]
    for row in rows:
        figures = (f"{row[name]:.3f}" for name in ("auc_top10", "top1", "top10"))
        lines.append((row["task"], *figures, f"{row['calls']:,}", row["best"]))
    print(text_table(lines, "<>>>>-", (26, 10, 6, 6, 6)))
    total: float = sum(row["auc_top10"] for row in rows)
    print(f"sum of AUC top-10 over {len(rows)} tasks of 23: {total:.3f}; {budget:,} calls each")
    if budget == BUDGET and len(rows) == len(TASKS):
        beaten = [f"{name} {value}" for name, value in PUBLISHED.items() if value < total]
        print(f"above the published sums over all 23 of: {', '.join(beaten) or 'none'}")
    return total
