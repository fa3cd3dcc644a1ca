"""MIDI files.

`events` reads bytes, `piece` makes scores of them; `played` puts notes on steps, `grid` on a
coarser grid, and `pickup` finds incomplete first bars.
"""
