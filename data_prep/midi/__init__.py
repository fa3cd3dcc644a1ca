"""Preparing music: `python -m data_prep.midi`, whose flags and steps are in `command`."""
