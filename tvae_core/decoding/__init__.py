"""From codes to tokens: generation, beams, verified decoding and the fidelity dial."""
