"""The reference statistics out of a wheel, through a reader that admits arrays only."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_prep import smiles
from data_prep.common import sha256_file
from data_prep.fetch import WheelSource
from data_prep.moses_reference import command as moses_reference
from data_prep.moses_reference.arrays import UnsafePickleError, read_object_npy
from domains.smiles.benchmark.moses.reference import Reference


def npy(value: object) -> bytes:
    """An `.npy` file with one object, as `numpy.savez` writes it."""
    file = io.BytesIO()
    holder = np.empty((), dtype=object)
    holder[()] = value
    np.save(file, holder)
    return file.getvalue()


def npy_of_pickle(stream: bytes) -> bytes:
    """An `.npy` file whose object array is any stream of bytes."""
    header = npy(None)
    return header[: header.index(b"\n") + 1] + stream


def read(data: bytes) -> Any:
    return read_object_npy(io.BytesIO(data))


def published(n: int) -> dict[str, Any]:
    """Statistics in the shape of the published ones."""
    rng = np.random.default_rng(n)
    values = {name: {"values": rng.normal(size=n).tolist()} for name in ("logP", "SA", "QED")}
    return {
        "FCD": {"mu": rng.normal(size=512), "sigma": np.eye(512)},
        "SNN": {"fps": (rng.random((n, 1024)) < 0.05).astype(np.uint8)},
        "Frag": {"frag": Counter({"CC": n, "CO": 1})},
        "Scaf": {"scaf": Counter({"c1ccc2ccccc2c1": n})},
        "weight": {"values": rng.normal(size=n).tolist()},
        **values,
    }


class Calls:
    """Pickles as a call."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", ["<f8", ">f4", "u1", "<i8"])
def test_plain_things_are_read(order: Any, kind: str) -> None:
    array = np.asarray(np.arange(12).reshape(3, 4), dtype=kind, order=order)
    value = {"a": {"fps": array}, "b": Counter({"CC": 3}), "c": {"values": [1.5, 2, "x", None]}}
    found = read(npy(value))
    assert np.array_equal(found["a"]["fps"], array)
    assert found["b"] == {"CC": 3}
    assert found["c"] == value["c"]


def test_a_pickle_of_protocol_2_is_read() -> None:
    """The published files are of Python 2's protocol, with bytes as text."""
    holder = np.empty((), dtype=object)
    holder[()] = {"mu": np.arange(5.0), "n": Counter({"a": 2})}
    found = read(npy_of_pickle(pickle.dumps(holder, protocol=2)))
    assert found["mu"].tolist() == [0, 1, 2, 3, 4]
    assert found["n"] == {"a": 2}


def test_a_call_is_refused_and_not_made(tmp_path: Path) -> None:
    for harm in (
        Calls(os.mkdir, str(tmp_path / "made")),
        Calls(eval, f"__import__('os').mkdir({str(tmp_path / 'made')!r})"),
        Calls(getattr, "x", "upper"),
        Calls(np.load, "x.npy"),
        Calls(np.zeros, 3),
    ):
        with pytest.raises(UnsafePickleError, match="is not admitted"):
            read(npy({"FCD": harm}))
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "value",
    [
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
        np.array(["text"]),
        np.array(["2020-01-01"], dtype="M8[D]"),
        np.dtype("f8"),
        np.ndarray,
        {1, 2},
        1j,
        range(3),
    ],
    ids=["structured", "text", "dates", "dtype", "class", "set", "complex", "range"],
)
def test_other_things_are_refused(value: object) -> None:
    stream = pickle.dumps({"x": value}, protocol=2)
    with pytest.raises(UnsafePickleError):
        read(npy_of_pickle(stream))


def test_states_that_lie_are_refused() -> None:
    whole = pickle.dumps(np.arange(6, dtype=np.uint8), protocol=2)
    for lie in (
        whole.replace(b"K\x06\x85", b"K\x07\x85"),  # another length
        whole.replace(b"u1", b"O8"),
        whole.replace(b"latin1", b"utf-16"[:6]),
        whole.replace(b"cnumpy\nndarray", b"c_codecs\nencode"),
    ):
        assert lie != whole
        with pytest.raises(UnsafePickleError):
            read(npy_of_pickle(lie))


