"""Compares our reading of ABC with that of a second program, abc2midi (Debian: abcmidi).

    python -m tests.domains.midi.reading.compare_abc2midi              # music21's corpus
    python -m tests.domains.midi.reading.compare_abc2midi --limit 500 --show 5
    python -m tests.domains.midi.reading.compare_abc2midi FOLDER

Pitches and onsets of all notes are compared. So that both read every bar once, repeat signs are
made plain bar lines and endings are taken as they stand; grace notes, decorations, chord symbols,
lyrics and tempi are taken out of what abc2midi is given. A tune is equal where both have the same
notes at the same steps of 1/24 of a quarter, to two steps (abc2midi spreads chords of four notes).
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import symusic

from domains.midi.notation import STEPS_PER_QUARTER
from domains.midi.reading.abc.tunes import Tune, tunes_of, written_bars
from domains.midi.reading.bars import RawBar
from domains.midi.reading.text import decoded
from tvae_core.domain import DomainError

CORPUS = ("essenFolksong/*.abc", "oneills1850/*.abc", "airdsAirs/*.abc", "ryansMammoth/*.abc")
BATCH = 50
Onsets = list[tuple[int, int]]
_NUMBERS = r"\d+(?:[,.-]\d+)*"
_ENDING = re.compile(r"\[\s*\"[^\"]*\"(?![^\[\]|]*\])")
_OUT = re.compile(r"\"[^\"]*\"|\{[^{}]*\}|![^!\s]*!|[.~H-WYh-w`$*!]")
_TUPLET = re.compile(r"(\(\d(?::\d?:\d?|:\d)?)")
_BAR = re.compile(rf"(?:\[\||[|:])[|:\]]*(?:\s*\[?{_NUMBERS})?|\[{_NUMBERS}")


def available() -> bool:
    """Whether abc2midi is installed."""
    return shutil.which("abc2midi") is not None


def plain(tune: Tune, number: int) -> str:
    """A tune for abc2midi: what sounds, read once."""
    lines, inside = [f"X:{number}", "T:t"], False
    for line in tune.lines:
        if line.letter and line.letter in "MLKV":
            lines.append(f"{line.letter}:{line.value}")
            if line.letter == "K" and not inside:
                inside = True
                lines.append("%%MIDI ratio 3 1")
        elif not line.letter and inside:
            music = _plain_music(line.value).strip()
            lines += [music] if music else []
    return "\n".join(lines) + "\n\n"


def _plain_music(line: str) -> str:
    parts = re.split(r"(\[[A-Za-z]:[^\]]*\])", line)
    return "".join(
        _plain_notes(part) if not at % 2 else part if part[1] in "VKML" else ""
        for at, part in enumerate(parts)
    )


def _plain_notes(notes: str) -> str:
    parts = _TUPLET.split(_OUT.sub("", _ENDING.sub("|", notes)))
    return "".join(part if at % 2 else _BAR.sub("|", part) for at, part in enumerate(parts))


def ours(tune: Tune) -> Onsets:
    """Onset in steps and pitch of every note; tied notes are one."""
    return sorted(note for voice in written_bars(tune) for note in _onsets(voice))


def _onsets(bars: Sequence[RawBar]) -> Iterator[tuple[int, int]]:
    start, ends = 0, set[tuple[int, int]]()
    for bar in bars:
        for part in bar.parts:
            for note in part:
                at = start + note.start
                if not (note.tied and (at, note.pitch) in ends):
                    yield at, note.pitch
                ends.add((at + note.duration, note.pitch))
        start += bar.length


def theirs(path: Path) -> Onsets:
    """As `ours`, of a MIDI file."""
    score: Any = symusic.Score(str(path))
    scale = STEPS_PER_QUARTER / score.ticks_per_quarter
    return sorted((round(n.time * scale), n.pitch) for track in score.tracks for n in track.notes)


def equal(one: Onsets, other: Onsets) -> bool:
    """Whether two readings have the same notes, each onset to two steps."""
    if len(one) != len(other):
        return False
    by_pitch = [sorted((p, t) for t, p in notes) for notes in (one, other)]
    return all(
        p == q and abs(t - u) <= 2 for (p, t), (q, u) in zip(by_pitch[0], by_pitch[1], strict=True)
    )


def convert(tunes: Sequence[Tune], folder: Path) -> list[Onsets | None]:
    """abc2midi's reading of some tunes, None where it writes none."""
    (folder / "t.abc").write_text("".join(plain(t, n) for n, t in enumerate(tunes, 1)))
    command = ["abc2midi", "t.abc", "-silent"]
    subprocess.run(command, cwd=folder, capture_output=True, timeout=300, check=False)
    found: list[Onsets | None] = []
    for number in range(1, len(tunes) + 1):
        path = folder / f"t{number}.mid"
        found.append(theirs(path) if path.exists() else None)
        path.unlink(missing_ok=True)
    return found


def compare(tunes: Sequence[tuple[str, Tune]]) -> Iterator[tuple[str, str, Onsets, Onsets]]:
    """Name and verdict of every tune, and both readings."""
    with tempfile.TemporaryDirectory() as folder:
        for start in range(0, len(tunes), BATCH):
            batch = tunes[start : start + BATCH]
            heard = convert([tune for _, tune in batch], Path(folder))
            for (name, tune), other in zip(batch, heard, strict=True):
                try:
                    own = ours(tune)
                except DomainError as error:
                    yield name, f"not read: {re.sub(r'[(]line.*|K:.*', '', error.reason)}", [], []
                    continue
                if other is None:
                    yield name, "not read by abc2midi", own, []
                else:
                    yield name, "equal" if equal(own, other) else "different", own, other


def tunes_in(root: Path, patterns: Sequence[str]) -> list[tuple[str, Tune]]:
    """Name and lines of all tunes of some files."""
    return [
        (f"{path.relative_to(root)}#{number}", tune)
        for pattern in patterns
        for path in sorted(root.glob(pattern))
        for number, tune in enumerate(tunes_of(decoded(path.read_bytes())), 1)
    ]


def main() -> int:
    """The command; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="of .abc files (music21's corpus)")
    parser.add_argument("--limit", type=int, help="the first so many tunes only")
    parser.add_argument("--show", type=int, default=0, help="name so many that differ")
    arguments = parser.parse_args()
    if not available():
        print("abc2midi is not installed (Debian: apt-get install abcmidi)", file=sys.stderr)
        return 1
    import music21

    root = arguments.folder or Path(music21.__file__).parent / "corpus"
    tunes = tunes_in(root, ("**/*.abc",) if arguments.folder else CORPUS)[: arguments.limit]
    verdicts, shown = Counter[str](), 0
    for name, verdict, own, other in compare(tunes):
        verdicts[verdict] += 1
        if verdict == "different" and shown < arguments.show:
            shown += 1
            first = next((p for p in zip(own, other, strict=False) if p[0] != p[1]), None)
            print(f"{name}: {len(own)} notes, abc2midi {len(other)}; first different {first}")
    both = verdicts["equal"] + verdicts["different"]
    for verdict, times in verdicts.most_common():
        print(f"{times:7,} {verdict}")
    share = verdicts["equal"] / max(both, 1)
    print(f"{verdicts['equal']:,} of {both:,} that both read are equal ({share:.4f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
