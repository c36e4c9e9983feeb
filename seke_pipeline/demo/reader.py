"""The eyes of the demo's annotator: ridge regressions that read action units and the VA point from a face crop.

What lives here: `Reader` and its cache. How it is fitted is `training.py`, what it sees is `pixels.py`. It learns from
our own drawings only and knows nothing of real faces: on a photograph its readings show the machinery, not the face.
"""

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from seke_pipeline.demo.face import DRAWING_VERSION
from seke_pipeline.demo.pixels import Array, Stand, coarse, fine, straighten
from seke_pipeline.emotion.labels import AUS

READER_VERSION = 1


@dataclass(frozen=True)
class Reading:
    """What was read from one face.

    Attributes:
        aus: probability of each action unit, shape (17,), in the order of `AUS`.
        valence: -1…1.
        arousal: -1…1.
    """

    aus: Array
    valence: float
    arousal: float


@dataclass(frozen=True)
class Reader:
    """Fitted weights; `read` is all that others need.

    Attributes:
        stand: coarse features to the head's stand, shape (features, 4).
        face: fine features to 17 action units, valence and arousal, shape (features, 19).
        slope: logistic calibration of each action unit, shape (17,).
        offset: the same, shape (17,).
        quality: what the fit measured on faces it had not seen, by name.
    """

    stand: Array
    face: Array
    slope: Array
    offset: Array
    quality: Mapping[str, float]

    def read(self, picture: Image.Image) -> Reading:
        """Read a square face crop of any size and mode; its mirror image and its grey copy read the same."""
        grey = picture.convert("L")
        mirrored = grey.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        stands = (find(self.stand, grey), find(self.stand, mirrored).mirrored)
        middle = Stand.from_array(np.mean([stand.to_array() for stand in stands], axis=0))
        raw = fine(straighten(grey, middle)) @ self.face
        chance = 1 / (1 + np.exp(-(self.slope * raw[: len(AUS)] + self.offset)))
        valence, arousal = np.clip(raw[len(AUS) :], -1, 1).tolist()
        return Reading(chance, valence, arousal)


def find(weights: Array, grey: Image.Image) -> Stand:
    """Where the head stands in a grey crop."""
    return Stand.from_array(coarse(grey) @ weights)


def open_reader(cache: Path, faces: int, fit: Callable[[int], Reader]) -> Reader:
    """The reader fitted on so many drawn faces: from the cache, or fitted now and cached.

    Args:
        cache: folder for the fitted weights; made when missing.
        faces: how many faces to draw for the fit.
        fit: draws that many faces and fits (`training.fit`).
    """
    version = f"{DRAWING_VERSION}.{READER_VERSION}.{faces}"
    path = cache / f"reader-{hashlib.sha256(version.encode()).hexdigest()[:12]}.npz"
    stored = _load(path)
    if stored is not None:
        return stored
    reader = fit(faces)
    _save(reader, path)
    return reader


_ARRAYS = ("stand", "face", "slope", "offset")


def _save(reader: Reader, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    with unfinished.open("wb") as file:
        arrays = {name: getattr(reader, name).astype(np.float32) for name in _ARRAYS}
        np.savez(file, allow_pickle=False, quality=np.array(json.dumps(dict(reader.quality))), **arrays)
    unfinished.replace(path)


def _load(path: Path) -> Reader | None:
    """The reader kept there; None when there is none, or none that can be read."""
    try:
        with path.open("rb") as file, np.load(file) as stored:
            arrays = {name: stored[name].astype(np.float64) for name in _ARRAYS}
            return Reader(**arrays, quality=json.loads(str(stored["quality"])))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
