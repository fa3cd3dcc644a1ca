"""Digits from files of a user, and the moved copies that training gets."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep.common import sha256_file
from data_prep.mnist import command as mnist
from data_prep.mnist.copies import affine, moved_copies
from domains.mnist.pictures.images import to_levels
from domains.mnist.pictures.text import array_to_text, orientation_of
from tests.data_prep.test_mnist import PER_LABEL, SMALL, loaded


def test_copies_are_like_their_digit() -> None:
    images = SMALL.pixels[::PER_LABEL]
    copies = moved_copies(images, 4, seed=0)
    assert copies.shape == (10, 4, 28, 28)
    assert np.array_equal(copies, moved_copies(images, 4, seed=0))
    assert not np.array_equal(copies, moved_copies(images, 4, seed=1))
    for image, family in zip(images.astype(float), copies.astype(float), strict=True):
        for copy in family:
            assert 0.6 < copy.sum() / image.sum() < 1.4
            overlap = np.minimum(copy, np.roll(image, 0)).sum() / image.sum()
            assert 0.2 < overlap < 1


def test_turning_moving_and_scaling() -> None:
    image = np.zeros((1, 28, 28), dtype=np.uint8)
    image[0, 5:9, 10] = 200
    still = affine(image, np.eye(2)[None], np.zeros((1, 2)))
    assert np.array_equal(still, image)
    moved = affine(image, np.eye(2)[None], np.array([[2.0, -3.0]]))
    assert np.array_equal(moved, np.roll(image, (2, -3), axis=(1, 2)))
    turned = affine(image, np.array([[[0.0, 1.0], [-1.0, 0.0]]]), np.zeros((1, 2)))
    assert np.array_equal(turned[0], np.rot90(image[0])) or np.array_equal(
        turned[0], np.rot90(image[0], 3)
    )
    away = affine(image, np.eye(2)[None], np.array([[40.0, 0.0]]))
    assert away.max() == 0


def idx(path: Path, array: np.ndarray, packed: bool = False) -> Path:
    head = struct.pack(f">I{array.ndim}I", 0x800 + array.ndim, *array.shape)
    data = head + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_of_a_user(tmp_path: Path, packed: bool) -> None:
    images = idx(tmp_path / "images", SMALL.pixels, packed)
    labels = idx(tmp_path / "labels", SMALL.labels, packed)
    out = tmp_path / "out"
    given = ["--input", str(images), "--labels", str(labels), "--out", str(out), "--size", "tiny"]
    assert mnist.main(given) == 0
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["augment"] == 0
    assert manifest["source_sha256"] == sha256_file(images)


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(0, len(SMALL.labels), 2):
        label = SMALL.labels[number]
        Image.fromarray(SMALL.pixels[number]).save(folder / f"{label}_{number}.png")
    Image.new("L", (28, 28)).save(folder / "3_blank.png")
    Image.new("L", (28, 28)).save(folder / "unnamed.png")
    (folder / "4_broken.png").write_text("no picture")
    (folder / "notes.txt").write_text("not looked at")
    assert mnist.main(["--input", str(folder), "--out", str(tmp_path / "out")]) == 0
    told = (tmp_path / "out" / "rejected.csv").read_text()
    assert "a blank image" in told
    assert "the name is not LABEL_*.png" in told
    assert "4_broken.png" in told
    assert "notes" not in told
    train = loaded(tmp_path / "out")["train"]
    expected = {array_to_text(to_levels(image, 14)) for image in SMALL.pixels[::2]}
    assert {text for text in train["text"] if orientation_of(text) == "down"} <= expected


def test_files_that_are_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = idx(tmp_path / "images", SMALL.pixels[:9])
    labels = idx(tmp_path / "labels", SMALL.labels[:9])
    (tmp_path / "cut").write_bytes(images.read_bytes()[:-1])
    (tmp_path / "zip").write_bytes(gzip.compress(images.read_bytes())[:-20])
    (tmp_path / "short").write_bytes(b"\0")
    (tmp_path / "empty").mkdir()
    wide = idx(tmp_path / "wide", np.zeros((3, 20, 20)))
    fewer = idx(tmp_path / "fewer", SMALL.labels[:8])
    tens = idx(tmp_path / "tens", np.full(9, 10))
    for first, second, said in (
        ("nowhere", None, "no such file"),
        (images, None, "needs --labels"),
        (images, "nowhere", "no such file"),
        (labels, images, "no idx file of images"),
        (images, images, "no idx file of labels"),
        (tmp_path / "short", labels, "no idx file of images"),
        (tmp_path / "cut", labels, "cut short"),
        (tmp_path / "zip", labels, "cannot be read"),
        (wide, labels, "20 x 20, not 28 x 28"),
        (images, fewer, "9 images"),
        (images, tens, "the label 10"),
        (tmp_path / "empty", None, "no readable image"),
        (tmp_path / "empty", labels, "--labels goes with an idx file"),
    ):
        given = ["--input", str(first), "--out", str(tmp_path / "out")]
        given += ["--labels", str(second)] if second else []
        assert mnist.main(given) in (1, 2)
        line = capsys.readouterr().err.strip().splitlines()[-1]
        assert said in line, line
        assert not (tmp_path / "out").exists()
