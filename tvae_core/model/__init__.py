"""The model: configuration, layers, encoder, latent, decoder and losses, in torch alone."""
