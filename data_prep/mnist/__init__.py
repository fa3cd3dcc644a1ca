"""Preparing digits: `python -m data_prep.mnist`, whose flags and steps are in `command`."""
