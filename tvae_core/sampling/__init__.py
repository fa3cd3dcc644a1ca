"""Sampling: which of the drawn items are kept."""
