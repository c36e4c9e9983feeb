"""The table of faces: every listed image leaves its faces, or one row that says why it gave none.

What lives here: the way of one image from its bytes to its rows, and which of its faces are kept. A face's key comes
from its image's key and its place among the image's faces by size, so the largest keeps its key whatever `which` says.
"""

import hashlib
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import polars as pl
from PIL import Image

from seke_pipeline.emotion.tables import FACES
from seke_pipeline.vision.align import crop_face
from seke_pipeline.vision.decode import ImageError, Picture, decode
from seke_pipeline.vision.detector import Detection, Detector
from seke_pipeline.vision.quality import perceptual_hash, roll_degrees, sharpness
from seke_pipeline.vision.settings import VisionSettings

Row = dict[str, Any]
Read = Callable[[str, str], bytes]
Box = tuple[float, float, float, float]

_MAX_THREADS = 4
_CARRIED = ("image_id", "shard", "source", "split", "subject")


def _ignore() -> None:
    pass


def find_faces(
    images: pl.DataFrame,
    read: Read,
    detector: Detector,
    settings: VisionSettings,
    on_image: Callable[[], None] = _ignore,
) -> pl.DataFrame:
    """Find and crop the faces of images.

    Args:
        images: rows of `emotion.tables.IMAGES`; those with a reason are carried over with it.
        read: an image's bytes by source and relative path; called from several threads; may raise OSError.
        detector: called from several threads.
        settings: limits, crop and which faces to keep.
        on_image: called after each image, in this thread.

    Returns:
        Rows of `emotion.tables.FACES` in the order of the images, largest face first; the same for the same input.
    """
    finder = _Finder(read, detector, settings)
    rows: list[Row] = []
    # Pillow, dlib, OpenCV and onnxruntime let go of the GIL, so threads do the work of processes here
    with ThreadPoolExecutor(min(_MAX_THREADS, os.cpu_count() or 1)) as pool:
        for found in pool.map(finder.rows_of, images.iter_rows(named=True)):
            rows.extend(found)
            on_image()
    return FACES.frame(rows)


@dataclass(frozen=True)
class _Finder:
    read: Read
    detector: Detector
    settings: VisionSettings

    def rows_of(self, image: Mapping[str, Any]) -> list[Row]:
        """The rows of one image; its failures are rows as well."""
        if image["reason"] is not None:
            return [_without_face(image, image["reason"])]
        try:
            picture = decode(self.read(image["source"], image["path"]), self.settings)
        except ImageError as error:
            return [_without_face(image, error.reason)]
        except FileNotFoundError:
            return [_without_face(image, "missing_file")]
        except OSError:
            return [_without_face(image, "unreadable_image")]
        return self._faces_in(picture, image)

    def _faces_in(self, picture: Picture, image: Mapping[str, Any]) -> list[Row]:
        seen = {
            "image_width_px": picture.width_px,
            "image_height_px": picture.height_px,
            "detector": self.detector.identity,
            "perceptual_hash": perceptual_hash(picture.rgb),
        }
        faces = _largest_first(_detect(picture.rgb, self.detector, self.settings.detection_side_px))
        labelled = _labelled(faces, _listed_box(image), picture)
        kept = [labelled] if self.settings.which == "largest" else list(range(len(faces)))
        if not faces or kept == [None]:
            return [_without_face(image, "no_face") | seen | {"faces_in_image": len(faces)}]
        shared = _carried(image) | seen | {"faces_in_image": len(faces)}
        return [
            shared
            | self._face(picture, faces[place])
            | {"face_id": _face_id(image["image_id"], str(place)), "is_labelled_face": place == labelled}
            for place in kept
            if place is not None
        ]

    def _face(self, picture: Picture, face: Detection) -> Row:
        crop, alignment = crop_face(picture.rgb, face, self.settings.crop_size_px, self.settings.margin)
        content = _jpeg(crop, self.settings.jpeg_quality)
        full = _scaled(face, *picture.scale)
        # landmarks that no crop can be aligned by (they coincide, say) are no landmarks
        landmarks = full.landmarks if alignment == "landmarks" else None
        return {
            **_box(full, picture),
            "landmarks_px": None if landmarks is None else landmarks.ravel().tolist(),
            "detection_score": full.score,
            "alignment": alignment,
            "sharpness": sharpness(crop),
            "roll_degrees": None if landmarks is None else roll_degrees(landmarks),
            "crop_hash": hashlib.blake2b(content, digest_size=16).hexdigest(),
            "crop": content,
        }


