"""What the app of Python lines alone has: its spec."""
