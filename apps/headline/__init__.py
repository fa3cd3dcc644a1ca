"""What the app of headlines alone has: its spec, its topics."""
