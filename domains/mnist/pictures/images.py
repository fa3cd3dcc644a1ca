"""Pictures to digits: pooling and quantising as the data sets do it, and image files.

`to_levels(pixels, 14)` takes 28 x 28 MNIST images (white ink on black, 0 to 255) to the small
size.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from domains.mnist.pictures.text import LEVELS, Levels
from tvae_core.domain import DomainError

if TYPE_CHECKING:
    from PIL import Image

Pixels = npt.NDArray[np.uint8]
"""Grey pixels, `(..., height, width)`, 0 (background) to 255 (ink)."""

SIDE = 28
"""Side of an MNIST image."""
_BOX = 20
_CONTRAST = 100
"""Levels between the light and the dark of what can be seen, from which it has a ground."""
_MOST_PIXELS = 16_000_000
_MOST_BYTES = 64_000_000
_FORMATS = ("PNG", "PPM", "BMP", "GIF", "JPEG", "TIFF", "WEBP")
"""What is read. Others are not even tried: Pillow hands PostScript to an interpreter."""


def to_levels(pixels: Pixels, side: int) -> Levels:
    """Max pooling, then 64 levels: each the brightness divided by four.

    Args:
        pixels: `(..., 28, 28)`.
        side: 9, 14 or 28. For 9 the images lose their first row and column, which are empty in
            MNIST, and are pooled 3 x 3.

    Returns:
        `(..., side, side)`.
    """
    return pool(pixels, side) >> np.uint8(2)


def coarser(levels: Levels, greys: int) -> Levels:
    """The levels with each moved to the nearest of `greys` that are evenly spaced from 0 to 63.

    Raises:
        DomainError: fewer than 2 greys or more than 64.
    """
    if not 2 <= greys <= LEVELS:
        raise DomainError(f"greys must be 2 to {LEVELS}, not {greys}")
    top = LEVELS - 1
    shown = np.round(np.arange(greys) * top / (greys - 1)).astype(np.uint8)
    nearest = np.round(np.arange(LEVELS) * (greys - 1) / top).astype(np.int64)
    found: Levels = shown[nearest][levels]
    return found


def pool(images: Pixels, side: int) -> Pixels:
    """Max pooling to `(..., side, side)`; what cannot be divided evenly loses its first rows."""
    factor = images.shape[-1] // side
    cut = images[..., images.shape[-2] - factor * side :, images.shape[-1] - factor * side :]
    shape = (*images.shape[:-2], side, factor, side, factor)
    return np.asarray(cut.reshape(shape).max(axis=(-3, -1)), dtype=np.uint8)


def resample(images: Pixels, side: int) -> npt.NDArray[np.float32]:
    """Bilinear resizing of square images to `(..., side, side)`, edges aligned; any level range."""
    old = images.shape[-1]
    places = np.clip((np.arange(side) + 0.5) * old / side - 0.5, 0, old - 1)
    low = np.minimum(places.astype(np.int64), max(old - 2, 0))
    weights = np.zeros((side, old), dtype=np.float32)
    np.add.at(weights, (np.arange(side), low), (1 - (places - low)).astype(np.float32))
    np.add.at(
        weights, (np.arange(side), np.minimum(low + 1, old - 1)), (places - low).astype(np.float32)
    )
    found: npt.NDArray[np.float32] = weights @ images.astype(np.float32) @ weights.T
    return found


def read_image(path: Path, side: int) -> Levels:
    """The digit in an image file (png, pgm, ...), brought into MNIST's shape.

    An image of 28 x 28 is taken as it is. Any other is cropped to its ink, scaled into 20 x 20
    pixels and centred by mass in 28 x 28, as MNIST was made (http://yann.lecun.com/exdb/mnist/).
    Dark ink on a light ground is inverted; what is transparent is ground, see `opaque`.

    Raises:
        DomainError: no such file, no image, a huge or an empty one.
    """
    return to_levels(read_pixels(path), side)


def read_pixels(path: Path) -> Pixels:
    """The `(28, 28)` pixels of an image file; see `read_image`."""
    from PIL import Image, UnidentifiedImageError

    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DomainError(f"{path}: larger than {_MOST_BYTES // 1_000_000} MB")
        with Image.open(path, formats=_FORMATS) as image:
            width, height = image.size
            if width * height > _MOST_PIXELS:
                raise DomainError(f"{path}: {width} x {height} pixels are too many for a digit")
            grey, ground = opaque(image)
    except UnidentifiedImageError:
        raise DomainError(f"{path} is not an image") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, DomainError):
            raise
        raise DomainError(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from None
    if ground is None:
        ground = int(np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])))
    if ground > 127:
        grey = np.uint8(255) - grey
    if not grey.any():
        raise DomainError(f"{path}: a blank image")
    return grey if grey.shape == (SIDE, SIDE) else _fit(grey, path)


def opaque(image: Image.Image) -> tuple[Pixels, int | None]:
    """The grey levels of an image, with a plain ground where it is transparent.

    The ground is black or white, whichever is farther from the ink. Where what can be seen has
    light and dark of its own, it is ink on a ground that ends somewhere: that ground goes on, the
    level that borders on what is transparent.

    Returns:
        `(height, width)` and the level of the ground; None for one that is not transparent.
    """
    if image.mode.startswith("I"):
        return _eight_bits(np.asarray(image)), None
    if not (image.mode.endswith(("A", "a")) or "transparency" in image.info):
        return np.asarray(image.convert("L"), dtype=np.uint8), None
    image = image.convert("RGBA")
    grey = np.asarray(image.convert("RGB").convert("L"), dtype=np.float64)
    alpha = np.asarray(image.getchannel("A"), dtype=np.float64)
    if alpha.min() == 255:
        return grey.astype(np.uint8), None
    if not alpha.max():
        return np.zeros(grey.shape, dtype=np.uint8), 0
    alpha /= alpha.max()
    ground = _ground(grey, alpha >= 0.5)
    return np.round(grey * alpha + ground * (1 - alpha)).astype(np.uint8), ground


def _ground(grey: npt.NDArray[np.float64], seen: npt.NDArray[np.bool_]) -> int:
    """The level of the ground of an image, of which only a part can be seen."""
    low, middle, high = np.percentile(grey[seen], (5, 50, 95))
    if high - low <= _CONTRAST:
        return 0 if middle > 127 else 255
    inner = np.pad(seen, 1, constant_values=True)
    inner = inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:]
    rim = seen & ~inner
    return round(float(np.median(grey[rim if rim.any() else seen])))


def _eight_bits(levels: npt.NDArray[np.generic]) -> Pixels:
    """Grey levels of 16 bits as 8; Pillow itself would cut them off at 255."""
    wide = np.asarray(levels, dtype=np.int64).clip(0, 65535)
    return np.asarray(wide >> 8 if wide.max(initial=0) > 255 else wide, dtype=np.uint8)


def _fit(grey: Pixels, path: Path) -> Pixels:
    from PIL import Image

    ink = grey > 64
    if not ink.any():
        raise DomainError(f"{path}: a blank image")
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    box = grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = _BOX / max(box.shape)
    size = [max(1, round(length * scale)) for length in box.shape]
    small = np.asarray(Image.fromarray(box).resize((size[1], size[0]), Image.Resampling.BOX))
    mass = small.astype(np.float64).sum()
    if not mass:
        raise DomainError(f"{path}: a blank image")
    centre = [
        float((small.sum(axis=1 - axis) * (np.arange(size[axis]) + 0.5)).sum() / mass)
        for axis in (0, 1)
    ]
    top, left = (
        int(np.clip(round(SIDE / 2 - centre[axis]), 0, SIDE - size[axis])) for axis in (0, 1)
    )
    canvas = np.zeros((SIDE, SIDE), dtype=np.uint8)
    canvas[top : top + size[0], left : left + size[1]] = small
    return canvas
