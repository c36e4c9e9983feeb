"""A picture of drawn faces: who stands where, what they show, and how the picture was taken.

What lives here: `Figure` (a person in the picture), `View` (light, background, camera) and `draw_picture`, which puts
all together. Features are `features.py` and `mouth.py`, hair is `hair.py`, shading `light.py`, traits `person.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from seke_pipeline.demo.affect import Affect
from seke_pipeline.demo.draw import Colour, Head, Points, Sheet, blend, curve, ellipse, grain, soften, stroke
from seke_pipeline.demo.features import (
    Intensities,
    paint_brow,
    paint_eye,
    paint_folds,
    paint_forehead,
    paint_nose,
)
from seke_pipeline.demo.hair import paint_hair_before, paint_hair_behind
from seke_pipeline.demo.light import shine_on
from seke_pipeline.demo.mouth import jaw_drop, paint_mouth
from seke_pipeline.demo.person import Person

DRAWING_VERSION = 1
"""Raise it with every change of what is drawn: collections and fitted readers are kept by it."""

_SHADOW: Colour = (44, 26, 30)
_CREASE_TINT = (0.44, 0.33, 0.32)
BACKGROUNDS: tuple[Colour, ...] = (
    (206, 214, 220), (222, 212, 198), (188, 202, 190), (170, 184, 204),
    (214, 198, 204), (148, 158, 166), (232, 228, 220),
)  # fmt: skip


@dataclass(frozen=True)
class Figure:
    """One person in a picture, what the face shows, and where the head stands."""

    person: Person
    affect: Affect
    head: Head


@dataclass(frozen=True)
class View:
    """How a picture was taken.

    Attributes:
        light: where the light comes from: angle in radians, 0 is from the picture's right, -pi/2 from above.
        contrast: how much darker the far side of a head is, 0…1.
        background: colour behind the heads.
        blur_px: radius of the lens blur.
        noise: standard deviation of the sensor's noise in grey levels.
    """

    light: float
    contrast: float
    background: Colour
    blur_px: float
    noise: float


def take_view(rng: np.random.Generator) -> View:
    """Draw light, background and camera by lot."""
    return View(
        light=float(rng.uniform(-2.6, -0.5)),
        contrast=float(rng.uniform(0.25, 0.6)),
        background=BACKGROUNDS[int(rng.integers(len(BACKGROUNDS)))],
        blur_px=float(rng.uniform(0, 0.7)),
        noise=float(rng.uniform(0.5, 4)),
    )


def pose(rng: np.random.Generator, x: float, y: float, unit_px: float) -> Head:
    """A head at this place, turned by lot: roll within 15 degrees, yaw and pitch slight."""
    return Head(
        x=x,
        y=y,
        unit_px=unit_px,
        roll=float(np.deg2rad(np.clip(rng.normal(0, 5), -15, 15))),
        yaw=float(np.clip(rng.normal(0, 0.06), -0.16, 0.16)),
        pitch=float(np.clip(rng.normal(0, 0.03), -0.07, 0.07)),
    )


def pose_alone(rng: np.random.Generator, size_px: int) -> Head:
    """The pose of somebody alone in the picture: near its middle, the head half to two thirds of its height."""
    x, y = size_px * rng.uniform(0.46, 0.54), size_px * rng.uniform(0.5, 0.54)
    return pose(rng, float(x), float(y), float(size_px * rng.uniform(0.235, 0.285)))


def draw_picture(figures: Sequence[Figure], view: View, size_px: int, rng: np.random.Generator) -> Image.Image:
    """Draw a square RGB picture.

    Args:
        figures: who is in it, from the back to the front.
        view: light and camera.
        size_px: side of the picture.
        rng: for hair and noise.
    """
    sheet = Sheet(size_px, view.background)
    light = np.ones((1, 1))
    for figure in figures:
        head = replace(figure.head, aspect=figure.person.aspect)
        _paint_figure(sheet, head, figure.person, figure.affect, rng)
        lit, near = shine_on(head, figure.person, figure.affect.intensities, view.light, view.contrast, size_px)
        light = lit if len(figures) == 1 else light + (lit - light) * near
    return grain(soften(sheet.develop(light, _CREASE_TINT), view.blur_px), view.noise, rng)


def _paint_figure(sheet: Sheet, head: Head, person: Person, affect: Affect, rng: np.random.Generator) -> None:
    au, unit = affect.intensities, head.unit_px
    paint_hair_behind(sheet, head, person)
    _paint_bust(sheet, head, person)
    _paint_head(sheet, head, person, au)
    paint_forehead(sheet, head.place, person, au, unit)
    paint_folds(sheet, head.place, person, au, unit)
    paint_nose(sheet, head.place, person, au, unit)
    for side in (-1, 1):
        paint_eye(sheet, head.place, person, au, side, unit)
        paint_brow(sheet, head.place, person, au, side, unit)
    paint_mouth(sheet, head.place, person, au, _sides(au, affect.one_sided), unit)
    paint_hair_before(sheet, head, person, rng)


def _sides(au: Intensities, one_sided: int) -> tuple[Intensities, Intensities]:
    weak = {**au, 12: 0.25 * au[12], 14: 0.2 * au[14]}
    return (weak if one_sided > 0 else au, weak if one_sided < 0 else au)


def _head_outline(person: Person, drop: float) -> Points:
    """The outline of the head in head space; the jaw drops by 0.16 at most."""
    jaw, chin = person.jaw, 1.25 * person.chin + 0.16 * drop
    half = [
        (0.0, chin), (0.32 * jaw, chin - 0.04), (0.63 * jaw, chin - 0.26), (0.83 * jaw, 0.62), (0.94, 0.20),
        (0.97, -0.25), (0.93, -0.75), (0.72, -1.22), (0.38, -1.48),
    ]  # fmt: skip
    mirrored = [(-x, y) for x, y in half[:0:-1]]
    return curve([*half, (0.0, -1.55), *mirrored], closed=True)


def _paint_bust(sheet: Sheet, head: Head, person: Person) -> None:
    neck = [
        (-0.52, 0.5),
        (-0.54, 1.35),
        (-0.78, 1.75),
        (-0.7, 2.1),
        (0.7, 2.1),
        (0.78, 1.75),
        (0.54, 1.35),
        (0.52, 0.5),
    ]
    shade = [(-0.56, 0.95), (0, 1.5), (0.56, 0.95), (0.5, 1.34), (0, 1.58), (-0.5, 1.34)]
    half = [(0.62, 1.6), (1.3, 1.75), (2.0, 2.15), (2.3, 3.4)]
    collar = [(0.0, 1.9), (0.38, 1.8), *half, *[(-x, y) for x, y in half[::-1]], (-0.38, 1.8)]
    sheet.fill(head.place(curve(neck, closed=True), flat=True), blend(person.skin, _SHADOW, 0.2), lit=True)
    sheet.fill(head.place(curve(shade, closed=True), flat=True), blend(person.skin, _SHADOW, 0.38), lit=True)
    sheet.fill(head.place(curve(collar, closed=True), flat=True), person.clothes, lit=False)
    rim = curve([(-0.62, 1.6), (-0.38, 1.8), (0, 1.9), (0.38, 1.8), (0.62, 1.6)])
    sheet.fill(head.place(stroke(rim, 0.07, start=0.6, end=0.6), flat=True), blend(person.clothes, (12, 12, 16), 0.3))


def _paint_head(sheet: Sheet, head: Head, person: Person, au: Intensities) -> None:
    for side in (-1, 1):
        ear = ellipse(0.99 * side, 0.03, 0.11, 0.25)
        inner = ellipse(1.0 * side, 0.03, 0.055, 0.15)
        sheet.fill(head.place(ear, flat=True), blend(person.skin, _SHADOW, 0.12), lit=True)
        sheet.fill(head.place(inner, flat=True), blend(person.skin, _SHADOW, 0.3), lit=True)
    outline = _head_outline(person, jaw_drop(au))
    sheet.fill(head.place(outline, flat=True), person.skin, lit=True)
