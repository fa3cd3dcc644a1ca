"""Searches for a higher score: what for, a generation at a time, how it went."""
