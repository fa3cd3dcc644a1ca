"""Published benchmarks: MOSES, PMO and similar molecules of higher penalised logP."""
