"""A picture without a face: hills under the sun, so that a detector has something to find nothing in."""

import numpy as np
from PIL import Image

from seke_pipeline.demo.draw import Colour, Points, Sheet, blend, curve, ellipse, grain

_SKY: Colour = (168, 198, 224)
_HILLS: tuple[Colour, ...] = ((132, 158, 170), (112, 148, 122), (84, 122, 84))


def draw_landscape(size_px: int, rng: np.random.Generator) -> Image.Image:
    """Draw three rows of hills with a few trees: a square RGB picture."""
    sheet = Sheet(size_px, _SKY)
    sun = ellipse(float(rng.uniform(0.2, 0.8)), 0.22, 0.06, 0.06) * size_px
    sheet.fill(sun, (252, 240, 204))
    for row, colour in enumerate(_HILLS):
        sheet.fill(_ridge(0.45 + 0.16 * row, rng) * size_px, colour)
    for x in np.sort(rng.uniform(0.05, 0.95, 7)).tolist():
        _paint_tree(sheet, x, float(rng.uniform(0.78, 0.9)), float(rng.uniform(0.08, 0.14)), size_px)
    return grain(sheet.develop(np.ones((1, 1)), (1, 1, 1)), 2.0, rng)


def _ridge(height: float, rng: np.random.Generator) -> Points:
    tops = [(x, height + rng.uniform(-0.07, 0.07)) for x in np.linspace(-0.1, 1.1, 8)]
    return np.vstack([curve(tops), [[1.1, 1.1], [-0.1, 1.1]]])


def _paint_tree(sheet: Sheet, x: float, foot: float, height: float, size_px: int) -> None:
    trunk = np.array([(x - 0.006, foot), (x + 0.006, foot), (x + 0.004, foot - height), (x - 0.004, foot - height)])
    sheet.fill(trunk * size_px, (92, 70, 54))
    crown = curve(
        [(x, foot - 1.5 * height), (x + 0.3 * height, foot - 0.35 * height), (x - 0.3 * height, foot - 0.35 * height)],
        closed=True,
    )
    sheet.fill(crown * size_px, blend(_HILLS[-1], (30, 60, 40), 0.5))
