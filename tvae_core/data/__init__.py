"""Prepared sets, streams of rows, byte-pair tokenizers and what is known."""
