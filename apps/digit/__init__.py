"""What the app of digits alone has: its spec, a canvas to draw on."""
