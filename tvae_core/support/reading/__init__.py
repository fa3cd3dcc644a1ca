"""Rows of tables, whatever wrote them: text of any encoding, csv, tsv, jsonl, parquet."""
