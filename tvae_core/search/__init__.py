"""Search in latent space for items that an objective likes."""
