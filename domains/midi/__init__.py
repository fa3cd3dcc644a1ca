"""Music as text: bars that add up, voices, ties; MIDI, MusicXML and abc in and out."""

from __future__ import annotations

from domains import needs

needs("music files", ("symusic", "music21"), "midi")
