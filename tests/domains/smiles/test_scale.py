"""Long sampling runs from the inside: parts, the output made of them, refusals."""

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
from rdkit import Chem

from domains.smiles import scale
from domains.smiles.commands import load_known
from domains.smiles.domain import BUNDLE
from domains.smiles.funnel import FunnelOptions, run_funnel
from domains.smiles.scale_parts import (
    Job,
    PartError,
    PartMaker,
    part_bytes,
    part_file,
    read_note,
    read_part,
    write_part,
)
from tvae_core.bundle import load_bundle
from tvae_core.support.errors import BundleError, CommandError, OutputError

ORIGIN = {"bundle": "b", "seed": 1}
KNOWN = load_known(BUNDLE)


@pytest.fixture(scope="module")
def job() -> Job:
    return Job(
        bundle=str(BUNDLE),
        bundle_hash=load_bundle(BUNDLE).hash,
        device="cpu",
        n=50,
        part_size=16,
        batch_size=16,
        seed=1,
        prior="flow",
        fidelity=0.05,
        temperature=1.0,
        top_p=1.0,
        beams=1,
        raw=False,
        reference=None,
        options=FunnelOptions(maximum={"logp": 3.5}, sort=None),
    )


@pytest.fixture(scope="module")
def maker(job: Job) -> PartMaker:
    return PartMaker(job)


@pytest.fixture(scope="module")
def parts(job: Job, maker: PartMaker) -> list[pa.Table]:
    """The parts of the job, with molecules of the first once more in the last."""
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


def finish(job: Job, output: Path, format: str = "csv") -> Any:
    return scale.run(job, KNOWN, output, format, ORIGIN, workers=1, resume=True)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


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
    job: Job, maker: PartMaker, tmp_path: Path
) -> None:
    """The counts and the molecules are those of one funnel over the whole."""
    texts = maker.space.sample(50, 1, "flow", 0.05, 1.0, 1.0, batch_size=16).texts
    whole = run_funnel(texts, options=job.options, known=KNOWN)
    result = scale.run(job, KNOWN, tmp_path / "out.csv", "csv", ORIGIN, workers=1)
    assert result is not None
    assert result.counts == whole.counts
    assert result.table() == whole.table()
    assert result.counts["window"] < result.counts["alerts"] < result.counts["parsed"]
    rows = rows_of(tmp_path / "out.csv")
    assert [(r["smiles"], r["name"], r["inchikey"]) for r in rows] == [
        (s.smiles, f"sample-{s.index + 1}", s.inchikey) for s in whole.survivors
    ]
    assert [float(r["qed"]) for r in rows] == pytest.approx(
        [s.scores["qed"] for s in whole.survivors], rel=1e-5
    )
    assert [p.name for p in tmp_path.iterdir()] == ["out.csv"]


def test_no_molecule_is_written_twice(job: Job, parts: list[pa.Table], tmp_path: Path) -> None:
    begun(job, tmp_path / "out.csv", parts)
    result = finish(job, tmp_path / "out.csv")
    names = [row["smiles"] for row in rows_of(tmp_path / "out.csv")]
    assert len(set(names)) == len(names) == result.counts["ranked"]
    distinct = {key for table in parts for key in table["key"].to_pylist()}
    assert result.counts["unique"] == len(distinct) == sum(map(len, parts)) - 5


@pytest.mark.parametrize("name", ["out.parquet", "out.smi", "out.sdf", "out.csv.gz"])
def test_formats_hold_the_same_molecules(
    name: str, job: Job, parts: list[pa.Table], tmp_path: Path
) -> None:
    begun(job, tmp_path / "out.csv", parts)
    finish(job, tmp_path / "out.csv")
    begun(job, tmp_path / name, parts)
    finish(job, tmp_path / name, name.split(".")[1])
    rows, path = rows_of(tmp_path / "out.csv"), tmp_path / name
    wanted = [row["smiles"] for row in rows]
    if name == "out.parquet":
        table = pq.read_table(path)
        found = table["smiles"].to_pylist()
        assert json.loads(table.schema.metadata[b"provenance"]) == ORIGIN
        assert table.column_names == list(rows[0])[: -len(ORIGIN) - 1]
        assert table["sa"].to_pylist() == pytest.approx([float(r["sa"]) for r in rows], rel=1e-5)
    elif name == "out.smi":
        found = [line.split()[0] for line in path.read_text().splitlines()]
    elif name == "out.sdf":
        found = [Chem.MolToSmiles(mol) for mol in Chem.SDMolSupplier(str(path))]
    else:
        assert gzip.decompress(path.read_bytes()) == (tmp_path / "out.csv").read_bytes()
        return
    assert found == wanted


@pytest.mark.parametrize(("sort", "top"), [("qed", 7), ("sa", 1), ("-logp", 3), ("+sa", 1000)])
def test_the_best_are_those_of_the_funnel(
    sort: str, top: int, job: Job, parts: list[pa.Table], tmp_path: Path
) -> None:
    begun(job, tmp_path / "all.csv", parts)
    finish(job, tmp_path / "all.csv")
    ranked = replace(job, options=replace(job.options, sort=sort, top=top))
    again = [t.replace_schema_metadata(_renamed(t, ranked)) for t in parts]
    begun(ranked, tmp_path / "best.csv", again)
    result = finish(ranked, tmp_path / "best.csv")
    name = sort.lstrip("+-")
    sign = -1 if sort in ("qed", "+sa") else 1
    every = sorted(rows_of(tmp_path / "all.csv"), key=lambda row: sign * float(row[name]))
    best = rows_of(tmp_path / "best.csv")
    assert [row[name] for row in best] == [row[name] for row in every[:top]]
    assert result.counts["ranked"] == len(best) == min(top, len(every))


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
        ({"seed": 2}, "seed was 1, now 2"),
        ({"n": 51}, "n was 50, now 51"),
        ({"fidelity": "auto"}, "fidelity was 0.05, now auto"),
        ({"part_size": 8}, "part size was 16, now 8"),
        ({"options": FunnelOptions(sort=None)}, "maximum was {'logp': 3.5}, now {}"),
        ({"reference": "CCO"}, "reference was None, now CCO"),
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
    assert replace(job, seed=9).digest != job.digest


def test_refusals(job: Job, parts: list[pa.Table], tmp_path: Path) -> None:
    folder = begun(job, tmp_path / "out.csv", parts)
    with pytest.raises(CommandError, match="holds an unfinished run; --resume goes on"):
        scale.run(job, KNOWN, tmp_path / "out.csv", "csv", ORIGIN, workers=1)
    with (
        scale._opened(job, folder, tmp_path / "out.csv", True),
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
    novel = replace(job, options=FunnelOptions(novel_only=True))
    with pytest.raises(ValueError, match="no known set"):
        scale.run(novel, None, tmp_path / "out.csv", "csv", ORIGIN, workers=1)
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
    raw = replace(job, raw=True, fidelity="auto")
    assert scale.run(raw, None, tmp_path / "raw.smi", "", ORIGIN, workers=1) is None
    codes = maker.space.sample_latents(50, 1, "flow", None)
    texts = maker.space.decode(codes, "auto", 1.0, 1.0, 1)
    assert (tmp_path / "raw.smi").read_text().splitlines() == texts
