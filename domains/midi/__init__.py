"""Music as text: bars that add up, voices, ties; MIDI, MusicXML and abc in and out."""
