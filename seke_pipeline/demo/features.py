"""The features of a face as functions of its action units: brows, eyes, nose, mouth and the lines between them.

What lives here: one function per feature, each painting on a `Sheet` what FACS says its action units do there
(domain.md 1.7; FACS manual). An action unit is an intensity 0…1. Sides are -1 for the picture's left, 1 for its right.
"""

from collections.abc import Callable, Mapping

import numpy as np

from seke_pipeline.demo.draw import Colour, Points, Sheet, blend, curve, ellipse, lowered, stroke
from seke_pipeline.demo.person import Person

Intensities = Mapping[int, float]
Place = Callable[[Points], Points]

_SCLERA: Colour = (240, 236, 230)
_DARK: Colour = (38, 22, 22)


def _sided(points: Points, side: int) -> Points:
    return np.asarray(points * np.array([side, 1.0]))


def brow_spine(person: Person, au: Intensities, side: int) -> Points:
    """The middle line of a brow, from the nose outwards; AU1 lifts its head, AU2 its tail, AU4 lowers and draws in."""
    up, low = person.brow_offset, au[4]
    inner = (0.17 - 0.07 * low, -0.375 - up - 0.17 * au[1] + 0.15 * low + 0.05 * au[9])
    body = (0.33 - 0.05 * low, -0.43 - up - 0.10 * au[1] - 0.06 * au[2] + 0.11 * low + 0.03 * au[9])
    arch = (0.53 - 0.02 * low, -0.45 - up - 0.02 * au[1] - 0.15 * au[2] + 0.07 * low)
    tail = (0.75, -0.375 - up - 0.13 * au[2] + 0.03 * low)
    return _sided(curve([inner, body, arch, tail]), side)


def paint_brow(sheet: Sheet, place: Place, person: Person, au: Intensities, side: int, unit: float) -> None:
    """A tapered brow with a few hairs at its head, and the frown line beside it (AU4)."""
    spine = place(brow_spine(person, au, side))
    width = 0.105 * person.brow_thickness * unit
    sheet.fill(stroke(spine, width * 1.25, start=0.8, end=0.1), blend(person.brow, person.skin, 0.55))
    sheet.fill(stroke(spine, width, start=0.6, end=0.05), person.brow)
    x = 0.115 - 0.035 * au[4]
    frown = curve([(x + 0.015, -0.50), (x, -0.38), (x + 0.02, -0.24)])
    sheet.crease(place(_sided(frown, side)), 0.05 * unit, 0.95 * au[4])


def eye_outline(person: Person, au: Intensities, side: int) -> tuple[Points, Points]:
    """Upper and lower lid lines, each from the nose outwards; AU5 opens, AU7 narrows, AU6 pushes the lower lid up."""
    size, x, slant = person.eye_size, 0.425 * person.eye_gap, person.eye_slant
    upper = size * (0.088 + 0.075 * au[5] - 0.034 * au[7] - 0.012 * au[6])
    lower = size * (0.072 - 0.058 * au[7] - 0.022 * au[6] + 0.012 * au[5])
    half, y = 0.205 * size, -0.13
    sad = 0.03 * au[1] * (1 - au[2])
    inner, outer = (x - half, y + 0.025), (x + half, y - 0.008 - slant + sad)
    top = [inner, (x - 0.5 * half, y - 0.78 * upper), (x + 0.05, y - upper), (x + 0.62 * half, y - 0.72 * upper), outer]
    low = [inner, (x - 0.45 * half, y + 0.8 * lower), (x + 0.08, y + lower), (x + 0.65 * half, y + 0.7 * lower), outer]
    return _sided(curve(top), side), _sided(curve(low), side)


def paint_eye(sheet: Sheet, place: Place, person: Person, au: Intensities, side: int, unit: float) -> None:
    """Socket, eyeball with iris and catchlight, lids and lashes, and the folds around them."""
    top, low = eye_outline(person, au, side)
    upper, lower = place(top), place(low)
    opening = np.vstack([upper, lower[::-1]])
    x, y = 0.425 * person.eye_gap * side, -0.145
    iris, pupil, glint = (
        place(ellipse(x + dx, y + dy, r, r)) for dx, dy, r in ((0, 0, 0.098), (0, 0, 0.046), (0.035, -0.035, 0.02))
    )
    tear = place(ellipse(top[0, 0] + 0.01 * side, top[0, 1], 0.035, 0.03))
    sheet.inlay(
        opening,
        [
            (opening, _SCLERA),
            (tear, (214, 150, 140)),
            (iris, blend(person.iris, _DARK, 0.35)),
            (place(ellipse(x, y, 0.08, 0.08)), person.iris),
            (pupil, (16, 12, 12)),
            (glint, (252, 252, 252)),
        ],
    )
    sheet.fill(stroke(upper, 0.05 * unit, start=0.25, end=0.7), blend(person.brow, _DARK, 0.6))
    sheet.fill(stroke(lower, 0.016 * unit), blend(person.skin, _DARK, 0.5))
    _eye_folds(sheet, place, top, low, au, person, side, unit)


