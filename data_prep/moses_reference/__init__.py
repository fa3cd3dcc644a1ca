"""The reference statistics of MOSES, read safely: `python -m data_prep.moses_reference`."""
