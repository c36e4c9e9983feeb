"""Decode, detect, align: image bytes in, rows of faces out.

What lives here: reading bytes safely (`decode.py`), the detectors behind one protocol (`detector.py` and one file
per detector), crops (`align.py`), their measures (`quality.py`), and the table of faces (`faces.py`).
What to add here: a detector, as a class in a file of its own and one line in `detector.py`'s registry; a measure.
What stays out: where images come from (`sources/`), where rows go (`storage/`), and weights: the user names a file.
"""

from seke_pipeline.vision.detector import Detection, Detector, open_detector
from seke_pipeline.vision.faces import find_faces
from seke_pipeline.vision.settings import VisionSettings

__all__ = ["Detection", "Detector", "VisionSettings", "find_faces", "open_detector"]
