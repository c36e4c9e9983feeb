"""scikit-image's LBP cascade: the detector where no dlib wheel fits."""

import numpy as np
import numpy.typing as npt

from seke_pipeline.vision.detector import Detection, DetectorError, import_library
from seke_pipeline.vision.settings import VisionSettings

_MIN_SIDE_PX = 24
_MIN_SHARE = 1 / 12  # smaller windows are most of the time and most of the false boxes
_SCALE_STEP = 1.2


class Lbp:
    """OpenCV's frontal-face cascade of local binary patterns, as scikit-image ships and runs it.

    Source: S. Liao et al., Learning Multi-scale Block Local Binary Patterns for Face Recognition, ICB 2007; the
    cascade is `lbpcascade_frontalface.xml`. It gives neither landmarks nor scores.
    """

    def __init__(self, settings: VisionSettings) -> None:
        if settings.min_score is not None:
            raise DetectorError(
                f"The detector lbp gives no scores, and `[vision] min_score` is {settings.min_score}",
                cure="remove `[vision] min_score`, or set another `[vision] detector`",
            )
        skimage = import_library("skimage", detector="lbp", extra="demo")
        feature = import_library("skimage.feature", detector="lbp", extra="demo")
        data = import_library("skimage.data", detector="lbp", extra="demo")
        self._cascade = feature.Cascade(data.lbp_frontal_face_cascade_filename())
        self.identity = f"lbp {skimage.__version__}"

    def detect(self, rgb: npt.NDArray[np.uint8]) -> list[Detection]:
        """Find frontal faces of at least 24 px and a twelfth of the picture's long side."""
        longest = max(rgb.shape[:2])
        least = max(_MIN_SIDE_PX, round(longest * _MIN_SHARE))
        found = self._cascade.detect_multi_scale(
            img=rgb,
            scale_factor=_SCALE_STEP,
            step_ratio=1,
            min_size=(least, least),
            max_size=(longest, longest),
        )
        return [
            Detection((float(f["c"]), float(f["r"]), float(f["c"] + f["width"]), float(f["r"] + f["height"])), None)
            for f in found
        ]
