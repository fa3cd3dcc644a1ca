"""Public sets of headlines by name: without a network, and what is made of what comes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_prep.headlines import command as headlines

TITLES = [
    f"{who} {what} {where}"
    for who in ("Council", "Minister", "Team", "Bank", "Farmer")
    for what in ("wins vote", "plans tour", "opens shop", "finds map")
    for where in ("in Perth", "at the lake", "this year")
]


@pytest.mark.parametrize("name", ["ag_news", "news_category"])
def test_a_public_set_without_a_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert headlines.main(["--dataset", name, "--out", str(tmp_path / "out")]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "cannot be had" in line
    assert "give a file with --input" in line
    assert not (tmp_path / "out").exists()


def test_a_public_set_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The hub's answer is put in its place; what is tested is what is made of it."""
    import datasets

    halves = [{"title": half, "label": [1 + i % 4 for i in range(len(half))]}
              for half in (TITLES[:40], TITLES[40:])]  # fmt: skip
    answer = datasets.DatasetDict(
        {n: datasets.Dataset.from_dict(h) for n, h in zip(("train", "test"), halves, strict=True)}
    )
    monkeypatch.setattr(datasets, "load_dataset", lambda name: answer)
    given = ["--dataset", "ag_news", "--out", str(tmp_path / "out"), "--vocab-size", "200"]
    assert headlines.main([*given, "--jobs", "1"]) == 0
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert set(manifest["labels"]) == {"World", "Sports", "Business", "Sci/Tech"}
    assert sum(manifest["labels"].values()) == len(TITLES)
    assert "sh0416/ag_news" in manifest["source"]
    assert len(manifest["source_sha256"]) == 64
    capsys.readouterr()


def test_labels_that_differ_in_case_are_one(tmp_path: Path) -> None:
    rows = [f"{title},{'NEWS' if i % 5 else 'News'}" for i, title in enumerate(TITLES)]
    (tmp_path / "two.csv").write_text("headline,label\n" + "\n".join(rows))
    for keep in ([], ["--keep-labels", "news"]):
        given = ["--input", str(tmp_path / "two.csv"), "--out", str(tmp_path / "out"), *keep]
        assert headlines.main([*given, "--jobs", "1"]) == 0
        manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
        assert manifest["labels"] == {"NEWS": len(TITLES)}
