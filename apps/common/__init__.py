"""Parts that every app shares; nothing here knows what an item is."""
