"""Fuzz targets that are music files: MIDI, ABC, MusicXML, compressed MusicXML, Humdrum."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.fuzz.harness import Read, Target
from tests.fuzz.mutate import NUMBERS

NOTE = "<note><pitch><step>C</step><octave>4</octave></pitch><duration>1</duration></note>"
ABC = b"X:1\nT:A tune\nM:4/4\nL:1/8\nK:G\nGABc dedB|[GB]2 z2 (3ABc d2|1 g4 G4:|2 G8|]\n"
KERN = (
    b"**kern\t**kern\n*M4/4\t*M4/4\n*k[f#]\t*k[f#]\n=1\t=1\n4c\t2e\n4d 4f\t.\n8.ee-\t[2g\n16r\t.\n"
    b"4b#\t.\n=2\t=2\n1c\t2g]\n.\t2r\n==\t==\n*-\t*-\n"
)


def _bytes(found: str | bytes) -> bytes:
    return found.encode() if isinstance(found, str) else found


def _score() -> Any:
    from domains.midi.notation import parse_score

    return parse_score("1b |3/4 C4:24E4:24G4:24;C3:72|F4+A4:48r:24;F3:72~|C5:72;F3:72")


def _reader(suffix: str) -> Callable[[Path], Read]:
    def start(folder: Path) -> Read:
        from domains.midi.notation import format_score
        from domains.midi.reading import read_music
        from tvae_core.domain import DomainError

        def read(data: bytes) -> bool:
            try:
                pieces = read_music(data, f"a{suffix}", seconds=5.0)
            except DomainError:
                return False
            for piece in pieces:
                format_score(piece.score)
            return True

        return read

    return start


def midi_seeds() -> Sequence[bytes]:
    """Files of our own writer and the smallest valid one."""
    from domains.midi.writing.writers import to_midi

    return [to_midi(_score()), midi_file([b"\x00\x90\x3c\x40\x60\x80\x3c\x40\x00\xff\x2f\x00"])]


def midi_file(tracks: Sequence[bytes], ticks: int = 96, kind: int = 1) -> bytes:
    """A standard MIDI file of these tracks' events."""
    head = b"MThd" + struct.pack(">IHHH", 6, kind, len(tracks), ticks)
    return head + b"".join(b"MTrk" + struct.pack(">I", len(t)) + t for t in tracks)


def midi(rng: random.Random) -> bytes:
    """Tracks of random events: notes, metres, keys, tempi, names, system exclusive."""

    def event() -> bytes:
        delta = rng.choice((b"\x00", b"\x01", b"\x60", b"\x83\x00", b"\xff\xff\xff\x7f"))
        pitch = rng.randrange(128)
        body = rng.choice(
            (
                *((bytes([0x90, pitch, 64])), bytes([0x80, pitch, 0]), bytes([0x99, pitch, 1])),
                b"\xff\x58\x04" + bytes(rng.choice((0, 1, 4, 255)) for _ in range(4)),
                b"\xff\x59\x02" + bytes((rng.randrange(256), rng.randrange(3))),
                b"\xff\x51\x03" + bytes(rng.randrange(256) for _ in range(3)),
                *(
                    b"\xff\x03\x03\xff\xfea",
                    b"\xf0\x03abc",
                    b"\xff\x2f\x00",
                    b"\xc0\x05",
                    b"\xb0\x40\x01",
                ),
            )
        )
        return delta + body

    tracks = [
        b"".join(event() for _ in range(rng.choice((2, 20, 200)))) + b"\x00\xff\x2f\x00"
        for _ in range(rng.choice((1, 1, 2, 30)))
    ]
    ticks = rng.choice((96, 480, 1, 0, 0x7FFF, 0xE728, rng.randrange(65536)))
    return midi_file(tracks, ticks, rng.choice((0, 1, 2, 9)))


def abc(rng: random.Random) -> bytes:
    """Tunes of random symbols with random fields."""
    marks = [*"CDEFGABcdefgab^_=,'/2348(3[]|:~-<>z xZXy\"{}!+.%vuTH&\n"]
    marks += ["(&", "&)", "[1", "|2", "::", "[K:D", "[M:", "\nV:2\n", "\n\n", "<br>", "=3D", "^/"]
    metres = ("4/4", "C", "6/8", "0/0", "none", "9" * 30, "(2+3)/8", "")
    keys = ("C", "G", "F#m", "HP", "none", "C exp ^f", "", "D treble-8 octave=9")
    tunes = []
    for number in range(rng.choice((1, 1, 3))):
        head = f"X:{number}\nT:t\nM:{rng.choice(metres)}\n"
        head += (
            f"L:{rng.choice(('1/8', '1/0', '0', '1/999999999'))}\n" if rng.random() < 0.6 else ""
        )
        head += f"Q:{rng.choice(NUMBERS)}\n" if rng.random() < 0.2 else ""
        head += f"K:{rng.choice(keys)}\n"
        body = "".join(rng.choices(marks, k=rng.choice((5, 40, 150))))
        tunes.append(head + body)
    return "\n\n".join(tunes).encode()


