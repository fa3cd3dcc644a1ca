"""Well-known tunes in the notation, four bars each; all are in the public domain."""

from __future__ import annotations

EXAMPLES = {
    "Ode to Joy": (
        "2# |4/4 E4:24E4:24F4:24G4:24|G4:24F4:24E4:24D4:24|C4:24C4:24D4:24E4:24|E4:36D4:12D4:48"
    ),
    "Frere Jacques": (
        "1b |4/4 C4:24D4:24E4:24C4:24|C4:24D4:24E4:24C4:24|E4:24F4:24G4:48|E4:24F4:24G4:48"
    ),
    "Twinkle, Twinkle, Little Star": (
        "0 |4/4 C4:24C4:24G4:24G4:24|A4:24A4:24G4:48|F4:24F4:24E4:24E4:24|D4:24D4:24C4:48"
    ),
    "Mary Had a Little Lamb": (
        "1# |4/4 E5:24D5:24C5:24D5:24|E5:24E5:24E5:48|D5:24D5:24D5:48|E5:24G5:24G5:48"
    ),
    "Amazing Grace": (
        "1# |3/4 r:48G4:24|C5:48E5:12C5:12|E5:48D5:24|C5:48A4:24"
    ),
    "Greensleeves": (
        "0 |6/8 r:60A4:12|C5:24D5:12E5:18F5:6E5:12|D5:24B4:12G4:18A4:6B4:12|"
        "C5:24A4:12A4:18G#4:6A4:12"
    ),
    "Row, Row, Row Your Boat": (
        "0 |6/8 C4:36C4:36|C4:24D4:12E4:36|E4:24D4:12E4:24F4:12|G4:72"
    ),
    "Minuet in G (Petzold)": (
        "1# |3/4 G5:24C5:12D5:12E5:12F5:12;C4:48D4:24|G5:24C5:24C5:24;E4:72|"
        "A5:24F5:12G5:12A5:12B5:12;F4:72|C6:24C5:24C5:24;E4:72"
    ),
    "Auld Lang Syne": (
        "1b |4/4 r:72G3:24|C4:36C4:12C4:24E4:24|D4:36C4:12D4:24E4:24|C4:36C4:12E4:24G4:24"
    ),
    "Silent Night": (
        "2b |6/8 G4:18A4:6G4:12E4:36|G4:18A4:6G4:12E4:36|D5:24D5:12B4:36|C5:24C5:12G4:36"
    ),
    "Yankee Doodle": (
        "2# |2/4 C5:12C5:12D5:12E5:12|C5:12E5:12D5:12G4:12|C5:12C5:12D5:12E5:12|C5:24B4:24"
    ),
    "When the Saints Go Marching In": (
        "3b |4/4 r:24C4:24E4:24F4:24|G4:96~|G4:24C4:24E4:24F4:24|G4:96"
    ),
}  # fmt: skip
"""Title -> canonical text."""
