"""Pages of `apps/music.py` alone."""
