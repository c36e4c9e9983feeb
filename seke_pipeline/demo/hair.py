"""Hair in six styles: what lies behind the head, and what falls before it.

Add a style to `person.STYLES` and here; brows and beard are `features.py` and `light.py`.
"""

from collections.abc import Mapping

import numpy as np

from seke_pipeline.demo.draw import Colour, Head, Sheet, blend, curve, ellipse, stroke
from seke_pipeline.demo.person import Hair, Person

_Line = tuple[tuple[float, float], ...]

_HAIRLINES: Mapping[Hair, _Line] = {
    "short": (
        (-0.96, -0.45), (-0.88, -0.82), (-0.66, -1.04), (-0.3, -1.12), (0, -1.1),
        (0.3, -1.12), (0.66, -1.04), (0.88, -0.82), (0.96, -0.45),
    ),
    "side": (
        (-0.97, -0.35), (-0.87, -0.8), (-0.62, -1.08), (-0.35, -1.2), (0.1, -1.04),
        (0.5, -0.95), (0.8, -0.78), (0.9, -0.5), (0.97, -0.25),
    ),
    "long": (
        (-1.0, 0.1), (-0.93, -0.45), (-0.72, -0.85), (-0.36, -1.1), (-0.08, -1.25),
        (0.3, -1.1), (0.72, -0.85), (0.93, -0.45), (1.0, 0.1),
    ),
    "bun": (
        (-0.97, -0.35), (-0.9, -0.75), (-0.68, -1.04), (-0.34, -1.18), (0, -1.2),
        (0.34, -1.18), (0.68, -1.04), (0.9, -0.75), (0.97, -0.35),
    ),
    "curly": (
        (-0.98, -0.4), (-0.86, -0.78), (-0.66, -0.96), (-0.3, -1.08), (0, -1.04),
        (0.3, -1.08), (0.66, -0.96), (0.86, -0.78), (0.98, -0.4),
    ),
}  # fmt: skip


_CROWN: _Line = (
    (1.07, -0.55), (1.02, -1.0), (0.74, -1.46), (0.36, -1.68), (0, -1.73),
    (-0.36, -1.68), (-0.74, -1.46), (-1.02, -1.0), (-1.07, -0.55),
)  # fmt: skip
_LOCKS = 12


def paint_hair_behind(sheet: Sheet, head: Head, person: Person) -> None:
    """The mane, the bun or the curls that the head covers."""
    shade = blend(person.hair, (8, 6, 8), 0.35)
    if person.style == "long":
        mane = [(0, -1.74), (0.8, -1.5), (1.2, -0.7), (1.28, 0.3), (1.3, 1.2), (1.12, 2.0), (0.5, 2.1)]
        outline = curve([*mane, *[(-x, y) for x, y in mane[:0:-1]]], closed=True)
        sheet.fill(head.place(outline, flat=True), shade, lit=True)
    elif person.style == "bun":
        sheet.fill(head.place(ellipse(0, -1.78, 0.42, 0.36), flat=True), shade, lit=True)
    elif person.style == "curly":
        for t in np.linspace(-0.25, np.pi + 0.25, 15):
            curl = ellipse(1.05 * np.cos(t), -0.55 - 1.12 * np.sin(t), 0.3, 0.3)
            sheet.fill(head.place(curl, flat=True), shade, lit=True)


def paint_hair_before(sheet: Sheet, head: Head, person: Person, rng: np.random.Generator) -> None:
    """The cap of hair over the forehead, with a few locks that catch the light; nothing on a bald head."""
    line = _HAIRLINES.get(person.style)
    if line is None:
        return
    low, high = curve(line), curve(_CROWN)
    sheet.fill(head.place(np.vstack([low, high]), flat=True), person.hair, lit=True)
    shine, dark = blend(person.hair, (255, 240, 220), 0.16), blend(person.hair, (6, 4, 6), 0.35)
    for share in rng.uniform(0.16, 0.84, _LOCKS).tolist():
        root, tip = low[round(share * (len(low) - 1))], high[::-1][round(share * (len(high) - 1))]
        colour: Colour = shine if share < 0.5 else dark
        spine = curve([0.96 * root + 0.04 * tip, 0.54 * (root + tip), 0.12 * root + 0.88 * tip])
        sheet.fill(head.place(stroke(spine, 0.035), flat=True), colour, lit=True)
