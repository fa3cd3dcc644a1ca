"""Tunes in ABC notation, read after its standard, version 2.1.

`tunes` takes a book apart and makes scores; `lines` finds a tune's lines, `fields` reads what they
say of metre, key and voices, `notes` the music.
"""
