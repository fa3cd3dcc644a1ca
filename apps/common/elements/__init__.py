"""What pages show: bars, cards, maps, plots; nothing here knows what an item is."""
