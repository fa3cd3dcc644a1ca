"""Measures of a space: what codes say, and what comes back from them."""
