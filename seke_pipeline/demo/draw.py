"""Drawing in head space: smooth outlines, tapered strokes and soft shading on a supersampled sheet.

What lives here: geometry (`curve`, `stroke`), the projection of a turned head onto the picture (`Head`) and the
sheet that is painted on (`Sheet`). What a face looks like is `face.py` and `features.py`.

Head space: x to the picture's right, y down, the unit is half the head's width; the eyes lie near y = -0.15,
the chin near y = 1.25 and the crown near y = -1.5.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageDraw, ImageFilter

Points = npt.NDArray[np.float64]
Colour = tuple[int, int, int]

SUPERSAMPLE = 2
_STEPS = 6
_UNLIT = 200  # the grey level of the light map that changes nothing: brighter light has room above it


def _basis(steps: int) -> Points:
    """Catmull-Rom weights of four control points at `steps` places of a segment: shape (steps, 4)."""
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    powers = np.hstack([np.ones_like(t), t, t**2, t**3])
    matrix = 0.5 * np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]], dtype=float)
    return powers @ matrix


_WEIGHTS = _basis(_STEPS)


def curve(points: Sequence[Sequence[float]] | Points, *, closed: bool = False) -> Points:
    """A smooth curve through control points (Catmull-Rom).

    Args:
        points: control points, shape (n, 2), n >= 2.
        closed: whether the curve returns to its first point.

    Returns:
        Six points for each segment; an open curve ends with its last control point.
    """
    p = np.asarray(points, dtype=float)
    around = np.vstack([p[-1:], p, p[:2]]) if closed else np.vstack([p[:1], p, p[-1:]])
    windows = np.stack([around[i : len(around) - 3 + i] for i in range(4)], axis=1)
    smooth = np.einsum("sk,nkd->nsd", _WEIGHTS, windows).reshape(-1, 2)
    return smooth if closed else np.vstack([smooth, p[-1:]])


def stroke(points: Points, width: float, *, start: float = 0.15, end: float = 0.15) -> Points:
    """The outline of a brush stroke that is widest in its middle.

    Args:
        points: the stroke's spine, shape (n, 2).
        width: full width in the middle, in the points' unit.
        start: width at the first point as a share of `width`.
        end: width at the last point as a share of `width`.
    """
    t = np.linspace(0, 1, len(points))
    profile = np.sin(np.pi * t) + (1 - np.sin(np.pi * t)) * (start + (end - start) * t)
    slope = np.empty_like(points)
    slope[1:-1] = points[2:] - points[:-2]
    slope[0], slope[-1] = points[1] - points[0], points[-1] - points[-2]
    normal = slope[:, ::-1] * (-1, 1) / (np.hypot(slope[:, 0], slope[:, 1]) + 1e-9)[:, None]
    half = normal * (width / 2 * profile)[:, None]
    return np.concatenate([points + half, (points - half)[::-1]])


def ellipse(x: float, y: float, rx: float, ry: float) -> Points:
    """An ellipse's outline in 24 points."""
    t = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    return np.stack([x + rx * np.cos(t), y + ry * np.sin(t)], axis=1)


def lowered(points: Points, by: float) -> Points:
    """The points moved down."""
    return np.asarray(points + np.array([0.0, by]))


def blend(first: Colour, second: Sequence[float], share: float) -> Colour:
    """`first` with a share of `second` mixed in."""
    r, g, b = (round(a + (z - a) * share) for a, z in zip(first, second, strict=True))
    return (r, g, b)


@dataclass(frozen=True)
class Head:
    """Where a head stands in the picture and how it is turned.

    Attributes:
        x: centre (between the eyes and the mouth) in picture pixels.
        y: the same, downwards.
        unit_px: half the head's width in pixels.
        roll: tilt in radians, clockwise.
        yaw: turn to the picture's right in radians, slight.
        pitch: nod downwards in radians, slight.
        aspect: width of this head relative to its height.
    """

    x: float
    y: float
    unit_px: float
    roll: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    aspect: float = 1.0

    def place(self, points: Points, *, flat: bool = False) -> Points:
        """Head space to pixels; `flat` points (the outline, hair) do not move with yaw and pitch."""
        x, y = points[:, 0] * self.aspect, points[:, 1]
        if not flat:
            depth = np.sqrt(np.clip(1 - (points[:, 0] / 1.08) ** 2 - ((y + 0.1) / 1.6) ** 2, 0, 1))
            x = x * np.cos(self.yaw) + depth * np.sin(self.yaw)
            y = y + depth * np.sin(self.pitch)
        cos, sin = np.cos(self.roll) * self.unit_px, np.sin(self.roll) * self.unit_px
        return np.stack([self.x + x * cos - y * sin, self.y + x * sin + y * cos], axis=1)


