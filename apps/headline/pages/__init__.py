"""Pages of `apps/headlines.py` alone."""
