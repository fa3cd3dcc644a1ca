"""`Sampling`: what `sample` asks of a domain, and what it does where the domain says nothing."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tvae_core.sampling.funnel import NOVEL, RANKED, RAW, UNIQUE, VALID, WINDOW, Judge, judge_of
from tvae_core.support.words import counted

if TYPE_CHECKING:
    import pyarrow as pa

    from tvae_core.decoding.settings import Decoding
    from tvae_core.domain_commands import DomainCommands
    from tvae_core.sampling.funnel import Result, Sample, Wanted
    from tvae_core.space.space import LatentSpace

Own = Mapping[str, Any]
"""Settings of a domain's own, as plain JSON."""

REASONS_SHOWN = 5
_STAGES = {VALID: "invalid", UNIQUE: "repeated", NOVEL: "known", WINDOW: "limits"}
"""What the table of rejected texts calls the stage that stopped one."""


class Sampling:
    """The sampling of a domain's items.

    Attributes:
        sort: the score to rank by, where none is named.
        drawn: what a line of `--raw` is called.
        long_from: samples from which on a run with an output is a long one without being asked.
        packages: those whose versions decide what a long run writes.
        narrowest: width of the narrowest column of the table of the best; None for its content's.
    """

    sort: str | None = None
    drawn = "text"
    long_from: int | None = None
    packages: tuple[str, ...] = ("torch",)
    narrowest: int | None = None

    def __init__(self, commands: DomainCommands) -> None:
        self.commands = commands

    def add_arguments(self, group: argparse._ArgumentGroup) -> None:
        """Flags of the domain's own stages."""

    def own(self, args: argparse.Namespace) -> dict[str, Any]:
        """The settings that those flags give, refused by `ValueError` if they make no sense."""
        return {}

    def names(self, own: Own) -> list[str]:
        """The scores that there are."""
        return list(self.commands.domain.score([]))

    def nameable(self) -> list[str]:
        """The scores that limits and rankings may name, if what they need is there."""
        return self.names({})

    def check(self, wanted: Wanted, own: Own) -> None:
        """Refuses, by `ValueError`, unknown scores and limits that nothing meets."""
        wanted.check(self.nameable())

    def judge(self, bundle: Path, own: Own, jobs: int = 1) -> Judge:
        """The domain's judge.

        Args:
            bundle: folder of the bundle, which may tell training items.
            own: as `own` gives them.
            jobs: processes for many texts.
        """
        return judge_of(self.commands.domain, self.commands.known(bundle))

    def look_up(self, space: LatentSpace, own: Own) -> None:
        """Tells what the bundle cannot do with those settings."""

    def row(self, sample: Sample) -> dict[str, Any]:
        """A kept sample as a row of a file."""
        novel = {} if sample.novel is None else {"novel": sample.novel}
        return {"text": sample.look.form, **sample.scores, "sample": sample.number, **novel}

    def lost_rows(self, found: Result) -> list[dict[str, Any]]:
        """The samples that were stopped, but for those that only ranked too low, as rows."""
        return [self.lost_row(sample) for sample in found.lost if sample.stage != RANKED]

    def lost_row(self, sample: Sample) -> dict[str, Any]:
        """A sample that was stopped as a row."""
        place = sample.look.position
        return {
            "text": sample.text if sample.stage in (VALID, UNIQUE) else sample.look.form,
            "sample": sample.number,
            "stage": _STAGES[sample.stage],
            "reason": sample.reason,
            "character": None if place is None else place + 1,
        }

    def origin(self, args: argparse.Namespace, own: Own) -> dict[str, Any]:
        """What files say of what was let through."""
        steered = {"target_property": args.target_property} if args.target_property else {}
        return steered | {
            "min": args.min,
            "max": args.max,
            "sort": args.sort,
            "top": args.top,
            "novel": args.novel,
        }

    def told(self, found: Result, wanted: Wanted, own: Own, judge: Judge, auto: bool) -> str:
        """The counts in words: validity, distinct and novel ones, and why texts are invalid."""
        counts = found.counts
        lines = [f"{_kind(auto)} {found.validity:.4f} ({counts[VALID]:,} of {counts[RAW]:,})"]
        shown = f"{found.uniqueness:.4f}" if counts[VALID] else "-"
        lines.append(f"unique {shown} ({found.distinct:,} of {counts[VALID]:,} valid)")
        if found.novel is not None:
            shown = f"{found.novelty:.4f}" if found.distinct else "-"
            lines.append(f"novel {shown} ({found.novel:,} of {found.distinct:,} distinct)")
        if wanted.minimum or wanted.maximum:
            lines.append(f"within {wanted.window()}: {counts[WINDOW]:,}")
        return "\n".join([*lines, *_reasons(found)])

    def output_table(self, table: pa.Table, can_tell_novel: bool) -> pa.Table:
        """Rows of a part of a long run with the columns of `row`."""
        import pyarrow as pa
        import pyarrow.compute as pc

        columns = {"text": table["text"]}
        for name in table.column_names:
            if name.startswith("score:"):
                columns[name.removeprefix("score:")] = table[name]
        columns["sample"] = pc.add(table["index"], 1)
        if can_tell_novel:
            columns["novel"] = table["novel"]
        return pa.table(columns)

    def facts(self) -> tuple[str, ...]:
        """The facts of a look that parts of a long run keep, all texts."""
        return ()

    def same(self, texts: Sequence[str]) -> list[str | None]:
        """What is equal for texts that are one item, None for what is no item."""
        verdicts = self.commands.domain.check(texts)
        return [v.canonical or t if v.ok else None for t, v in zip(texts, verdicts, strict=True)]


