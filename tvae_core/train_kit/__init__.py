"""The training kit: one packed file and this package train a model where little is installed."""
