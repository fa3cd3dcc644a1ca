"""Looks at one item: its neighbours, what comes back over the dial, how stable its decoding is."""
