"""The latent space of a bundle: codes of items, paths, walks and likeness.

from tvae_core.space import LatentSpace
"""

from tvae_core.space.space import LatentSpace, PathPoint, Samples

__all__ = ["LatentSpace", "PathPoint", "Samples"]
