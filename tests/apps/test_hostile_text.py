"""Text of users is shown as it is: nothing in it runs, links, colours or draws."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from streamlit.testing.v1 import AppTest

from apps.common.elements.bars import Bar, Cell, bars_html, cells_html, figures_html
from apps.common.page import literal, plain_label
from apps.digit import canvas
from apps.tune import keyboard
from domains.midi.reading import read_music
from tests.apps.browsing import FIRST_LOAD, Watch, settle
from tvae_core.domain import DomainError

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[2]
RUNS = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>"
TEXTS = [
    RUNS, "# head.csv", "1. one.csv", "2) two", "- dash", "+ plus", "> quote", "a | b | c", "---",
    "https://evil.example/x", "www.evil.example", "me@evil.example", "[a](javascript:alert(1))",
    "![x](http://evil.example/x.png)", ":smile: x", ":material/home: y", ":red[boo]",
    ":streamlit: :blue-background[x]", "$x^2$ and $$y$$", "a -> b <- c -- d >= e <= f ~= g",
    "&lt;b&gt; &amp; &copy;", "**bold** _em_ ~~s~~ `code`", "\\<b>", "ab\u202ecd", "[^1] x",
    "    indented", "two\nlines\n\n# and a head", "CC(C)[C@@H]1C:C:C", "C1CC[N+](C)(C)#N",
]  # fmt: skip
SCRIPT = f"""
import streamlit as st
from apps.common.page import literal, problem

for number, text in enumerate({TEXTS!r}):
    with st.container(key=f"caption{{number}}"):
        st.caption(literal(text))
    with st.container(key=f"bold{{number}}"):
        st.markdown(f"**{{literal(text)}}** end")
    with st.container(key=f"error{{number}}"):
        problem(text)
