"""The picture an arm shows: the face crop as it is, or turned in a way that should not change the answer.

What lives here: the four variants of `emotion.arms.Picture` and the data URL. Change a variant and raise
`PICTURE_VERSION`, so that its answers are asked anew.
"""

import base64
from io import BytesIO
from typing import TYPE_CHECKING

from seke_pipeline.emotion.arms import Picture

if TYPE_CHECKING:
    from PIL import Image

PICTURE_VERSION = "1"
"""Enters the request's hash instead of the variant's bytes, which differ between releases of Pillow."""

_QUALITY = 92
_BORDER_SHARE = 0.125
_GREY = (127, 127, 127)


def turned(crop: bytes, picture: Picture) -> bytes:
    """A face crop as an arm shows it.

    Args:
        crop: the JPEG bytes of the face crop.
        picture: the variant; `as_is` returns the crop's own bytes.

    Returns:
        JPEG bytes of the same width and height, so that every variant costs the same tokens.

    Raises:
        OSError: the crop is not a readable picture.
    """
    if picture == "as_is":
        return crop
    from PIL import Image  # loading it is dear

    with Image.open(BytesIO(crop)) as opened:
        image = _turn(opened.convert("RGB"), picture)
    written = BytesIO()
    image.save(written, "JPEG", quality=_QUALITY)
    return written.getvalue()


def _turn(image: "Image.Image", picture: Picture) -> "Image.Image":
    from PIL import ImageOps

    if picture == "mirrored":
        return ImageOps.mirror(image)
    if picture == "grey":
        return image.convert("L").convert("RGB")
    return _padded(image)


def _padded(image: "Image.Image") -> "Image.Image":
    """The picture made smaller, on a grey ground of its own size."""
    from PIL import ImageOps

    across, down = (round(side * _BORDER_SHARE) for side in image.size)
    inner = image.resize((image.width - 2 * across, image.height - 2 * down))
    return ImageOps.expand(inner, border=(across, down), fill=_GREY)


def data_url(crop: bytes, picture: Picture) -> str:
    """The turned crop as a `data:` URL.

    Raises:
        OSError: the crop is not a readable picture.
    """
    return "data:image/jpeg;base64," + base64.b64encode(turned(crop, picture)).decode("ascii")
