"""Music files as scores: a file a format, and the bars that they all give.

`files` takes a file by its name and bounds it; `abc`, `midi` and `scores` (MusicXML, Humdrum, over
`musicxml`) read one format each and give what `pieces` holds; `bars` makes bars exact, `keys` hears
keys; `parts` tells parts apart and `choice` takes one; `text` decodes bytes.
"""

from __future__ import annotations

from domains.midi.reading.files import MAX_BYTES, SUFFIXES, read_file, read_music
from domains.midi.reading.pieces import Piece, Reading

__all__ = ["MAX_BYTES", "SUFFIXES", "Piece", "Reading", "read_file", "read_music"]