class Sheet:
    """A supersampled picture with a layer of creases that darken the skin when it is developed."""

    def __init__(self, size_px: int, background: Colour) -> None:
        self.size_px = size_px
        wide = size_px * SUPERSAMPLE
        tiny = Image.new("RGB", (2, 2), background)
        tiny.putpixel((0, 0), blend(background, (255, 255, 255), 0.35))
        tiny.putpixel((1, 1), blend(background, (40, 40, 60), 0.28))
        self.picture = tiny.resize((wide, wide), Image.Resampling.BILINEAR)
        self.creases = Image.new("L", (wide, wide), 0)
        self.skin = Image.new("L", (wide, wide), 0)
        self._brush = ImageDraw.Draw(self.picture)
        self._crease_brush = ImageDraw.Draw(self.creases)
        self._skin_brush = ImageDraw.Draw(self.skin)

    def fill(self, outline: Points, colour: Colour, *, lit: bool | None = None) -> None:
        """Fill an outline given in picture pixels.

        Args:
            outline: shape (n, 2).
            colour: RGB.
            lit: whether a new surface takes part in the head's shading; it covers creases. None paints on what
                is there.
        """
        flat = _flat(outline)
        self._brush.polygon(flat, fill=colour)
        if lit is not None:
            self._skin_brush.polygon(flat, fill=255 if lit else 0)
            self._crease_brush.polygon(flat, fill=0)

    def crease(self, spine: Points, width: float, strength: float, *, end: float = 0.1) -> None:
        """Darken the skin along a line; `strength` 0…1, `width` in picture pixels."""
        if strength > 0.06:
            outline = stroke(spine, width, start=0.1, end=end)
            self._crease_brush.polygon(_flat(outline), fill=round(255 * min(strength, 1.0)))

    def inlay(self, outline: Points, layers: Sequence[tuple[Points, Colour]]) -> None:
        """Paint layers that show only inside an outline: an iris between the lids, teeth between the lips."""
        low = np.floor(outline.min(axis=0) * SUPERSAMPLE).astype(int) - 1
        high = np.ceil(outline.max(axis=0) * SUPERSAMPLE).astype(int) + 2
        window, mask = (Image.new(mode, tuple(high - low)) for mode in ("RGB", "L"))
        brush = ImageDraw.Draw(window)
        for points, colour in layers:
            brush.polygon(_flat(points, low), fill=colour)
        ImageDraw.Draw(mask).polygon(_flat(outline, low), fill=255)
        self.picture.paste(window, tuple(low), mask)

    def develop(self, light: npt.NDArray[np.float64], crease_tint: Sequence[float]) -> Image.Image:
        """Reduce to the picture's size, light the lit surfaces and darken the creases.

        Args:
            light: brightness of the lit surfaces over the picture, any size, 0…1.25; 1 leaves them as they are.
            crease_tint: factor per colour at a crease of full strength.

        Returns:
            An RGB picture of `size_px` a side.
        """
        side = (self.size_px, self.size_px)
        shade = Image.fromarray(np.clip(light * _UNLIT, 0, 255).astype(np.uint8))
        shade = shade.resize(side, Image.Resampling.BICUBIC)
        shade.paste(_UNLIT, (0, 0, *side), ImageChops.invert(self.skin.reduce(SUPERSAMPLE)))
        crease = self.creases.reduce(SUPERSAMPLE).filter(ImageFilter.GaussianBlur(self.size_px / 400))
        tints = [crease.point([round(255 - (1 - tint) * level) for level in range(256)]) for tint in crease_tint]
        picture = ImageChops.multiply(self.picture.reduce(SUPERSAMPLE), Image.merge("RGB", tints))
        lit = ImageChops.multiply(picture, Image.merge("RGB", (shade, shade, shade)))
        return lit.point([min(255, round(level * 255 / _UNLIT)) for level in range(256)] * 3)


def _flat(points: Points, origin: npt.NDArray[np.int64] | int = 0) -> list[float]:
    return (points * SUPERSAMPLE - origin).ravel().tolist()


def soften(picture: Image.Image, radius_px: float) -> Image.Image:
    """Blur slightly, as a lens does; nothing below a quarter of a pixel."""
    return picture.filter(ImageFilter.GaussianBlur(radius_px)) if radius_px >= 0.25 else picture


def grain(picture: Image.Image, strength: float, rng: np.random.Generator) -> Image.Image:
    """Add sensor noise: `strength` is its standard deviation in grey levels."""
    if strength <= 0:
        return picture
    raw = rng.integers(0, 256, (picture.height, picture.width), dtype=np.uint8).astype(np.float32) - 127.5
    noise = Image.fromarray(np.clip(raw * (strength / 74) + 128, 0, 255).astype(np.uint8))
    return ImageChops.add(picture, Image.merge("RGB", (noise, noise, noise)), offset=-128)
