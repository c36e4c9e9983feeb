"""What the drawn databases share: the truth of a drawn face, and how a picture becomes a file."""

from dataclasses import dataclass
from io import BytesIO

from PIL import Image

from seke_pipeline.emotion.labels import Labels

_QUALITY = 92


@dataclass(frozen=True)
class DrawnFace:
    """The labelled face of one drawn picture, and the truth about it.

    Attributes:
        source: name of the source it lies in.
        path: of the picture, relative to the source's root.
        truth: all 20 fields.
    """

    source: str
    path: str
    truth: Labels


def jpeg(picture: Image.Image) -> bytes:
    """The picture as JPEG bytes."""
    written = BytesIO()
    picture.save(written, "JPEG", quality=_QUALITY)
    return written.getvalue()
