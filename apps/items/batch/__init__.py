"""Files of items: read, worked on row by row, and what came of it."""
