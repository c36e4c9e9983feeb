"""The mouth and the chin as functions of their action units.

What lives here: AU10, 12, 14, 15, 17, 20, 23, 24, 25, 26 around the lips. The rest of the face is `features.py`.
AU12 and AU14 may act on one side only, as contempt does (domain.md 2.1).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from seke_pipeline.demo.draw import Colour, Points, Sheet, blend, curve, lowered
from seke_pipeline.demo.features import Intensities, Place
from seke_pipeline.demo.person import Person

_HOLLOW: Colour = (66, 20, 24)
_TEETH: Colour = (240, 234, 224)
_TONGUE: Colour = (176, 84, 86)
_LINE: Colour = (58, 22, 24)

Side = Mapping[int, float]


@dataclass(frozen=True)
class Lips:
    """The four edges of the lips from the picture's left corner to its right one, in head space."""

    top: Points
    upper: Points
    lower: Points
    bottom: Points
    gap: float


def jaw_drop(au: Intensities) -> float:
    """How far the jaw drops, 0…1; it cannot where the lips stay closed."""
    return au[26] * min(1.0, 3 * au[25])


def lips_of(person: Person, au: Intensities, sides: tuple[Side, Side]) -> Lips:
    """Where the lips are; `sides` are the intensities at the left and at the right corner."""
    middle = 0.725 - 0.03 * au[17]
    gap = 0.085 * au[25] + 0.22 * jaw_drop(au)
    thin = (1 - 0.5 * au[23]) * (1 - 0.68 * au[24]) * (1 - 0.25 * au[20])
    above = 0.088 * person.lip_fullness * thin * (1 - 0.15 * au[12])
    below = 0.118 * person.lip_fullness * thin * (1 + 0.2 * au[17]) * (1 - 0.1 * au[12])
    corners = [_corner(person, au, side, sign, middle, gap) for side, sign in zip(sides, (-1, 1), strict=True)]
    (xl, yl), (xr, yr) = corners
    bow = 0.05 * au[17]
    up = middle - 0.25 * gap - bow - 0.02 * au[10]
    down = middle + 0.75 * gap - bow
    raised = 0.07 * au[10]

    rim = 0.16 + 0.16 * au[26]

    def line(centre: float, dip: float = 0.0, flank: float = 0.0) -> Points:
        left, right = centre - yl, centre - yr
        return curve(
            [
                (xl, yl),
                (0.92 * xl, yl + rim * left + 0.4 * flank),
                (0.62 * xl, yl + (0.62 + 0.5 * rim) * left + flank),
                (0.22 * xl, yl + 0.955 * left + 0.5 * flank),
                (0.0, centre + dip),
                (0.22 * xr, yr + 0.955 * right + 0.5 * flank),
                (0.62 * xr, yr + (0.62 + 0.5 * rim) * right + flank),
                (0.92 * xr, yr + rim * right + 0.4 * flank),
                (xr, yr),
            ]
        )

    return Lips(
        top=line(up - above - raised, 0.022, -0.4 * raised),
        upper=line(up - 0.5 * raised * au[25], 0.012),
        lower=line(down),
        bottom=line(down + below, 0.008),
        gap=gap,
    )


def _corner(person: Person, au: Intensities, side: Side, sign: int, middle: float, gap: float) -> tuple[float, float]:
    width = 0.335 * person.mouth_width
    width += 0.10 * side[12] + 0.105 * au[20] + 0.025 * side[14] - 0.055 * au[23] - 0.02 * au[24] - 0.05 * au[26]
    y = middle + 0.2 * gap - 0.125 * side[12] - 0.03 * side[14] + 0.115 * au[15] + 0.03 * au[20] + 0.02 * au[17]
    return sign * width, y


def paint_mouth(
    sheet: Sheet, place: Place, person: Person, au: Intensities, sides: tuple[Side, Side], unit: float
) -> None:
    """Lips, what shows between them, and the marks at the corners."""
    lips = lips_of(person, au, sides)
    dark, pale = blend(person.lips, _LINE, 0.22), blend(person.lips, (255, 214, 204), 0.12)
    sheet.fill(place(np.vstack([lips.top, lips.bottom[::-1]])), dark)
    sheet.fill(place(np.vstack([lips.lower, lips.bottom[::-1]])), pale)
    if lips.gap > 0.012:
        _paint_opening(sheet, place, lips)
    else:
        sheet.fill(
            place(np.vstack([lowered(lips.upper, -0.012), lowered(lips.lower[::-1], 0.012 + 0.012 * au[24])])), _LINE
        )
    if au[24] + au[23] < 0.5:
        _paint_gleam(sheet, place, lips, pale)
    for edge, side, sign in zip((0, -1), sides, (-1, 1), strict=True):
        _corner_marks(sheet, place, lips.lower[edge], au, side, sign, unit)
    _paint_chin(sheet, place, lips, au, person, unit)