def _detect(rgb: Image.Image, detector: Detector, side_px: int) -> list[Detection]:
    """The faces of a picture, looked for in a copy of at most `side_px`, in the picture's own coordinates."""
    shrink = min(1.0, side_px / max(rgb.size))
    size = (max(1, round(rgb.width * shrink)), max(1, round(rgb.height * shrink)))
    small = rgb.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0) if shrink < 1 else rgb
    x, y = rgb.width / size[0], rgb.height / size[1]
    return [_scaled(face, x, y) for face in detector.detect(np.asarray(small)) if _touches(face, size)]


def _touches(face: Detection, size: tuple[int, int]) -> bool:
    """Whether some of the box lies in the picture; detectors also guess at what is beyond its edge."""
    left, top, right, bottom = face.box
    return min(right, size[0]) > max(left, 0) and min(bottom, size[1]) > max(top, 0)


def _scaled(face: Detection, x: float, y: float) -> Detection:
    left, top, right, bottom = face.box
    landmarks = None if face.landmarks is None else face.landmarks * (x, y)
    return Detection((left * x, top * y, right * x, bottom * y), face.score, landmarks)


def _largest_first(faces: list[Detection]) -> list[Detection]:
    """By area of the box; equal ones from left to right, so that the order never hangs on the detector's."""
    return sorted(faces, key=lambda f: ((f.box[0] - f.box[2]) * (f.box[3] - f.box[1]), f.box))


def _listed_box(image: Mapping[str, Any]) -> Box | None:
    """The box in which the source says that the labelled face lies, in the upright image; None where it says none."""
    edges = [image.get(f"box_{side}_px") for side in ("left", "top", "right", "bottom")]
    known = [float(edge) for edge in edges if edge is not None]
    return (known[0], known[1], known[2], known[3]) if len(known) == len(edges) else None


def _labelled(faces: list[Detection], listed: Box | None, picture: Picture) -> int | None:
    """The place of the face that the labels describe: the largest, or the one that covers most of the listed box.

    A face that covers none of it is somebody else; then there is no labelled face.
    """
    if listed is None:
        return 0 if faces else None
    shares = [_overlap(_scaled(face, *picture.scale).box, listed) for face in faces]
    best = max(range(len(faces)), key=shares.__getitem__, default=None)
    return best if best is not None and shares[best] > 0 else None


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return float(shared / (sum(areas) - shared)) if shared else 0.0


def _box(face: Detection, picture: Picture) -> Row:
    """The box's columns: the part of it that lies in the image."""
    left, right = np.clip((face.box[0], face.box[2]), 0, picture.width_px)
    top, bottom = np.clip((face.box[1], face.box[3]), 0, picture.height_px)
    return {
        "box_left_px": float(left),
        "box_top_px": float(top),
        "box_right_px": float(right),
        "box_bottom_px": float(bottom),
        "face_size_px": float(np.sqrt((right - left) * (bottom - top))),
    }


def _jpeg(crop: Image.Image, quality: int) -> bytes:
    content = BytesIO()
    crop.save(content, "JPEG", quality=quality)
    return content.getvalue()


def _carried(image: Mapping[str, Any]) -> Row:
    return {name: image[name] for name in _CARRIED}


def _without_face(image: Mapping[str, Any], reason: str) -> Row:
    return {
        **_carried(image),
        "face_id": _face_id(image["image_id"], "none"),
        "reason": reason,
        "faces_in_image": 0,
        "is_labelled_face": False,
    }


def _face_id(image_id: str, place: str) -> str:
    return hashlib.blake2b(f"{image_id}:{place}".encode(), digest_size=8).hexdigest()
