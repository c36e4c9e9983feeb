"""Bytes of unknown origin to an upright RGB picture: the one border where any exception is caught.

What lives here: the limits, the whitelist of formats, and the ways in which a picture is stored that is not
8-bit RGB. Files come from anywhere; decoders raise what they like (of Pillow's own 1,067 test images 219 raise,
among them SyntaxError and struct.error), so everything is caught here and becomes an `ImageError` with a reason.
"""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import ExifTags, Image, ImageOps

from seke_pipeline.vision.settings import VisionSettings

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""Formats that are let in; a phone's MPO is a JPEG to Pillow. The decoders of others are never reached."""

_SIDES_KEPT = 4
"""A huge JPEG keeps at least this many times the detector's side: a face of 56 px there still fills a 224 px crop."""


class ImageError(Exception):
    """An image that gives no picture.

    Attributes:
        reason: a word of `emotion.tables.FACE_REASONS`: unreadable_image or image_too_large.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


@dataclass(frozen=True)
class Picture:
    """An upright picture.

    Attributes:
        rgb: 8-bit RGB; a huge JPEG comes at a half, a quarter or an eighth of its size.
        width_px: width of the full upright image.
        height_px: height of the full upright image.
    """

    rgb: Image.Image
    width_px: int
    height_px: int

    @property
    def scale(self) -> tuple[float, float]:
        """Full pixels per pixel of `rgb`, along x and y; (1, 1) but for huge JPEGs."""
        return self.width_px / self.rgb.width, self.height_px / self.rgb.height


def decode(content: bytes, settings: VisionSettings) -> Picture:
    """Decode an image: first frame, upright by EXIF, transparency on white, 16 bits and more scaled to 8.

    Args:
        content: a file's bytes, of any origin.
        settings: the limits, and the detector's side that huge JPEGs are reduced by.

    Raises:
        ImageError: with the reason.
    """
    if len(content) > settings.max_file_bytes:
        raise ImageError("image_too_large", f"{len(content)} bytes")
    try:
        return _picture(Image.open(BytesIO(content), formats=FORMATS), settings)
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError("image_too_large", str(error)) from error
    except Exception as error:  # decoders that are fed with hostile bytes raise what they like
        raise ImageError("unreadable_image", f"{type(error).__name__}: {error}") from error


def _picture(image: Image.Image, settings: VisionSettings) -> Picture:
    size = image.size
    if size[0] * size[1] > settings.max_image_pixels:
        raise ImageError("image_too_large", f"{size[0]}x{size[1]} pixels")
    drafted = _draft(image, _SIDES_KEPT * settings.detection_side_px)
    # Pillow turns TIFF upright by itself, its size already at opening; of the others draft() leaves the EXIF as it is
    turned = drafted and image.getexif().get(ExifTags.Base.Orientation, 1) >= 5
    ImageOps.exif_transpose(image, in_place=True)
    rgb = _rgb(image)
    width, height = (size[::-1] if turned else size) if drafted else rgb.size
    return Picture(rgb, width, height)


def _draft(image: Image.Image, side_px: int) -> bool:
    """Have a huge JPEG decoded at a reduced size whose long side is at least `side_px`; tell whether it will be."""
    before, long_side = image.size, max(image.size)
    least = (-(-before[0] * side_px // long_side), -(-before[1] * side_px // long_side))
    image.draft(None, least)
    return image.size != before


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _eight_bits(image).convert("RGB")
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of more than 8 bits; Pillow's own conversion would clip it to white.

    16 bits are divided by 257. 32-bit integers and floats have no agreed white: theirs is the picture's brightest.
    """
    grey = np.asarray(image, dtype=np.float64)
    if image.mode.startswith("I;16"):
        return Image.fromarray(np.rint(grey / 257).astype(np.uint8))
    grey = grey - grey.min()
    brightest = grey.max()
    if not np.isfinite(brightest):
        raise ImageError("unreadable_image", "a pixel is not a finite number")
    return Image.fromarray(np.rint(grey * (255 / max(brightest, 1e-300))).astype(np.uint8))
