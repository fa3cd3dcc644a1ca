"""Python lines: single statements as text, checked with `ast` and never executed."""
