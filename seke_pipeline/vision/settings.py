"""What a user may set about finding faces."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

DetectorName = Literal["dlib_hog", "lbp", "yunet", "insightface"]

PILLOW_MAX_PIXELS = 178_956_970
"""Above this Pillow itself refuses an image as a decompression bomb, whatever the settings say."""


class VisionSettings(BaseModel):
    """The `[vision]` section."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    detector: DetectorName = Field("dlib_hog", description="Who finds the faces; dlib_hog and lbp need no model file.")
    model: Path | None = Field(
        None,
        description="Model file of yunet, or model file or pack folder of insightface; ships with neither.",
    )
    min_score: float | None = Field(
        None, description="Least score of a face on the detector's own scale; empty means its own default."
    )
    which: Literal["largest", "all"] = Field(
        "largest", description="Keep the largest face of an image, which its labels describe, or all of them."
    )
    crop_size_px: int = Field(224, ge=32, le=2048, description="Side of the square crop in pixels.")
    margin: float = Field(
        0.3, ge=0, le=2, description="Room around a face's box on each side, as a share of the box's side."
    )
    max_image_pixels: int = Field(
        100_000_000,
        gt=0,
        le=PILLOW_MAX_PIXELS,
        description="Larger images are refused before they are decoded (reason image_too_large).",
    )
    max_file_bytes: int = Field(
        64 * 1024 * 1024, gt=0, description="Larger files are refused (reason image_too_large)."
    )
    jpeg_quality: int = Field(92, ge=1, le=100, description="JPEG quality of the crop.")
    detection_side_px: int = Field(
        640, ge=64, le=4096, description="Longer images are shrunk to this side for the detector alone."
    )
