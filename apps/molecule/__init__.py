"""What the pages of the molecules app are made of."""
