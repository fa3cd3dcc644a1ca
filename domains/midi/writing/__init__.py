"""Tunes as files, sound and pictures."""
