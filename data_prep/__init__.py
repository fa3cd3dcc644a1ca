"""Data preparation: a command a domain, each run as ``python -m data_prep.<domain>``.

Every command gets the data, checks it, splits it and writes a prepared set: a ``datasets`` folder
with ``tokenizer.json`` and ``manifest.json`` beside it.
"""
