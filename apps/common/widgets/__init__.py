"""What pages ask: settings, the dial, windows of scores, the page of a list."""
