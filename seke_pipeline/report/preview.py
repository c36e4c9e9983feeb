"""A sheet of faces with a line of text under each: what the UI shows of a shard."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image, ImageFont

    Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_GAP_PX = 8
_LINE_PX = 15
_TEXT_PX = 11
_PAPER, _INK, _EMPTY = (255, 255, 255), (40, 44, 52), (226, 229, 234)


def contact_sheet(crops: Sequence[bytes], captions: Sequence[str], columns: int = 6, tile_px: int = 96) -> bytes:
    """Put faces side by side, each with its caption beneath.

    A crop that cannot be read leaves a grey tile. Equal input gives equal bytes.

    Args:
        crops: the faces' pictures, any format that Pillow reads.
        captions: one per face; a line break starts a new line, and a line that is too long is cut.
        columns: faces in a row at most.
        tile_px: side of a face in pixels.

    Returns:
        A PNG; of no faces, an empty strip.

    Raises:
        ValueError: there are not as many captions as crops.
    """
    from PIL import Image, ImageDraw, ImageFont

    tiles = list(zip(crops, captions, strict=True))
    lines = max((caption.count("\n") + 1 for caption in captions), default=1)
    cell = (tile_px + _GAP_PX, tile_px + _GAP_PX + lines * _LINE_PX)
    rows = -(-len(tiles) // columns) or 1
    size = (_GAP_PX + min(len(tiles) or 1, columns) * cell[0], _GAP_PX + rows * cell[1])
    sheet = Image.new("RGB", size, _PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(_TEXT_PX)
    for place, (crop, caption) in enumerate(tiles):
        left, top = _GAP_PX + place % columns * cell[0], _GAP_PX + place // columns * cell[1]
        sheet.paste(_tile(crop, tile_px), (left, top))
        for number, line in enumerate(caption.split("\n")):
            below = top + tile_px + 2 + number * _LINE_PX
            pen.text((left, below), _cut(line, font, tile_px), fill=_INK, font=font)
    return _png(sheet)


def _tile(crop: bytes, side_px: int) -> "Image.Image":
    from PIL import Image

    try:
        with Image.open(io.BytesIO(crop)) as picture:
            return picture.convert("RGB").resize((side_px, side_px), Image.Resampling.LANCZOS)
    except (OSError, ValueError, Image.DecompressionBombError):
        return Image.new("RGB", (side_px, side_px), _EMPTY)


def _cut(line: str, font: "Font", width_px: int) -> str:
    """The line, or as much of it as fits, with an ellipsis."""
    if font.getlength(line) <= width_px:
        return line
    fitting = (line[:end].rstrip() + "…" for end in range(len(line), 0, -1))
    return next((text for text in fitting if font.getlength(text) <= width_px), "")


def _png(picture: "Image.Image") -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
