"""2-D maps of codes: neighbours stay neighbours, the same map twice, pictures of any label."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tvae_core.evaluation.latent_map import draw_map, groups, make_map, map_bytes
from tvae_core.space.paths import Projection


def clouds(n: int = 60, size: int = 5, seed: int = 0) -> tuple[torch.Tensor, list[str]]:
    """Codes `(n, 2, size)` in three far clouds, and the names of these."""
    noise = torch.randn(n, 2, size, generator=torch.Generator().manual_seed(seed))
    number = torch.arange(n) % 3
    noise[:, 0, 0] += 30 * number
    return noise, [f"cloud {int(k)}" for k in number]


@pytest.mark.parametrize("size", [5, 40])  # the second has more dimensions than t-SNE is given
def test_neighbours_on_the_map_are_neighbours_in_the_space(size: int) -> None:
    pytest.importorskip("sklearn")
    codes, labels = clouds(size=size)
    found = make_map(codes, labels, seed=2)
    assert (found.method, found.places.shape, found.labels) == ("t-SNE", (60, 2), labels)
    assert found.chosen.tolist() == list(range(60))
    far = np.linalg.norm(found.places[:, None] - found.places[None], axis=2)
    np.fill_diagonal(far, np.inf)
    nearest = far.argmin(1)
    assert all(labels[i] == labels[j] for i, j in enumerate(nearest.tolist()))
    assert np.array_equal(make_map(codes, labels, seed=2).places, found.places)


def test_few_codes_are_mapped_to_their_principal_components() -> None:
    codes, _ = clouds(12)
    found = make_map(codes)
    assert (found.method, found.labels) == ("PCA", [""] * 12)
    assert found.places == pytest.approx(Projection.fit(codes).to_2d(codes).numpy(), abs=1e-5)


def test_without_the_library_there_is_a_map_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert make_map(clouds()[0]).method == "PCA"


def test_some_of_many_codes_are_taken_with_their_labels() -> None:
    codes, labels = clouds(60)
    found = make_map(codes, labels, seed=1, most=20)
    assert len(found.places) == len(set(found.chosen.tolist())) == 20
    assert found.labels == [labels[i] for i in found.chosen]
    assert found.chosen.tolist() != make_map(codes, labels, seed=2, most=20).chosen.tolist()


@pytest.mark.parametrize("shape", [(40, 2, 3), (40, 1, 1)])
def test_codes_that_are_all_one_have_a_map(shape: tuple[int, int, int]) -> None:
    found = make_map(torch.ones(shape))
    assert np.isfinite(found.places).all()


def test_what_makes_no_map() -> None:
    with pytest.raises(ValueError, match="at least 3 codes, not 2"):
        make_map(torch.zeros(2, 1, 2))
    with pytest.raises(ValueError, match="4 codes have 1 labels"):
        make_map(torch.zeros(4, 1, 2), ["a"])


def test_the_commonest_labels_are_coloured_and_the_rest_is_grey() -> None:
    labels = ["b"] * 3 + ["a"] * 3 + ["c"] * 2 + ["d", "", ""]
    common, group = groups(labels, most=3)
    assert common == ["a", "b", "c"]
    assert group == [1, 1, 1, 0, 0, 0, 2, 2, -1, -1, -1]
    assert groups(["", ""]) == ([], [-1, -1])


@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
def test_the_picture_takes_any_label(kind: str, tmp_path: Path) -> None:
    codes, _ = clouds(28)
    odd = ["$x$ $", "_hidden", "\u65e5\u672c", "a\x00\nb", "\\frac{", "l" * 500, "", "&<>"]
    found = make_map(codes, [odd[i % 8] if i < 16 else f"{i}" for i in range(28)])
    path = tmp_path / "new" / f"map.{kind}"
    draw_map(found, path, "bundle $1 of $2")
    head = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}[kind]
    assert path.read_bytes().startswith(head)
    assert map_bytes(found, kind, "bundle $1 of $2") == path.read_bytes()


def test_a_map_without_labels_is_a_picture_too(tmp_path: Path) -> None:
    assert map_bytes(make_map(clouds(5)[0]), "png").startswith(b"\x89PNG")
    with pytest.raises(ValueError, match=r"map\.txt: a plot is written as"):
        draw_map(make_map(clouds(5)[0]), tmp_path / "map.txt")
    assert not list(tmp_path.iterdir())
