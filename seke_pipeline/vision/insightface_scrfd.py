"""insightface's SCRFD detector, on a GPU where onnxruntime has one."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seke_pipeline.vision.detector import Detection, DetectorError, import_library, named_model, short_hash
from seke_pipeline.vision.settings import VisionSettings

_MIN_SCORE = 0.5
_INPUT_SIDE_PX = 640
_EXPECTED = (
    "the folder of an unpacked insightface model pack, such as buffalo_l, or to its det_*.onnx file "
    "(github.com/deepinsight/insightface/releases; for non-commercial research only)"
)
_log = logging.getLogger(__name__)


class InsightFaceScrfd:
    """SCRFD with five landmarks, from a model pack of the user's.

    **The weights that insightface publishes are for non-commercial research only**, however they are come by; its
    code is MIT. Source: J. Guo et al., Sample and Computation Redistribution for Efficient Face Detection, ICLR 2022.

    The input is pinned to 640 x 640: left to itself insightface 2 looks twice, at 128 and 640, and finds other boxes.

    Attributes:
        provider: where onnxruntime runs the network, such as CUDAExecutionProvider.
    """

    def __init__(self, settings: VisionSettings) -> None:
        model = _detection_file(named_model(settings, expected=_EXPECTED))
        ort = import_library("onnxruntime", detector="insightface", extra="insightface")
        insightface = import_library("insightface", detector="insightface", extra="insightface")
        self._min_score = _MIN_SCORE if settings.min_score is None else settings.min_score
        self._net = _load(insightface, model, _providers(ort))
        self.provider: str = self._net.session.get_providers()[0]
        _tell_of_silent_cpu(ort, self.provider)
        self.identity = f"insightface {insightface.__version__} {short_hash(model)}"

    def detect(self, rgb: npt.NDArray[np.uint8]) -> list[Detection]:
        """Find faces with their landmarks; scores are 0…1."""
        height, width = rgb.shape[:2]
        if max(height, width) > _INPUT_SIDE_PX * min(height, width):
            return []  # its letterbox would be less than a pixel wide, which OpenCV refuses
        bgr = np.ascontiguousarray(rgb[:, :, ::-1])
        side = (_INPUT_SIDE_PX, _INPUT_SIDE_PX)
        boxes, landmarks = self._net.detect(bgr, input_size=side, det_thresh=self._min_score)
        return [_detection(boxes[i], landmarks[i]) for i in range(len(boxes))]


def _detection(box: npt.NDArray[np.float32], landmarks: npt.NDArray[np.float32]) -> Detection:
    left, top, right, bottom, score = (float(value) for value in box)
    return Detection((left, top, right, bottom), score, landmarks.astype(np.float64))


def _detection_file(model: Path) -> Path:
    """The detector's file in a pack's folder; insightface itself would open every file of the pack."""
    if model.is_file():
        return model
    files = sorted(model.glob("*.onnx"))
    named = [file for file in files if file.name.startswith(("det_", "scrfd_"))] or files
    if len(named) != 1:
        names = ", ".join(file.name for file in files) or "no .onnx file"
        raise DetectorError(
            f"The folder {model} does not say which file is the detector: it holds {names}",
            cure="set `[vision] model` to the det_*.onnx file itself",
        )
    return named[0]


def _providers(ort: Any) -> list[str]:
    """CUDA where this onnxruntime was built with it; not TensorRT, which spends minutes on building an engine."""
    offered = ort.get_available_providers()
    return [p for p in ("CUDAExecutionProvider", "CPUExecutionProvider") if p in offered]


def _load(insightface: Any, model: Path, providers: list[str]) -> Any:
    try:
        net = insightface.model_zoo.get_model(str(model), providers=providers)
    except Exception as error:  # onnxruntime's errors share no base but this
        raise _wrong_file(model, " ".join(str(error).split()) or type(error).__name__) from error
    if getattr(net, "taskname", None) != "detection" or not net.use_kps:
        raise _wrong_file(model, "it is no face detector with five landmarks")
    return net


def _wrong_file(model: Path, why: str) -> DetectorError:
    return DetectorError(f"insightface cannot use {model}: {why}", cure=f"set `[vision] model` to {_EXPECTED}")


def _tell_of_silent_cpu(ort: Any, provider: str) -> None:
    """Say that the GPU is idle: onnxruntime falls back to the CPU without a word and still reports a GPU."""
    if ort.get_device() == "GPU" and provider == "CPUExecutionProvider":
        _log.warning(
            "onnxruntime was built for a GPU but runs on the CPU: its CUDA libraries or the driver were not found. "
            "Cure: install onnxruntime-gpu[cuda,cudnn] for the driver's CUDA version."
        )
