"""Light on a head: the shading that makes a drawing look round."""

import numpy as np

from seke_pipeline.demo.draw import Head, Points
from seke_pipeline.demo.features import Intensities
from seke_pipeline.demo.person import Person

_SIDE = 80


def shine_on(
    head: Head, person: Person, au: Intensities, direction: float, contrast: float, size_px: int
) -> tuple[Points, Points]:
    """Brightness of one head: a lit ellipsoid with the soft hollows and swellings of a face on it.

    Args:
        head: where it stands.
        person: whose head; a beard darkens the lower face.
        au: intensities; cheeks and chin swell with them.
        direction: where the light comes from, in radians; 0 is from the picture's right, -pi/2 from above.
        contrast: how much darker the far side is, 0…1.
        size_px: side of the picture.

    Returns:
        Brightness over the whole picture, 1 is as painted, shape (80, 80); and how far a place is this
        head's, 0…1, for pictures with several.
    """
    x, y = _head_grid(head, size_px)
    nx, ny = x / 1.12, (y + 0.12) / 1.62
    nz = np.sqrt(np.clip(1 - nx**2 - ny**2, 0, 1))
    lx, ly = np.cos(direction - head.roll) * 0.62, np.sin(direction - head.roll) * 0.62
    lambert = np.clip(nx * lx + ny * ly + nz * 0.78, 0, 1)
    shade = 1.06 - contrast * (1 - lambert) ** 1.15
    for cx, cy, sx, sy, amount in _swellings(person, au, float(np.sign(lx))):
        px = cx + np.sin(head.yaw) * 0.85
        shade = shade * (1 + amount * np.exp(-(((x - px) / sx) ** 2) - ((y - cy) / sy) ** 2))
    beard = 1 / (1 + np.exp(-(y - 0.52 + 0.25 * (np.abs(x) - 0.5)) / 0.07)) * (nz > 0)
    shade = shade * (1 - 0.3 * person.stubble * beard)
    near = np.clip(6 * (1 - (x / 1.6) ** 2 - ((y - 0.3) / 2.3) ** 2), 0, 1)
    return np.clip(shade, 0.25, 1.25), near


def _head_grid(head: Head, size_px: int) -> tuple[Points, Points]:
    centres = (np.arange(_SIDE) + 0.5) * size_px / _SIDE
    dx, dy = np.meshgrid((centres - head.x) / head.unit_px, (centres - head.y) / head.unit_px)
    cos, sin = np.cos(head.roll), np.sin(head.roll)
    return (dx * cos + dy * sin) / head.aspect, dy * cos - dx * sin


def _swellings(person: Person, au: Intensities, lit_side: float) -> list[tuple[float, float, float, float, float]]:
    """Soft spots as (x, y, width, height, amount): sockets and cheeks, the nose's ridge and far side, lip and chin."""
    spots = [(0.0, 0.12, 0.07, 0.38, 0.12), (-0.13 * lit_side, 0.1, 0.07, 0.4, -0.2), (0.0, 0.3, 0.09, 0.09, 0.12)]
    spots += [(0.0, 0.52, 0.2, 0.06, -0.16), (0.0, 1.06, 0.2, 0.13, 0.1 + 0.12 * au[17]), (0.0, -0.85, 0.5, 0.25, 0.07)]
    lift = 0.10 * au[6] + 0.05 * au[12]
    for side in (-1, 1):
        spots.append((0.42 * side, -0.17, 0.26, 0.14, -0.24))
        spots.append((0.17 * side, -0.22, 0.08, 0.12, -0.2 - 0.25 * au[4] - 0.2 * au[9]))
        spots.append((0.52 * side, 0.28 - lift, 0.2, 0.15, 0.09 + 0.16 * au[6] + 0.06 * au[12]))
        spots.append((0.66 * side, 0.6, 0.16, 0.28, -0.08 - 0.05 * au[26]))
    return spots
