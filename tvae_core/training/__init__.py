"""Training: settings, presets, the loop, runs that go on, and what is started from."""