"""


def as_shown(text: str) -> str:
    line = re.sub(r"\s+", " ", text).strip()
    return "".join(c if c.isprintable() else "�" for c in line)


def bare(text: str) -> str:
    """Without what `literal` puts in."""
    return re.sub(r"\\([_\W])", r"\1", text).replace("\u2060", "")


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_literal_changes_nothing_but_escapes(text: str) -> None:
    assert bare(literal(text)) == as_shown(text)


def test_bars_cells_and_figures_escape_what_they_are_told() -> None:
    html = bars_html([Bar(RUNS, RUNS, 0.5, RUNS)]) + cells_html([Cell(RUNS, "good", f"'{RUNS}\"")])
    html += figures_html([(RUNS, RUNS, f"'{RUNS}\"")])
    assert "<img" not in html
    assert "<script" not in html
    assert not re.search(r"title='[^']*'[^>]*&lt;", html)


def test_labels_of_plots_are_no_html() -> None:
    assert plain_label(f"a & b\n{RUNS}").count("<") == 0


def test_components_take_no_more_than_they_can_hold() -> None:
    with pytest.raises(DomainError, match="not arrived whole"):
        canvas.text_of("0" * 10_000_000, 28)
    with pytest.raises(DomainError, match="at most 256"):
        keyboard.text_of("60:12 " * 1_000_000, (4, 4))


def test_title_of_an_uploaded_tune_is_shown_as_it_is() -> None:
    tune = f"X:1\nT:{RUNS} :red[x] # y\nM:4/4\nL:1/8\nK:C\n" + "CDEF GABc | " * 4 + "C8 |]\n"
    (piece,) = read_music(tune.encode(), "x.abc")
    assert "<script>" in piece.title

    def script(title: str) -> None:
        from apps.common.bundle import open_workbench
        from apps.tune import desk
        from domains.midi.domain import BUNDLE, MidiDomain
        from domains.midi.reading import Piece, read_music

        tune = "X:1\nT:a\nM:4/4\nL:1/8\nK:C\n" + "CDEF GABc | " * 4 + "C8 |]\n"
        score = read_music(tune.encode(), "x.abc")[0].score
        bench = open_workbench(BUNDLE, MidiDomain(BUNDLE))
        desk.excerpt_of(bench, "k", [Piece(title, "x", score)])

    app = AppTest.from_function(script, args=(piece.title,), default_timeout=120).run()
    assert not app.exception
    (caption,) = app.caption
    assert bare(caption.value).startswith(f"{as_shown(piece.title)}: bars 1 to")
    assert "\\<script\\>" in caption.value
    assert ":\u2060red\\[x" in caption.value


@pytest.mark.browser
def test_browser_shows_hostile_texts_as_they_are(
    streamlit_server: Callable[..., str], browser_page: Page, watch: Watch, tmp_path: Path
) -> None:
    page, script = browser_page, tmp_path / "texts.py"
    script.write_text(SCRIPT)
    page.goto(streamlit_server(script, PYTHONPATH=str(ROOT)))
    page.locator(f".st-key-error{len(TEXTS) - 1} [data-testid=stAlert]").wait_for()
    found = page.evaluate(
        """() => Object.fromEntries(
          [...document.querySelectorAll('[class*="st-key-"]')].map(part => {
            const key = [...part.classList].find(c => c.startsWith('st-key-')).slice(7)
            const text = part.querySelector(
              '[data-testid=stMarkdownContainer], [data-testid=stCaptionContainer]')
            return [key, [text.innerText, text.querySelectorAll(
              'a, img, script, h1, ul, ol, table, .katex, [style*=color], [role=img]').length]]
          }))"""
    )
    for number, text in enumerate(TEXTS):
        want = as_shown(text)
        shown = {kind: found[f"{kind}{number}"] for kind in ("caption", "bold", "error")}
        assert {kind: value[0].replace("\u2060", "") for kind, value in shown.items()} == {
            "caption": want,
            "bold": f"{want} end",
            "error": want[:1].upper() + want[1:],
        }
        assert [value[1] for value in shown.values()] == [0, 0, 0], text
    assert page.evaluate("window.hacked === undefined")
    assert watch.strangers == []


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_molecules_page_runs_nothing_that_a_user_brings(
    streamlit_server: Callable[..., str], browser_page: Page, watch: Watch
) -> None:
    page = browser_page
    url = streamlit_server(ROOT / "apps" / "molecules.py")
    page.goto(f"{url}/batch")
    page.get_by_role("heading", name="A file of molecules").wait_for(timeout=FIRST_LOAD)
    settle(page)
    rows = [f"{RUNS},{RUNS},name,:red[x]", f'"{RUNS}","CCO","{RUNS}",1', f'x,"{RUNS}","{RUNS}",2']
    page.locator("input[type=file]").set_input_files(
        {
            "name": "<img src=x onerror=window.hacked=1> :red[x].csv",
            "mimeType": "text/csv",
            "buffer": "\n".join(rows).encode(),
        }
    )
    page.get_by_text("Column of SMILES").wait_for()
    settle(page)
    page.locator("input[type=file]").set_input_files(
        {
            "name": "<img src=x onerror=window.hacked=1> :red[x].csv",
            "mimeType": "text/csv",
            "buffer": "\n".join([f"name,smiles,{RUNS},n", *rows[1:]]).encode(),
        }
    )
    page.get_by_text("1 row is left out").wait_for()
    name = page.get_by_text("onerror=window.hacked=1> :").last
    name.wait_for()
    page.get_by_text("1 row is left out").click()
    page.get_by_role("button", name="Reconstruct ·").click()
    page.get_by_text("come back exactly").wait_for(timeout=FIRST_LOAD)
    settle(page)
    page.goto(f"{url}/molecule?smiles=%3Cimg%20src%3Dx%20onerror%3Dwindow.hacked%3D1%3E")
    page.get_by_role("heading", name="One molecule").wait_for(timeout=FIRST_LOAD)
    settle(page)
    page.locator("[data-testid=stAlert]").first.wait_for()
    assert page.evaluate("window.hacked === undefined")
    assert page.locator("img[src=x], a[href^='javascript:']").count() == 0
    assert watch.strangers == []
