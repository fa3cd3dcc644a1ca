"""Numbers about tunes: rhythm, tonality, likeness and how well they come back."""