def musicxml(rng: random.Random) -> bytes:
    """Measures of notes, chords, rests, backups, endings, tuplets; numbers may be absurd."""

    def number(plain: object) -> str:
        return rng.choice(NUMBERS) if rng.random() < 0.04 else str(plain)

    def note() -> str:
        kind = rng.randrange(12)
        if kind == 0:
            return f"<backup><duration>{number(1)}</duration></backup>"
        if kind == 1:
            return f"<forward><duration>{number(1)}</duration></forward>"
        if kind == 2:
            return f"<note><rest/><duration>{number(1)}</duration></note>"
        if kind == 3:
            return "<direction><direction-type><words>x</words></direction-type></direction>"
        chord = "<chord/>" if kind == 4 else "<grace/>" if kind == 5 else ""
        tie = '<tie type="stop"/>' if kind == 6 else ""
        modes = f"<time-modification><actual-notes>{number(3)}</actual-notes>"
        modes += f"<normal-notes>{number(2)}</normal-notes></time-modification>"
        return (
            f"<note>{chord}<pitch><step>{rng.choice('CDEFGABX')}</step><alter>{number(0)}</alter>"
            f"<octave>{number(4)}</octave></pitch><duration>{number(1)}</duration>{tie}"
            f"<voice>{number(1)}</voice>{modes if kind == 7 else ''}</note>"
        )

    parts = []
    for part in range(rng.choice((1, 1, 2, 4))):
        measures = []
        for place in range(rng.choice((1, 2, 5, 12))):
            head = ""
            if place == 0:
                head = f"<attributes><divisions>{number(1)}</divisions><key><fifths>{number(0)}"
                head += f"</fifths></key><time><beats>{number(4)}</beats><beat-type>{number(4)}"
                head += "</beat-type></time></attributes>"
            notes = "".join(note() for _ in range(rng.choice((0, 4, 4, 9))))
            ending = '<barline location="left"><ending number="1" type="start"/></barline>'
            head = (ending if rng.random() < 0.1 else "") + head
            measures.append(f'<measure number="{number(place)}">{head}{notes}</measure>')
        parts.append(f'<part id="P{part}">{"".join(measures)}</part>')
    return f'<?xml version="1.0"?><score-partwise>{"".join(parts)}</score-partwise>'.encode()


def packed(rng: random.Random) -> bytes:
    """Archives, some with odd names, several entries or a container that lies."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as file:
        told = rng.choice(
            ("a.xml", "../a.xml", "/etc/passwd", "b.musicxml", "META-INF/container.xml")
        )
        if rng.random() < 0.7:
            file.writestr("META-INF/container.xml", f'<x><rootfile full-path="{told}"/></x>')
        content = b" " * 30_000_000 if rng.random() < 0.01 else musicxml(rng)
        file.writestr(rng.choice(("a.xml", "b.musicxml", "../a.xml", "c.txt")), content)
    return out.getvalue()


def packed_seed() -> bytes:
    """A compressed file that is read."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("META-INF/container.xml", '<x><rootfile full-path="a.xml"/></x>')
        file.writestr("a.xml", xml_seeds()[0])
    return out.getvalue()


def kern(rng: random.Random) -> bytes:
    """Spines that split, join and end, with tokens in any order."""
    width = rng.choice((1, 1, 2, 4))
    lines = ["\t".join(["**kern"] * width), "\t".join(["*M4/4"] * width)]
    notes = (
        "4c",
        "2.e",
        "8r",
        "16cc#",
        "[4g",
        "4g]",
        "4c 4e",
        ".",
        "q8c",
        "3%2a",
        "0e",
        "4",
        "12d",
    )
    for bar in range(rng.choice((1, 3, 8))):
        lines.append("\t".join([f"={bar}"] * width))
        for _ in range(rng.choice((1, 4, 8))):
            lines.append("\t".join(rng.choice(notes) for _ in range(width)))
            if rng.random() < 0.08:
                marks = [
                    rng.choice(("*^", "*", "*v", "*-", "*+", "*x", "*M3/4")) for _ in range(width)
                ]
                lines.append("\t".join(marks))
                width = max(
                    1, width + marks.count("*^") - marks.count("*v") // 2 - marks.count("*-")
                )
    return "\n".join([*lines, "\t".join(["*-"] * width)]).encode()


def xml_seeds() -> Sequence[bytes]:
    """Our own writer's file and a short one by hand."""
    from domains.midi.writing.writers import to_musicxml

    return [_bytes(to_musicxml(_score())), musicxml(random.Random(1)), musicxml(random.Random(2))]


MUSIC_TARGETS = (
    Target("midi", 30_000, _reader(".mid"), midi_seeds, (b"MThd", b"MTrk", b"\xff\x58\x04"), midi,
           40.0),
    Target("abc", 6_000, _reader(".abc"), lambda: [ABC, ABC.replace(b"X:1", b"X:2") + ABC],
           (b"K:C\n", b"M:", b"V:2\n", b"|:", b":|", b"(3", b"[K:D]", b"L:1/8\n"), abc, 90.0),
    Target("musicxml", 3_000, _reader(".musicxml"), xml_seeds,
           (NOTE.encode(), b"<chord/>", b"<measure>", b"<!DOCTYPE", b"&lt;"), musicxml, 90.0),
    Target("mxl", 1_500, _reader(".mxl"), lambda: [packed_seed(), packed(random.Random(1))],
           (b"PK\x03\x04", b"PK\x01\x02"), packed, 90.0),
    Target("kern", 3_000, _reader(".krn"), lambda: [KERN],
           (b"*^", b"*v", b"=\t=\n", b"4c", b"**kern", b"*M3/4"), kern, 90.0),
)  # fmt: skip