def _eye_folds(
    sheet: Sheet, place: Place, top: Points, low: Points, au: Intensities, person: Person, side: int, unit: float
) -> None:
    lid = lowered(top[2:-2], -0.055 + 0.028 * au[5])
    sheet.crease(place(lid), 0.024 * unit, 0.55)
    bag = lowered(low[3:-3], 0.06 - 0.01 * au[6])
    sheet.crease(place(bag), 0.03 * unit, 0.12 + 0.2 * person.age + 0.55 * au[7] + 0.3 * au[6])
    cheek = _sided(curve([(0.24, 0.05), (0.42, 0.12 - 0.03 * au[6]), (0.66, 0.02)]), side)
    sheet.crease(place(cheek), 0.04 * unit, 0.8 * au[6])
    for drop in (-0.10, -0.02, 0.06):
        foot = _sided(curve([(0.70, -0.11 + 0.5 * drop), (0.77, -0.115 + drop), (0.85, -0.12 + 1.7 * drop)]), side)
        sheet.crease(place(foot), 0.026 * unit, 0.85 * au[6])


def paint_forehead(sheet: Sheet, place: Place, person: Person, au: Intensities, unit: float) -> None:
    """Lines across the forehead: in its middle for AU1, at its sides for AU2."""
    for row, y in enumerate((-0.62, -0.74, -0.86)):
        lift = 0.03 * row
        middle = curve([(-0.26, y + 0.02), (0, y - 0.02 - lift), (0.26, y + 0.02)])
        sheet.crease(place(middle), 0.034 * unit, 0.8 * au[1] + 0.1 * person.age)
        for side in (-1, 1):
            flank = _sided(curve([(0.34, y - 0.02), (0.52, y - 0.06), (0.70, y + 0.02)]), side)
            sheet.crease(place(flank), 0.034 * unit, 0.8 * au[2])


def paint_nose(sheet: Sheet, place: Place, person: Person, au: Intensities, unit: float) -> None:
    """Wings, nostrils and tip; AU9 pulls the wings up and wrinkles the bridge."""
    width, base = 0.165 * person.nose_width, 0.40 * person.nose_length - 0.05 * au[9] - 0.015 * au[10]
    flare = 1 + 0.1 * au[9] + 0.06 * au[10]
    shade = blend(person.skin, _DARK, 0.62)
    for side in (-1, 1):
        nostril = ellipse(0.078 * side, base + 0.012, 0.046 * flare, 0.024)
        sheet.fill(place(nostril), shade)
        wing = [
            (0.115, base - 0.115),
            (width * flare, base - 0.045),
            (width * flare - 0.01, base + 0.012),
            (0.12, base + 0.02),
        ]
        sheet.crease(place(_sided(curve(wing), side)), 0.034 * unit, 0.75)
        for step, y in enumerate((-0.2, -0.12, -0.04)):
            wrinkle = curve([(0.015, y - 0.03), (0.09, y), (0.16 + 0.02 * step, y + 0.07)])
            sheet.crease(place(_sided(wrinkle, side)), 0.036 * unit, 0.85 * au[9])
        root = curve([(0.12, -0.26), (0.095, -0.10), (0.10, 0.1)])
        sheet.crease(place(_sided(root, side)), 0.035 * unit, 0.22)
    under = curve([(-0.06, base + 0.035), (0, base + 0.05), (0.06, base + 0.035)])
    sheet.crease(place(under), 0.03 * unit, 0.6)


def paint_folds(sheet: Sheet, place: Place, person: Person, au: Intensities, unit: float) -> None:
    """The nasolabial folds: bowed by AU12, deepened by AU10, pulled up by AU9."""
    wing = 0.19 * person.nose_width
    depth = min(1.0, 0.12 + 0.35 * person.age + 0.5 * au[12] + 0.55 * au[10] + 0.3 * au[9] + 0.15 * au[6])
    for side in (-1, 1):
        start = (wing, 0.30 - 0.06 * au[9] - 0.02 * au[10])
        belly = (wing + 0.16 + 0.09 * au[12] + 0.08 * au[10], 0.42 - 0.03 * au[10])
        end = (wing + 0.24 + 0.10 * au[12] + 0.04 * au[20], 0.68 - 0.07 * au[12] + 0.04 * au[15])
        sheet.crease(place(_sided(curve([start, belly, end]), side)), 0.042 * unit, depth)
