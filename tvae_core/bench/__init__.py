"""What fits on this machine and how fast it runs: `python -m tvae_core.bench`, see `command`."""
