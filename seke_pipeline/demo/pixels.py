"""Pixel features of a face: where the head stands in a crop, the straightened face, its gradients.

What lives here: what the demo's annotator computes from pixels before it reads anything from them. The regression
on top is `reader.py`.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

Array = npt.NDArray[np.float64]

ORIENTATIONS = 9
CELL_PX = 8
COARSE_PX = 64
FINE_PX = (96, 112)
"""Width and height of the straightened face."""

_MIRRORED = [-place % ORIENTATIONS for place in range(ORIENTATIONS)]  # the orientation bin seen in a mirror
_LEFT, _TOP, _UNITS_WIDE = -1.0, -1.0, 2.0  # of the straightened face, in head units


@dataclass(frozen=True)
class Stand:
    """Where a head stands in a square crop.

    Attributes:
        x: centre of the head (its origin in head space) as a share of the crop's side.
        y: the same, downwards.
        unit: half the head's width as a share of the crop's side.
        roll: tilt in radians, clockwise.
    """

    x: float
    y: float
    unit: float
    roll: float

    def to_array(self) -> Array:
        """The four numbers as a regression predicts them; the unit as its logarithm."""
        return np.array([self.x, self.y, np.log(self.unit), self.roll])

    @classmethod
    def from_array(cls, values: Array) -> "Stand":
        """The inverse of `to_array`, kept within what a crop can hold."""
        x, y, log_unit, roll = values.tolist()
        return cls(x, y, float(np.exp(np.clip(log_unit, -2.5, 0.0))), float(np.clip(roll, -0.6, 0.6)))

    @property
    def mirrored(self) -> "Stand":
        """The same head in the mirrored crop."""
        return Stand(1 - self.x, self.y, self.unit, -self.roll)


def coarse(grey: Image.Image) -> Array:
    """Features of a whole crop that tell where the head stands: gradients and a thumbnail."""
    small = _levels(grey.resize((COARSE_PX, COARSE_PX), Image.Resampling.BOX, reducing_gap=2))
    thumb = small.reshape(16, 4, 16, 4).mean(axis=(1, 3))
    return np.concatenate([gradients(small).ravel(), 0.3 * _standard(thumb).ravel(), [1.0]])


def straighten(grey: Image.Image, stand: Stand) -> Image.Image:
    """Cut the face out upright and of fixed size, from brow to chin."""
    side = grey.width
    step = stand.unit * side * _UNITS_WIDE / FINE_PX[0]
    cos, sin = np.cos(stand.roll) * step, np.sin(stand.roll) * step
    x0, y0 = _LEFT * stand.unit * side, _TOP * stand.unit * side
    left = stand.x * side + x0 * np.cos(stand.roll) - y0 * np.sin(stand.roll)
    top = stand.y * side + x0 * np.sin(stand.roll) + y0 * np.cos(stand.roll)
    affine = (cos, -sin, left, sin, cos, top)
    return grey.transform(FINE_PX, Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)


def fine(face: Image.Image) -> Array:
    """Features of a straightened face, the same for its mirror image: each half's mean with the other half."""
    levels = _levels(face)
    rows, columns = levels.shape[0] // 4, levels.shape[1] // 4
    thumb = levels.reshape(rows, 4, columns, 4).mean(axis=(1, 3))
    flat = 0.2 * _standard(thumb + thumb[:, ::-1])[:, : columns // 2]
    grid = gradients(levels)
    folded = 0.5 * (grid + grid[:, ::-1, _MIRRORED])[:, : grid.shape[1] // 2]
    return np.concatenate([folded.ravel(), flat.ravel(), [1.0]])


def gradients(levels: Array) -> Array:
    """Histograms of oriented gradients over cells, each normalised by its neighbourhood (Dalal & Triggs 2005).

    Args:
        levels: grey levels, shape (height, width), both multiples of `CELL_PX`.

    Returns:
        Shape (height / cell, width / cell, 9).
    """
    height, width = levels.shape
    dy, dx = np.zeros_like(levels), np.zeros_like(levels)
    dy[1:-1], dx[:, 1:-1] = levels[2:] - levels[:-2], levels[:, 2:] - levels[:, :-2]
    place = (np.arctan2(dy, dx) / np.pi % 1.0) * ORIENTATIONS
    low = np.floor(place)
    share, strength = place - low, np.hypot(dx, dy)
    rows, columns = height // CELL_PX, width // CELL_PX
    cell = (np.arange(height) // CELL_PX)[:, None] * columns + (np.arange(width) // CELL_PX)[None, :]
    first = cell * ORIENTATIONS + low.astype(np.int64) % ORIENTATIONS
    second = cell * ORIENTATIONS + (low.astype(np.int64) + 1) % ORIENTATIONS
    size = rows * columns * ORIENTATIONS
    histogram = np.bincount(first.ravel(), (strength * (1 - share)).ravel(), size)
    histogram += np.bincount(second.ravel(), (strength * share).ravel(), size)
    grid = histogram.reshape(rows, columns, ORIENTATIONS)
    energy = np.pad((grid**2).sum(axis=2), 1, mode="edge")
    around = sum(energy[i : i + rows, j : j + columns] for i in range(3) for j in range(3))
    return np.asarray(np.sqrt(grid / np.sqrt(around + 1e3)[..., None]))


def _levels(picture: Image.Image) -> Array:
    return np.asarray(picture, dtype=np.float64)


def _standard(values: Array) -> Array:
    return np.asarray((values - values.mean()) / (values.std() + 8.0))