@pytest.mark.parametrize("cut", [0, 5, 60, 140, -1])
def test_a_broken_file_is_refused(cut: int) -> None:
    with pytest.raises(UnsafePickleError):
        read(npy({"a": np.arange(30.0)})[:cut])


def test_an_array_of_numbers_is_no_object() -> None:
    file = io.BytesIO()
    np.save(file, np.arange(3))
    with pytest.raises(UnsafePickleError, match="not one object"):
        read(file.getvalue())


@pytest.fixture
def full_wheel(wheel: Path, source: WheelSource) -> tuple[Path, WheelSource]:
    """The small wheel with statistics and filters."""
    with zipfile.ZipFile(wheel, "a") as archive:
        for name, n in (("test", 60), ("test_scaffolds", 50)):
            file = io.BytesIO()
            with zipfile.ZipFile(file, "w") as inner:
                inner.writestr("stats.npy", npy(published(n)))
            archive.writestr(f"moses/dataset/data/{name}_stats.npz", file.getvalue())
        archive.writestr("moses/metrics/mcf.csv", 'names,smarts\nMCF1,"[F,Cl]C"\n')
        archive.writestr("moses/metrics/wehi_pains.csv", '"[#7]=[#7]   ","<regId=azo(1)>"\n')
    return wheel, replace(source, sha256=sha256_file(wheel))


def check(folder: Path, train: list[str]) -> None:
    found = Reference.load(folder)
    wanted = published(60)
    bits = np.unpackbits(found.test.fingerprints, axis=1)
    assert np.array_equal(bits, wanted["SNN"]["fps"])
    assert np.array_equal(found.test.mean, wanted["FCD"]["mu"])
    assert found.test.properties["logp"].tolist() == wanted["logP"]["values"]
    assert found.test.properties["weight"].tolist() == wanted["weight"]["values"]
    assert found.test.fragments == {"CC": 60, "CO": 1}
    assert found.test_scaffolds.scaffolds == {"c1ccc2ccccc2c1": 50}
    assert found.filters == ("[F,Cl]C", "[#7]=[#7]")
    assert found.train.to_pylist() == train


def test_they_are_added_to_a_prepared_set(
    prepare: Callable[..., int],
    tmp_path: Path,
    texts: dict[str, list[str]],
    wheel: Path,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    assert prepare() == 0
    assert not (out / "moses").exists()
    path, source = request.getfixturevalue("full_wheel")
    arguments = ["--out", str(out), "--wheel", str(path)]
    capsys.readouterr()
    assert moses_reference.main(arguments, source) == 0
    assert "400 training molecules" in capsys.readouterr().out
    check(out / "moses", texts["train"])
    assert moses_reference.main(arguments, source) == 0  # again, over the first


def test_preparing_moses_writes_them_too(
    full_wheel: tuple[Path, WheelSource], tmp_path: Path, texts: dict[str, list[str]]
) -> None:
    path, source = full_wheel
    out = tmp_path / "out"
    arguments = ["--wheel", str(path), "--out", str(out), "--vocab-size", "150", "--jobs", "1"]
    assert smiles.main(arguments, source) == 0
    check(out / "moses", texts["train"])
    assert smiles.main([*arguments, "--limit", "50"], source) == 0
    assert not (out / "moses").exists()


def test_a_folder_that_is_no_prepared_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert moses_reference.main(["--out", str(tmp_path / "none")]) == 2
    assert "python -m data_prep.smiles --out" in capsys.readouterr().err


def test_a_wheel_without_statistics(
    prepare: Callable[..., int],
    source: WheelSource,
    wheel: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert prepare() == 0
    capsys.readouterr()
    arguments = ["--out", str(tmp_path / "out"), "--wheel", str(wheel)]
    assert moses_reference.main(arguments, source) == 1
    assert "no readable reference statistics" in capsys.readouterr().err
