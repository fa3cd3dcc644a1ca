"""Long sampling runs from the inside, in two domains: parts, what is made of them, refusals."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from domains.registry import commands_of
from tvae_core.bundle import load_bundle
from tvae_core.decoding.settings import Decoding
from tvae_core.domain_commands import DomainCommands
from tvae_core.sampling import run as runs
from tvae_core.sampling.funnel import Wanted, pour
from tvae_core.sampling.hooks import sampling_hooks
from tvae_core.sampling.parts import (
    Job,
    PartError,
    PartMaker,
    fates_of,
    part_bytes,
    part_file,
    read_note,
    read_part,
    write_part,
)
from tvae_core.support.errors import BundleError, CommandError, OutputError

ORIGIN = {"bundle": "b", "seed": 1}
LIMITS = {"smiles": {"logp": 3.5}, "python_code": {"length": 30.0}}
HOW = Decoding(0.05, temperature=1.0, beams=1, seed=1, batch_size=16)


@pytest.fixture(scope="module", params=sorted(LIMITS))
def commands(request: pytest.FixtureRequest) -> DomainCommands:
    return commands_of(request.param)


@pytest.fixture(scope="module")
def job(commands: DomainCommands) -> Job:
    molecules = commands.domain.name == "smiles"
    own = {"alerts": ["pains", "brenk"], "mark_alerts": "none", "reference": None}
    return Job(
        commands=commands.module,
        bundle=str(commands.bundle),
        bundle_hash=load_bundle(commands.bundle).hash,
        device="cpu",
        n=50,
        part_size=16,
        prior="flow",
        how=HOW,
        raw=False,
        wanted=Wanted(maximum=LIMITS[commands.domain.name]),
        own=own if molecules else {},
        packages=sampling_hooks(commands).packages,
    )


@pytest.fixture(scope="module")
def maker(job: Job) -> PartMaker:
    return PartMaker(job)


@pytest.fixture(scope="module")
def parts(job: Job, maker: PartMaker) -> list[pa.Table]:
    """The parts of the job, with items of the first once more in the last."""
    made = [maker.make(number) for number in range(job.parts)]
    note = made[3].schema.metadata
    made[3] = pa.concat_tables([made[3], made[0].slice(0, 5)]).replace_schema_metadata(note)
    return made


def begun(job: Job, output: Path, parts: Sequence[pa.Table]) -> Path:
    """The folder of a run with these parts done."""
    folder = output.with_name(output.name + ".parts")
    folder.mkdir()
    (folder / "job.json").write_text(json.dumps(job.settings()))
    for number, table in enumerate(parts):
        write_part(folder, number, part_bytes(table))
    return folder


def start(job: Job, output: Path, format: str = "csv", resume: bool = False) -> Any:
    commands = commands_of(job.commands.split(".")[1])
    hooks = sampling_hooks(commands)
    judge = None if job.raw else hooks.judge(commands.bundle, job.own)
    return runs.run(job, hooks, judge, output, format, ORIGIN, workers=1, resume=resume)


def finish(job: Job, output: Path, format: str = "csv") -> Any:
    return start(job, output, format, resume=True)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def ranked(job: Job, sort: str | None, top: int) -> Job:
    return replace(job, wanted=replace(job.wanted, sort=sort, top=top))


def test_a_part_depends_on_the_job_and_its_number(
    job: Job, maker: PartMaker, parts: list[pa.Table]
) -> None:
    counted: list[int] = []
    assert maker.make(1, counted.append).equals(parts[1], check_metadata=True)
    assert sum(counted) == 16
    assert part_bytes(parts[1]) == part_bytes(maker.make(1))
    assert [job.rows(number) for number in range(job.parts)] == [
        (0, 16),
        (16, 32),
        (32, 48),
        (48, 50),
    ]


def test_parts_amount_to_the_funnel_of_all_texts(
    job: Job, maker: PartMaker, commands: DomainCommands, tmp_path: Path
) -> None:
    """The counts and the items are those of one funnel over the whole."""
    texts = [text for part in maker.space.sample_batches(50, HOW) for text in part.texts]
    assert maker.judge is not None
    whole = pour(maker.judge, texts, job.wanted)
    result = start(job, tmp_path / "out.csv")
    assert result.counts == whole.counts
    assert (result.distinct, result.novel) == (whole.distinct, whole.novel)
    assert result.reasons == whole.reasons
    assert result.counts["ranked"] < result.counts["unique"] < 50
    wanted = [maker.hooks.row(sample) for sample in whole.kept]
    rows = rows_of(tmp_path / "out.csv")
    assert list(rows[0])[: len(wanted[0])] == [
        commands.text_column if name == "text" else name for name in wanted[0]
    ]
    assert [row[commands.text_column] for row in rows] == [row["text"] for row in wanted]
    (score,) = job.wanted.maximum
    assert [float(row[score]) for row in rows] == pytest.approx(
        [row[score] for row in wanted], rel=1e-5
    )
    assert [p.name for p in tmp_path.iterdir()] == ["out.csv"]


def test_fates_name_novelty_once_it_is_told(maker: PartMaker) -> None:
    kept = ("kept", "kept_known", "kept_novel")
    assert maker.judge is not None
    assert fates_of(maker.judge.order) == (
        ("alerts", "window", "novel", *kept)
        if maker.job.own
        else ("novel", "window", "window_known", "window_novel", *kept)
    )


def test_no_item_is_written_twice(
    job: Job, parts: list[pa.Table], commands: DomainCommands, tmp_path: Path
) -> None:
    begun(job, tmp_path / "out.csv", parts)
    result = finish(job, tmp_path / "out.csv")
    texts = [row[commands.text_column] for row in rows_of(tmp_path / "out.csv")]
    assert len(set(texts)) == len(texts) == result.counts["ranked"]
    distinct = {key for table in parts for key in table["key"].to_pylist()}
    assert result.counts["unique"] == len(distinct) == sum(map(len, parts)) - 5


@pytest.mark.parametrize("name", ["out.parquet", "out.jsonl", "out.txt", "out.csv.gz"])
def test_formats_hold_the_same_items(
    name: str, job: Job, parts: list[pa.Table], commands: DomainCommands, tmp_path: Path
) -> None:
    first = commands.text_column
    begun(job, tmp_path / "out.csv", parts)
    finish(job, tmp_path / "out.csv")
    begun(job, tmp_path / name, parts)
    finish(job, tmp_path / name, name.split(".")[1])
    rows, path = rows_of(tmp_path / "out.csv"), tmp_path / name
    wanted = [row[first] for row in rows]
    if name == "out.parquet":
        table = pq.read_table(path)
        found = table[first].to_pylist()
        assert json.loads(table.schema.metadata[b"provenance"]) == ORIGIN
        assert table.column_names == list(rows[0])[: -len(ORIGIN) - 1]
        (score,) = job.wanted.maximum
        told = [float(row[score]) for row in rows]
        assert table[score].to_pylist() == pytest.approx(told, rel=1e-5)
    elif name == "out.jsonl":
        found = [json.loads(line)[first] for line in path.read_text().splitlines()]
    elif name == "out.txt":
        found = path.read_text().splitlines()[1:]
    else:
        assert gzip.decompress(path.read_bytes()) == (tmp_path / "out.csv").read_bytes()
        return
    assert found == wanted


@pytest.mark.parametrize(("sign", "top"), [("", 7), ("-", 3), ("+", 1000)])
def test_the_best_are_those_of_the_funnel(
    sign: str, top: int, job: Job, maker: PartMaker, parts: list[pa.Table], tmp_path: Path
) -> None:
    (name,) = job.wanted.maximum
    best = ranked(job, f"{sign}{name}", top)
    again = [t.replace_schema_metadata(_renamed(t, best)) for t in parts]
    begun(best, tmp_path / "best.csv", again)
    result = finish(best, tmp_path / "best.csv")
    texts = [text for part in maker.space.sample_batches(50, HOW) for text in part.texts]
    assert maker.judge is not None
    whole = pour(maker.judge, texts, best.wanted)
    found = [float(row[name]) for row in rows_of(tmp_path / "best.csv")]
    assert found == pytest.approx([s.scores[name] for s in whole.kept], rel=1e-5)
    assert result.counts["ranked"] == len(found) == whole.counts["ranked"]


def test_the_first_are_those_drawn_first(job: Job, tmp_path: Path) -> None:
    start(job, tmp_path / "all.txt", "txt")
    start(ranked(job, None, 4), tmp_path / "first.txt", "txt")
    every = (tmp_path / "all.txt").read_text().splitlines()
    assert (tmp_path / "first.txt").read_text().splitlines() == every[:5]


def _renamed(table: pa.Table, job: Job) -> dict[bytes, bytes]:
    note = json.loads(table.schema.metadata[b"part"]) | {"job": job.digest}
    return {b"part": json.dumps(note).encode()}


def test_a_run_goes_on_from_its_parts(
    job: Job, parts: list[pa.Table], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Parts that are there stay, one that is cut short is made again, leftovers go."""
    begun(job, tmp_path / "a.csv", [*parts[:3], PartMaker(job).make(3)])
    finish(job, tmp_path / "a.csv")
    folder = begun(job, tmp_path / "b.csv", parts[:2])
    cut = part_file(folder, 1)
    cut.write_bytes(cut.read_bytes()[:-100])
    (folder / "part-000002.parquet.123.tmp").write_bytes(b"half")
    (folder / ".part-000003.parquet.x.tmp").write_bytes(b"half")
    capsys.readouterr()
    finish(job, tmp_path / "b.csv")
    told = capsys.readouterr().err
    assert "part-000001.parquet cannot be read" in told
    assert "going on: 16 of 50 samples are there" in told
    assert (tmp_path / "b.csv").read_bytes() == (tmp_path / "a.csv").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "b.csv"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"how": replace(HOW, seed=2)}, "seed was 1, now 2"),
        ({"n": 51}, "n was 50, now 51"),
        ({"how": replace(HOW, fidelity="auto")}, "fidelity was 0.05, now auto"),
        ({"part_size": 8}, "part size was 16, now 8"),
        ({"wanted": Wanted(novel=True)}, "novel only was False, now True"),
        ({"own": {"reference": "CCO"}}, "now CCO"),
        ({"raw": True}, "raw was False, now True"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_settings_are_refused(
    change: dict[str, Any], told: str, job: Job, parts: list[pa.Table], tmp_path: Path
) -> None:
    folder = begun(job, tmp_path / "out.csv", parts)
    with pytest.raises(CommandError, match="has other settings") as refused:
        finish(replace(job, **change), tmp_path / "out.csv")
    assert told in str(refused.value)
    assert refused.value.exit_code == 2
    assert len(list(folder.glob("part-*.parquet"))) == 4


def test_where_the_bundle_lies_may_change(job: Job) -> None:
    assert replace(job, bundle="elsewhere", device="cuda").digest == job.digest
    assert replace(job, prior="normal").digest != job.digest


def test_refusals(job: Job, parts: list[pa.Table], tmp_path: Path) -> None:
    folder = begun(job, tmp_path / "out.csv", parts)
    with pytest.raises(CommandError, match="holds an unfinished run; --resume goes on"):
        start(job, tmp_path / "out.csv")
    with (
        runs._opened(job, folder, tmp_path / "out.csv", True),
        pytest.raises(CommandError, match="another process is at work"),
    ):
        finish(job, tmp_path / "out.csv")
    (folder / "job.json").write_text("[")
    with pytest.raises(CommandError, match=r"job\.json is damaged"):
        finish(job, tmp_path / "out.csv")
    (tmp_path / "other.csv.parts").mkdir()
    (tmp_path / "other.csv.parts" / "mine.txt").write_text("x")
    with pytest.raises(CommandError, match="in the way"):
        finish(job, tmp_path / "other.csv")
    (tmp_path / "done.csv").write_text("x")
    with pytest.raises(CommandError, match="is there already"):
        finish(job, tmp_path / "done.csv")
    with pytest.raises(OutputError, match="cannot write"):
        finish(job, tmp_path / "missing" / "out.csv")
    with pytest.raises(OutputError, match="cannot write"):
        write_part(folder / "job.json", 0, b"x")
    with pytest.raises(BundleError, match="has weights"):
        PartMaker(replace(job, bundle_hash="0"))


def test_a_full_disk_is_told(job: Job, parts: list[pa.Table], tmp_path: Path) -> None:
    """/dev/full takes nothing; the parts stay for another try."""
    folder = begun(job, tmp_path / "out.csv", parts)
    (folder / "out.csv").symlink_to("/dev/full")
    with pytest.raises(OutputError, match=r"cannot write .*out\.csv: No space left on device"):
        finish(job, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()
    (folder / "out.csv").unlink()
    finish(job, tmp_path / "out.csv")
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot write"):
        write_part(tmp_path / "file", 0, b"x")


def test_damage_inside_a_part_is_found(job: Job, parts: list[pa.Table], tmp_path: Path) -> None:
    folder = begun(job, tmp_path / "out.csv", parts)
    path = part_file(folder, 0)
    content = bytearray(path.read_bytes())
    column = pq.read_metadata(path).row_group(0).column(0)
    content[column.data_page_offset + column.total_compressed_size // 2] ^= 0xFF
    path.write_bytes(content)
    assert read_note(folder, 0, job.digest)["drawn"] == 16
    with pytest.raises(PartError, match="damaged"):
        read_part(folder, 0)
    with pytest.raises(CommandError, match="delete that file and run again with --resume"):
        finish(job, tmp_path / "out.csv")
    with pytest.raises(PartError, match="belongs to another run"):
        read_note(folder, 1, "other")


def test_raw_parts_are_every_string(job: Job, maker: PartMaker, tmp_path: Path) -> None:
    raw = replace(job, raw=True, how=replace(HOW, fidelity="auto"))
    assert start(raw, tmp_path / "raw.smi", "") is None
    codes = maker.space.sample_latents(50, 1, "flow", None)
    texts = maker.space.decode(codes, "auto", temperature=1.0, seed=1)
    assert (tmp_path / "raw.smi").read_text().splitlines() == texts
