"""What a session of the load harness does in each app; all of it follows from its number."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from tests.apps.load.visit import PATIENCE, Visit

Work = Callable[[Visit], Awaitable[None]]

MOLECULES = (
    "CC(=O)Nc1ccc(O)cc1", "CC(=O)Oc1ccccc1C(=O)O", "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
    "CC(C)Cc1ccc(C(C)C(=O)O)cc1", "CCN(CC)CC(=O)Nc1c(C)cccc1C", "COc1ccc2[nH]cc(CCN)c2c1",
    "OC(=O)c1cccnc1", "Nc1ccc(S(N)(=O)=O)cc1",
)  # fmt: skip
NOTES = ("A2 FA d2 fd", "G2 Bd g2 dB", "c2 eg c2 ge", "e2 ce A4", "B2 dB G4", "d2 fa f2 d2",
         "E2 GB e2 BG", "F2 AF d4")  # fmt: skip


async def sample(visit: Visit, n: int = 16, noun: str = "Molecules") -> None:
    """Random items of the session's own seed."""
    await visit.act("type number and seed", visit.fill(noun, str(n)),
                    visit.fill("Seed", str(1000 + visit.number)))  # fmt: skip
    go, changed = visit.page.get_by_role("button", name="Generate"), "Settings have changed"
    await visit.act("generate", go.click())
    while visit.again < 5 and await visit.page.get_by_text(changed).count():
        visit.again += 1
        await visit.act("generate", go.click())
    visit.shown["sample"] = await visit.cards()


async def molecules(visit: Visit) -> None:
    """A sample, one molecule, a file of molecules, a search."""
    page, own = visit.page, MOLECULES[visit.number % len(MOLECULES)]
    extra = "C" * (1 + visit.number // len(MOLECULES)) + own
    await visit.open()
    await sample(visit)
    await visit.turn("Molecule")
    await visit.act("type a molecule", visit.fill("SMILES", extra))
    visit.shown["molecule"] = await visit.cards()
    await visit.turn("Batch")
    rows = [f"{visit.marker}-{row},{'C' * (visit.number + row + 1)}O" for row in range(8)]
    file = {
        "name": f"{visit.marker}.csv",
        "mimeType": "text/csv",
        "buffer": "\n".join(["name,smiles", *rows]).encode(),
    }
    await visit.act("upload", page.locator("input[type=file]").set_input_files([file]))
    await page.get_by_text(f"{visit.marker}.csv").first.wait_for()
    await visit.act("reconstruct", page.get_by_role("button", name="Reconstruct ·").click())
    visit.shown["batch"] = (await visit.download("CSV")).splitlines()
    await visit.turn("Optimise")
    start = visit.fill("Start molecule (empty: random samples)", own)
    await visit.act("settings of a search", start,
                    visit.fill("Budget", "40"), visit.fill("Seed", str(visit.number)))  # fmt: skip
    await visit.act("search", page.get_by_role("button", name="Start", exact=True).click())
    await page.get_by_text(re.compile("^(Done:|Ended after)")).first.wait_for(timeout=PATIENCE)
    await visit.rest()
    visit.shown["search"] = await visit.cards()


async def music(visit: Visit) -> None:
    """A sample, and a tune from an uploaded file: its notation and its sound."""
    page, number = visit.page, visit.number
    await visit.open()
    await sample(visit, 12, "Tunes")
    await visit.turn("Tune")
    own, next_one = NOTES[number % len(NOTES)], NOTES[(number // len(NOTES) + number + 1) % 8]
    tune = f"X:1\nT:{visit.marker}\nM:4/4\nL:1/8\nK:D\n{own} | {next_one} | {own} | d2 A2 D4 |]\n"
    await visit.act("turn to Upload", page.get_by_text("Upload", exact=True).first.click())
    file = {"name": f"{visit.marker}.abc", "mimeType": "text/plain", "buffer": tune.encode()}
    await visit.act("upload", page.locator("input[type=file]").set_input_files([file]))
    await page.get_by_text(f"{visit.marker}: bars").wait_for()
    await visit.rest()
    visit.shown["tune"] = await visit.cards()
    visit.shown["sound"] = [await visit.sound()]


async def python_lines(visit: Visit) -> None:
    """A sample, and a walk between two lines that carry the session's marker."""
    await visit.open()
    await sample(visit, 16, "Lines")
    await visit.turn("Walk")
    await visit.act("type the first line", visit.fill("From", f"{visit.marker} = {visit.number}"))
    await visit.act("type the last line", visit.fill("To", f"return {visit.marker}"))
    visit.shown["walk"] = await visit.cards(".strip article")


async def home(visit: Visit) -> None:
    """The front page, and a sample in one of three apps."""
    title, noun = (("Molecules", "Molecules"), ("Python lines", "Lines"), ("Music", "Tunes"))[
        visit.number % 3
    ]
    await visit.open()
    link = visit.page.get_by_role("link", name=f"Open {title}")
    await visit.act("open an app", link.click())
    await sample(visit, 16, noun)


WORKS: dict[str, Work] = {
    "molecules": molecules,
    "music": music,
    "python_lines": python_lines,
    "home": home,
}
