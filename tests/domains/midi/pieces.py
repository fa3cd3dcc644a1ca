"""Scores that the tests of files, sound and pictures share."""

from __future__ import annotations

from domains.midi.notation import Score, parse_score

PIECES: dict[str, Score] = {
    name: parse_score(text)
    for name, text in {
        "tune": "2# |4/4 C4:24E4:24G4:24C5:24|B4:36A4:12G4:48|F4:24D4:24B3:24D4:24|C4:72r:24",
        "tied": "0 |3/4 r:24C4:48~|C4:72~|C4:12D4:60|r:72",
        "voices": "3b |7/8 C4:24E4:24G4:36~;r:84|G4:40r:8C4+E4:31F4:5;C3:84~"
        "|3/4 C5:72;C3:72|r:72;r:48C3:24",
        "chords": "5b |2/2 C4+E4+G4:48C4+F4+A4:48~|C4+F4+A4:96",
        "triplets": "1# |6/8 G4:8A4:8B4:8C5:12B4:24A4:12|2/4 G4:16B4:16D5:16|5/8 C5:60",
        "long bars": "0 |32/4 C4:768~|C4:700r:68",
        "short bars": "7b |1/32 C4:3|D4:3|E4:1D#4:2",
        "sharps": "7# |9/8 C4:12C#4:12D4:12D#4:12E4:12F4:12F#4:12G4:12G#4:12|A4:54A#4:54",
        "eight voices": "0 |4/4 " + ";".join(f"{name}4:96" for name in "CDEFGAB") + ";C5:96",
        "edges": "0 |4/4 A0:48C8:48",
    }.items()
}
