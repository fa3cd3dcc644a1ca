"""Digits as pixels, as text and as drawings."""