def _paint_gleam(sheet: Sheet, place: Place, lips: Lips, pale: Colour) -> None:
    gleam = 0.5 * (lips.lower + lips.bottom)[18:-18]
    sheet.fill(place(np.vstack([gleam, lowered(gleam[::-1], 0.02)])), blend(pale, (255, 255, 255), 0.25))


def _paint_opening(sheet: Sheet, place: Place, lips: Lips) -> None:
    opening = np.vstack([lips.upper, lips.lower[::-1]])
    teeth = np.vstack([lowered(lips.upper, -0.05), lowered(lips.upper[::-1], min(0.62 * lips.gap, 0.085))])
    hollow = place(opening)
    tongue = np.vstack([lowered(lips.lower, -0.32 * max(lips.gap - 0.09, 0.0)), lowered(lips.lower[::-1], 0.1)])
    sheet.inlay(hollow, [(hollow, _HOLLOW), (place(tongue), _TONGUE), (place(teeth), _TEETH)])
    sheet.fill(place(np.vstack([lowered(lips.upper, -0.012), lowered(lips.upper[::-1], 0.006)])), _LINE)
    sheet.fill(place(np.vstack([lowered(lips.lower, -0.008), lowered(lips.lower[::-1], 0.006)])), _LINE)


def _corner_marks(
    sheet: Sheet, place: Place, corner: Points, au: Intensities, side: Side, sign: int, unit: float
) -> None:
    def mark(points: list[tuple[float, float]], width: float, strength: float) -> None:
        spine = corner + curve(points) * np.array([sign, 1.0])
        sheet.crease(place(spine), width * unit, strength)

    mark([(-0.02, -0.01), (0.03, 0.0), (0.05, 0.03)], 0.04, 0.5)
    mark([(0.045, -0.10), (0.085, 0.0), (0.05, 0.10)], 0.055, 1.0 * side[14])
    mark([(0.02, 0.03), (0.07, 0.10), (0.06, 0.2)], 0.045, 0.9 * au[15])
    mark([(0.08, -0.07), (0.12, 0.0), (0.09, 0.09)], 0.03, 0.75 * au[20])
    mark([(0.13, -0.06), (0.17, 0.0), (0.14, 0.10)], 0.028, 0.55 * au[20])
    for drop in (-0.07, 0.0, 0.07):
        mark([(0.03, 0.6 * drop), (0.10, drop)], 0.03, 0.8 * au[23])


def _paint_chin(sheet: Sheet, place: Place, lips: Lips, au: Intensities, person: Person, unit: float) -> None:
    under = float(lips.bottom[:, 1].max())
    groove = curve([(-0.17, under + 0.04), (0, under + 0.065 - 0.02 * au[17]), (0.17, under + 0.04)])
    sheet.crease(place(groove), 0.06 * unit, 0.45 + 0.35 * au[17])
    boss = curve(
        [(-0.22, under + 0.30), (-0.16, under + 0.13), (0, under + 0.085), (0.16, under + 0.13), (0.22, under + 0.30)]
    )
    sheet.crease(place(boss), 0.045 * unit, 0.85 * au[17])
    for x, y in ((-0.09, 0.17), (0.02, 0.15), (0.1, 0.19), (-0.03, 0.23), (0.06, 0.26)):
        pit = np.array([(x - 0.02, under + y), (x, under + y + 0.008), (x + 0.02, under + y)])
        sheet.crease(place(pit), 0.03 * unit, 0.7 * au[17])
    for y, width in ((-0.055, 0.2), (0.05, 0.22)):
        edge = lips.top if y < 0 else lips.bottom
        sheet.crease(place(lowered(edge[9:-9], 0.6 * y)), 0.035 * unit, 0.65 * au[24] * width / 0.2)
    philtrum = curve([(0.035, 0.47), (0.045, float(lips.top[:, 1].min()))])
    for sign in (-1, 1):
        sheet.crease(place(philtrum * np.array([sign, 1.0])), 0.022 * unit, 0.28)