@dataclass(frozen=True)
class Asked:
    """What the arguments of `sample` ask for, checked before the bundle is opened.

    Attributes:
        args: as parsed.
        commands: the domain's.
        hooks: its sampling.
        wanted: what is let through.
        own: the domain's own settings.
        targets: scores to steer to.
    """

    args: argparse.Namespace
    commands: DomainCommands
    hooks: Sampling
    wanted: Wanted
    own: Own
    targets: Mapping[str, float]

    @property
    def jobs(self) -> int:
        """Processes for many texts, in a domain where several pay."""
        return int(getattr(self.args, "jobs", 1))

    def judge(self, space: LatentSpace) -> Judge:
        """The domain's judge, for the bundle.

        Raises:
            ValueError: only novel items are wanted, and the bundle does not tell them.
        """
        judge = self.hooks.judge(space.bundle.path, self.own, self.jobs)
        if self.wanted.novel and judge.known is None:
            raise ValueError("--novel needs the set of training items, which this bundle has not")
        return judge

    def origin(self, space: LatentSpace, how: Decoding) -> dict[str, Any]:
        """Where the items are from, for their file."""
        args = self.args
        return self.commands.origin(
            {
                "bundle": space.bundle.hash,
                "seed": args.seed,
                "command": "sample",
                "domain": self.commands.domain.name,
                "n": args.n,
                "prior": args.prior,
                **how.told(),
                **self.hooks.origin(args, self.own),
            }
        )

    def told(self, found: Result, judge: Judge) -> str:
        """The counts in words."""
        return self.hooks.told(found, self.wanted, self.own, judge, self.args.fidelity == "auto")


def _kind(auto: bool) -> str:
    return "validity with a retry at smoother settings" if auto else "raw validity"


def _reasons(found: Result) -> list[str]:
    """The most frequent reasons why texts are invalid, below an empty line."""
    if not found.reasons:
        return []
    ordered = found.reasons.most_common()
    lines = [f"{count:7,}  {' '.join(reason.split())}" for reason, count in ordered[:REASONS_SHOWN]]
    others = ordered[REASONS_SHOWN:]
    if others:
        total = sum(count for _, count in others)
        lines.append(f"{total:7,}  {counted(len(others), 'other reason')}")
    return ["", "invalid:", *lines]


def sampling_hooks(commands: DomainCommands) -> Sampling:
    """What a domain adds to `sample`, or what any domain has."""
    found: Sampling = Sampling(commands) if commands.sampling is None else commands.sampling()
    return found
