"""YuNet through OpenCV 5: five landmarks, a third of a megabyte, and a licence that lets one sell the result."""

from typing import Any

import numpy as np
import numpy.typing as npt

from seke_pipeline.vision.detector import Detection, DetectorError, Spares, import_library, named_model, short_hash
from seke_pipeline.vision.settings import VisionSettings

_MIN_SCORE = 0.6
_NMS_IOU = 0.3
_TOP_K = 5000
_EXPECTED = (
    "a YuNet file with dynamic input size, such as face_detection_yunet_2026may.onnx of github.com/opencv/opencv_zoo"
)


class YuNet:
    """The YuNet face detector, from a file of the user's.

    Source: W. Wu, H. Peng, S. Yu, YuNet: A Tiny Millisecond-level Face Detector, Machine Intelligence Research 2023.
    Its "right eye" is the person's, hence the image's left: its order of landmarks is ours.
    """

    def __init__(self, settings: VisionSettings) -> None:
        model = named_model(settings, expected=_EXPECTED)
        self._cv2 = import_library("cv2", detector="yunet", extra="insightface")
        self._model = str(model)
        self._min_score = _MIN_SCORE if settings.min_score is None else settings.min_score
        self._nets: Spares[Any] = Spares(self._open_net)  # a network keeps its input size
        self._try_out()
        self.identity = f"yunet {short_hash(model)}"

    def detect(self, rgb: npt.NDArray[np.uint8]) -> list[Detection]:
        """Find faces with their landmarks; scores are 0…1."""
        with self._nets.lend() as net:
            net.setInputSize((rgb.shape[1], rgb.shape[0]))
            _, found = net.detect(np.ascontiguousarray(rgb[:, :, ::-1]))
        return [] if found is None else [_detection(row) for row in found.astype(np.float64)]

    def _open_net(self) -> Any:
        return self._cv2.FaceDetectorYN.create(self._model, "", (64, 64), self._min_score, _NMS_IOU, _TOP_K)

    def _try_out(self) -> None:
        """Look at an empty picture: a file of another network fails here and not in the middle of a shard."""
        try:
            self.detect(np.zeros((96, 64, 3), np.uint8))
        except (self._cv2.error, AttributeError) as error:
            raise DetectorError(
                f"OpenCV {self._cv2.__version__} cannot use {self._model} as YuNet: {' '.join(str(error).split())}",
                cure=f"set `[vision] model` to {_EXPECTED}, and have OpenCV 5 installed",
            ) from error


def _detection(row: npt.NDArray[np.float64]) -> Detection:
    """One of FaceDetectorYN's rows: x, y, width, height, five points, score."""
    left, top, width, height = (float(value) for value in row[:4])
    return Detection((left, top, left + width, top + height), float(row[14]), row[4:14].reshape(5, 2))
