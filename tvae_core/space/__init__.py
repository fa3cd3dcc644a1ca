"""The latent space of a bundle: codes of items, paths, walks and likeness.

    from tvae_core.space import LatentSpace

The class is imported when it is asked for: likeness alone needs no torch.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tvae_core.space.space import LatentSpace, PathPoint, Samples

__all__ = ["LatentSpace", "PathPoint", "Samples"]


def __getattr__(name: str) -> Any:
    """The classes of `tvae_core.space.space`."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tvae_core.space import space

    return getattr(space, name)
