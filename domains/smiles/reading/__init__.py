"""How molecules are read from what users have: SMILES, their extensions, records of .sdf files.

- `cxsmiles`: the `|...|` after a SMILES: what is dropped with it, and whether that can be;
- `texts`: a SMILES as it stands in a file: its canonical form, and what was changed;
- `mol_block`: the same of an MDL mol block; `sdf`: the records of a file of them;
- `account`: what was kept, rejected and changed, which adds up to the rows of a file;
- `given`: a molecule that a person gives to a verb.

`domains.smiles.reading.readers` puts them together.
"""
