"""Reports: well-formed, self-contained, escaped, and with the very numbers of the evaluation."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch

from tvae_core.bundle import load_bundle
from tvae_core.domain import DomainError, Rendered
from tvae_core.evaluation.evaluate import Evaluation, evaluate
from tvae_core.evaluation.intervals import share_of, with_bounds
from tvae_core.evaluation.latent_map import make_map
from tvae_core.evaluation.plots import read_log
from tvae_core.evaluation.report import (
    Pictures,
    Report,
    differences,
    printable,
    report_html,
    train_line,
    write_report,
    write_run_report,
)
from tvae_core.evaluation.showcase import Showcase, Shown, make_showcase
from tvae_core.space import LatentSpace
from tvae_core.support.errors import OutputError

VOID = {"meta", "img", "br", "link", "input", "hr"}
EVIL = '<script>alert("1")</script>&amp;\x00\ud800\x85\r'


class Page(HTMLParser):
    """Reads a page; fails where an element is not closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.blocks: list[str] = []
        self.numbers: dict[str, list[float]] = {}
        self.codes = self.last = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {key: value or "" for key, value in attrs}
        assert len(found) == len(attrs)
        self.tags.append((tag, found))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "pre":
            self.blocks.append("")
        if tag == "code":
            self.last = ""
        if tag == "data":
            self.numbers.setdefault(self.last, []).append(float(found["value"]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "pre" in self.open:
            self.blocks[-1] += data
        if self.open and self.open[-1] == "code":
            self.last += data

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def check_self_contained(self) -> None:
        assert not self.named("script")
        assert not self.named("link")
        assert not self.named("iframe")
        for _, attributes in self.tags:
            assert not any(key.startswith("on") for key in attributes)
            for key in ("src", "href"):
                held = attributes.get(key, "#")
                assert held.startswith(("#", "data:image/")), held
        targets = {attributes["id"] for _, attributes in self.tags if "id" in attributes}
        links = [attributes["href"] for attributes in self.named("a")]
        assert {link.removeprefix("#") for link in links} == targets


class Drawn:
    """A domain that draws its texts, but for those that are no digits."""

    name = "toy"

    def __init__(self, kind: Any = "svg") -> None:
        self.kind, self.calls = kind, 0

    def render(self, text: str) -> Rendered:
        self.calls += 1
        if not text.isdigit():
            raise DomainError("not a number")
        data = f'<svg xmlns="http://www.w3.org/2000/svg"><text>{text}</text></svg>'
        return Rendered(self.kind, data if self.kind == "svg" else b"\x89PNG")


@pytest.fixture(scope="module")
def measured(trained_space: LatentSpace, trained: Any) -> tuple[Evaluation, Showcase]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tvae_core.evaluation.evaluate.SETTINGS", (None,))
        found = evaluate(
            trained_space, trained.words[:6], n_samples=10, n_paths=3, dial=(1.0, 0.3),
            prior="gaussian", geometry=True,
        )  # fmt: skip
    found.metrics |= {
        "probe_accuracy": share_of([1, 1, 0]),
        "probe_majority": share_of([1, 0, 0]),
        "probe_classes": 2.0,
        "probe_train": 7.0,
        "probe_test": 3.0,
    }
    shown = make_showcase(trained_space, trained.words[:6], n_samples=5, fidelity=0.3)
    return found, shown


def test_a_page_has_the_numbers_of_the_json(
    measured: tuple[Evaluation, Showcase], trained_space: LatentSpace, trained: Any, tmp_path: Path
) -> None:
    found, shown = measured
    codes = trained_space.encode(trained.words)
    report = Report(
        trained_space.domain,
        {"bundle": "b/bundle", "hash": "0123456789ab", "seed": "4", "command": "evaluate 'a & b'"},
        found,
        shown,
        make_map(codes, [word[0] for word in trained.words], 0, least_tsne=100),
        settings="[model]\nd_model = 8",
    )
    path = tmp_path / "new" / "report.html"
    write_report(path, report)
    text = path.read_text(encoding="utf-8")
    assert text == report_html(report)
    page = Page(text)
    page.check_self_contained()
    expected = json.loads(json.dumps(with_bounds(found.flat())))
    for name, value in expected.items():
        if name.endswith(("_low", "_high")):
            continue
        ends = [expected[name + end] for end in ("_low", "_high") if name + end in expected]
        wanted = [float(v) for v in (value, *ends) if not math.isnan(v)]
        assert page.numbers.get(name, [])[-len(wanted) or None :] == wanted, name
    assert page.numbers["prior_valid"][0] == expected["prior_valid"]  # among the headlines
    low, high = (f"{expected['prior_valid_' + end]:.3f}" for end in ("low", "high"))
    assert f"{low}\u2013{high}" in text
    for told in ("0123456789ab", "evaluate &#39;a &amp; b&#39;", "linear probe", "d_model = 8",
                 "the commonest label", "PCA map of 60 codes"):  # fmt: skip
        assert told in text
    assert [image["alt"][:3] for image in page.named("img")] == ["rec", "PCA"]
    for image in page.named("img"):
        kind, held = image["src"].split(";base64,")
        assert kind == "data:image/svg+xml"
        assert base64.b64decode(held).startswith(b"<?xml")
    for rows in shown.tables.values():
        assert {row.text for row in rows} <= set(page.blocks)
    differ = sum(row.note == "other" for row in shown.tables["reconstructions"])
    assert text.count("\u2260 differs") == differ
    assert text.count("<h3>Path ") == 3


def test_what_is_missing_is_left_out(trained_space: LatentSpace) -> None:
    page = Page(report_html(Report(trained_space.domain, {}, Evaluation())))
    page.check_self_contained()
    assert not page.named("section")
    assert not page.named("img")


def test_everything_decoded_is_escaped() -> None:
    shown = Showcase(
        tables={
            "reconstructions": [Shown("<b>1</b>", EVIL, False, "other"),
                                Shown("12", "13", True, "other"), Shown("7", "7", True, "same")],
            "samples": [Shown("", EVIL, False, '"><img src=x onerror=alert(1)>'),
                        Shown("", "\n\n5", False, "")],
            "interpolations": [Shown("0.0", "1", True, ""), Shown("1.0", EVIL, True, ""),
                               Shown("0.0", "3", True, "")],
        },
        settings={"prior": "<i>"},
    )  # fmt: skip
    domain = Drawn()
    text = report_html(Report(domain, {"<u>": EVIL}, Evaluation(), shown, title=EVIL))  # type: ignore[arg-type]
    text.encode()
    page = Page(text)
    page.check_self_contained()
    assert not {"script", "b", "i", "u"} & {tag for tag, _ in page.tags}
    assert "\x00" not in text
    plain = '<script>alert("1")</script>&amp;\u2400\\ud800\\x85\u240d'
    assert page.blocks.count(plain) == 3
    assert "\n\n5" in [block.removeprefix("\n") for block in page.blocks]
    assert [image["alt"] for image in page.named("img")] == ["12", "13", "7", "7", "1", "3"]
    assert domain.calls == 7  # each text once: six, and the one that it refuses (twice asked)
    assert text.count("<h3>Path ") == 2
    assert text.count("<mark>") >= 3


def test_what_differs_is_marked() -> None:
    assert differences("a<c", "abc") == (
        [("a", False), ("<", True), ("c", False)],
        [("a", False), ("b", True), ("c", False)],
    )
    assert differences("same", "same") == ([("same", False)], [("same", False)])
    assert differences("x" * 500, "y<") == ([("x" * 500, False)], [("y<", True)])
    assert printable("\x7f\t\n'") == "\u2421\t\n'"


def test_pictures_are_drawn_once_and_not_without_end() -> None:
    domain = Drawn("png")
    pictures = Pictures(domain, most=2)  # type: ignore[arg-type]
    assert pictures.of("1") == pictures.of("1") != ""
    assert "data:image/png;base64," in pictures.of("2")
    assert (pictures.of("3"), pictures.of("x")) == ("", "")
    assert domain.calls == 2


def test_long_texts_are_folded_or_cut() -> None:
    def page(text: str, ok: bool) -> str:
        shown = Showcase(tables={"samples": [Shown("", text, ok, "")]})
        return report_html(Report(Drawn(), {}, Evaluation(), shown))  # type: ignore[arg-type]

    assert "<details>" in page("1" * 200, True)
    assert "<details>" not in page("1" * 100, True)
    cut = page("x" * 10_000, False)
    assert "(10,000 characters)" in cut
    assert len(cut) < 15_000


def test_a_domain_that_draws_no_pictures_is_asked_once(toy: Any) -> None:
    pictures = Pictures(toy)
    assert pictures.of("1236") == ""
    assert pictures.left == 0
    shown = Showcase(tables={"samples": [Shown("", "1236", True, "")]})
    assert '<li><pre class="t">1236</pre>' in report_html(Report(toy, {}, Evaluation(), shown))


def test_the_log_counts_as_it_was_last_and_whole(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(
        '{"step": 5, "loss": 2.0}\n{"step": 10, "loss": 1.5, "eval_x": 0.5, "note": "x"}\n'
        'torn {"step\n[1]\n{"step": 5, "loss": 1.0, "eval_x": null}\n{"loss": 3}\n'
    )
    assert read_log(log) == {"loss": [(5, 1.0), (10, 1.5)], "eval_x": [(10, 0.5)]}
    assert read_log(tmp_path / "none") == {}


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, toy: Any) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="cannot write"):
        write_report(tmp_path / "file" / "report.html", Report(toy, {}, Evaluation()))


def test_the_command_of_a_run() -> None:
    settings = (
        "[model]\nd_model = 64                   # flag --d-model\nn_heads = 2   # preset small\n"
        'encoder_blocks = [2, 2]    # flag --encoder-blocks\n\n[train]\noutput = "my runs/a"'
        "   # flag --output\nresume = false # flag --resume\nseed = 0 # default"
    )
    assert train_line("toy", ["small"], settings) == (
        "python -m domains.toy.train small --d-model 64 --encoder-blocks 2,2 "
        "--output 'my runs/a' --resume false"
    )


def test_a_run_leaves_a_report(
    go: Callable[..., Any], toy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tvae_core.training.run.evaluate", partial(evaluate, dial=(1.0,)))
    run = go("run")
    bundle = load_bundle(run.bundle, "toy")
    space = LatentSpace(bundle.model, bundle.tokenizer, bundle.priors, toy)
    shown = make_showcase(space, ["1236", "112", "224", "336"], n_samples=3)
    settings = (run.folder / "settings.toml").read_text()
    path = write_run_report(
        run.folder, toy, space, run.evaluation, shown, settings, bundle.manifest
    )
    assert path == run.folder / "report.html"
    text = path.read_text()
    page = Page(text)
    page.check_self_contained()
    assert bundle.hash in text
    assert "python -m domains.toy.train --d-model 16" in text
    assert "12 steps, 120 items" in text
    alts = [image["alt"] for image in page.named("img")]
    assert "curves over the steps" in alts
    assert "PCA map of 4 codes" in alts
    flat = json.loads((run.folder / "evaluation.json").read_text())
    for name, value in flat.items():
        if value is not None:
            assert value in page.numbers[name], name
    assert re.search(r"# flag --max-steps", text)
    assert torch.isfinite(space.encode(["1236"])).all()
