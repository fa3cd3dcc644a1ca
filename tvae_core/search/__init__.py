"""Search in latent space for items with wanted properties: objectives, methods, saved searches."""
