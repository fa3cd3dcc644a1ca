"""From codes to texts."""
