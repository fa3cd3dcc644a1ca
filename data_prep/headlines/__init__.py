"""Preparing headlines: `python -m data_prep.headlines`, whose flags and steps are in `command`."""
