"""Sampling: which of the drawn items are kept, and long runs of many samples."""
