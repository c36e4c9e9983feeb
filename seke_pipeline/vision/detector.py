"""What a detector is, and the registry of those there are.

What to add here: one line in `_DETECTORS` for a detector whose class lives in a file of its own. Its library is
imported when it is opened, and what is missing becomes a `DetectorError` that says what to set or to install.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from seke_pipeline.errors import SekeError
from seke_pipeline.vision.settings import DetectorName, VisionSettings

Tool = TypeVar("Tool")
Landmarks = npt.NDArray[np.float64]


class DetectorError(SekeError):
    """A detector cannot be opened: a setting, a model file or a package is missing or wrong."""


@dataclass(frozen=True, eq=False)
class Detection:
    """One face that a detector found.

    Attributes:
        box: left, top, right, bottom in pixels of the picture it was given; may reach beyond its edges.
        score: how sure it is, on its own scale; null when it does not say.
        landmarks: shape (5, 2), x and y in pixels: image-left eye, image-right eye, nose, image-left and
            image-right corner of the mouth; None when it gives none. They are never made up from the box.
    """

    box: tuple[float, float, float, float]
    score: float | None
    landmarks: Landmarks | None = None


class Detector(Protocol):
    """Finds faces in a picture. `detect` may be called from several threads at once."""

    @property
    def identity(self) -> str:
        """Name and version, and the hash of the model file if there is one; goes into every row."""
        ...

    def detect(self, rgb: npt.NDArray[np.uint8]) -> list[Detection]:
        """Find faces in a picture of shape (height, width, 3), any size from 1 x 1; in any order."""
        ...


def open_detector(settings: VisionSettings) -> Detector:
    """Open the detector that the settings name.

    Raises:
        DetectorError: when its package, its model file or a setting is missing or wrong; the text says the cure.
    """
    return _DETECTORS[settings.detector](settings)


def _in_module(module: str, name: str) -> Callable[[VisionSettings], Detector]:
    """A detector's class by name, so that no file of another detector is read."""

    def build(settings: VisionSettings) -> Detector:
        detector: Detector = getattr(import_module(f"{__package__}.{module}"), name)(settings)
        return detector

    return build


_DETECTORS: Mapping[DetectorName, Callable[[VisionSettings], Detector]] = {
    "dlib_hog": _in_module("dlib_hog", "DlibHog"),
    "lbp": _in_module("lbp", "Lbp"),
    "yunet": _in_module("yunet", "YuNet"),
    "insightface": _in_module("insightface_scrfd", "InsightFaceScrfd"),
}


class Spares(Generic[Tool]):
    """Tools that only one thread may use at a time, and that are slow to make: each is lent, and kept for the next.

    Args:
        make: makes one more when all are lent.
    """

    def __init__(self, make: Callable[[], Tool]) -> None:
        self._make = make
        self._spare: list[Tool] = []

    @contextmanager
    def lend(self) -> Iterator[Tool]:
        """A tool of one's own for the while."""
        try:
            tool = self._spare.pop()
        except IndexError:
            tool = self._make()
        try:
            yield tool
        finally:
            self._spare.append(tool)


def import_library(module: str, *, detector: DetectorName, extra: str) -> Any:
    """Import a detector's library.

    Args:
        module: the library's name in Python.
        detector: the detector that needs it, for the error's text.
        extra: the extra of this project that brings it.

    Raises:
        DetectorError: when it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise DetectorError(
            f"The detector {detector} needs the package {module.partition('.')[0]}, which cannot be imported ({error})",
            cure=f'run `pip install -c constraints.txt -e ".[{extra}]"`, or set another `[vision] detector`',
        ) from error


def named_model(settings: VisionSettings, *, expected: str) -> Path:
    """The model file or folder that the settings name.

    Args:
        settings: `model` is looked at.
        expected: what the user should point to and where it is had, for the error's text.

    Raises:
        DetectorError: when none is set, or nothing is there.
    """
    if settings.model is None:
        raise DetectorError(
            f"The detector {settings.detector} needs a model, and none is set",
            cure=f"set `[vision] model` to {expected}, or set `[vision] detector` to dlib_hog, which needs none",
        )
    path = settings.model.expanduser()
    if not path.exists():
        raise DetectorError(f"The model {path} does not exist", cure=f"set `[vision] model` to {expected}")
    return path


def short_hash(path: Path) -> str:
    """The first 12 hexadecimal digits of a file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]
