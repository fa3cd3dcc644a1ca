"""Pages of `apps/digits.py` alone."""
