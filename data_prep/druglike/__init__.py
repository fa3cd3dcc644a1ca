"""Drug-like molecules of several sources, standardised, split by scaffold, drawn by weight."""
