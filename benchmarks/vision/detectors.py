"""Compare the detectors that come inside wheels: faces found, false boxes, milliseconds per picture.

Run: `python benchmarks/vision/detectors.py [YUNET_FILE]`. Pictures: the demo's drawn faces at three sizes, the
astronaut (scikit-image; NASA, public domain), scikit-image's LFW subset (100 faces and 100 patches without one, 25 px,
enlarged to 100 px) and eight of its pictures without a face. A face is found when a box's middle lies within a third of
the face's width of its middle and the box is 0.5 to 2 times as wide; every other box is false.
"""

import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import dlib
import numpy as np
import numpy.typing as npt
import skimage.data
from PIL import Image

from seke_pipeline.demo.affect import feel
from seke_pipeline.demo.face import Figure, draw_picture, pose_alone, take_view
from seke_pipeline.demo.person import meet_person
from seke_pipeline.demo.scenery import draw_landscape
from seke_pipeline.emotion.labels import EXPRESSIONS
from seke_pipeline.vision import VisionSettings, open_detector

Rgb = npt.NDArray[np.uint8]
Box = tuple[float, float, float, float]
Find = Callable[[Rgb], list[Box]]
FACE_FREE = ("chelsea", "coffee", "rocket", "brick", "grass", "gravel", "coins", "moon")


@dataclass(frozen=True)
class Scene:
    """A picture and where its face is: middle x, middle y, width in pixels; None without a face."""

    rgb: Rgb
    face: tuple[float, float, float] | None


def drawn(count: int, size_px: int) -> Iterator[Scene]:
    """Drawn people, one in each picture, every expression in its turn."""
    rng = np.random.default_rng(size_px)
    for index in range(count):
        affect = feel(EXPRESSIONS[index % len(EXPRESSIONS)], rng)
        head = pose_alone(rng, size_px)
        picture = draw_picture([Figure(meet_person(rng), affect, head)], take_view(rng), size_px, rng)
        low = 0.3 * head.unit_px  # the detectors' boxes run from the brows to the chin
        middle = (head.x - math.sin(head.roll) * low, head.y + math.cos(head.roll) * low)
        yield Scene(np.asarray(picture), (*middle, 2 * head.unit_px))


def landscapes(count: int, size_px: int) -> Iterator[Scene]:
    """Drawn pictures without anybody."""
    rng = np.random.default_rng(size_px)
    for _ in range(count):
        yield Scene(np.asarray(draw_landscape(size_px, rng)), None)


def photographs() -> dict[str, list[Scene]]:
    """Real pictures out of scikit-image's wheel."""
    patches = [
        np.asarray(Image.fromarray((patch * 255).astype(np.uint8)).resize((100, 100), Image.Resampling.LANCZOS))
        for patch in skimage.data.lfw_subset()
    ]
    coloured = [np.stack([patch] * 3, axis=-1) for patch in patches]
    free = [Image.fromarray(getattr(skimage.data, name)()).convert("RGB") for name in FACE_FREE]
    return {
        "astronaut 512": [Scene(skimage.data.astronaut(), (222.0, 122.0, 100.0))],
        "LFW faces 100": [Scene(rgb, (50.0, 55.0, 90.0)) for rgb in coloured[:100]],
        "LFW others 100": [Scene(rgb, None) for rgb in coloured[100:]],
        "face-free": [Scene(np.asarray(picture), None) for picture in free],
    }


def is_face(box: Box, face: tuple[float, float, float] | None) -> bool:
    if face is None:
        return False
    x, y, width = face
    off = max(abs((box[0] + box[2]) / 2 - x), abs((box[1] + box[3]) / 2 - y))
    return off <= width / 3 and 0.5 <= (box[2] - box[0]) / width <= 2


def through_room(**settings: object) -> Find:
    detector = open_detector(VisionSettings.model_validate(settings))
    return lambda rgb: [found.box for found in detector.detect(rgb)]


def dlib_hog(upsample: int, min_score: float) -> Find:
    filters = dlib.get_frontal_face_detector()

    def find(rgb: Rgb) -> list[Box]:
        boxes = filters.run(np.ascontiguousarray(rgb), upsample, min_score)[0]
        return [(b.left(), b.top(), b.right() + 1, b.bottom() + 1) for b in boxes]

    return find


def measure(find: Find, scenes: list[Scene]) -> str:
    found = false = 0
    started = time.perf_counter()
    boxes = [find(scene.rgb) for scene in scenes]
    ms = 1000 * (time.perf_counter() - started) / len(scenes)
    for scene, given in zip(scenes, boxes, strict=True):
        hits = [is_face(box, scene.face) for box in given]
        found += any(hits)
        false += len(hits) - any(hits)
    faces = sum(scene.face is not None for scene in scenes)
    return f"{found:>3}/{faces:<3} {false:>3} {ms:>6.1f}"


def main(yunet: str | None) -> None:
    sets = {f"drawn {size}": list(drawn(100, size)) for size in (100, 160, 320)}
    sets |= {"landscapes 320": list(landscapes(30, 320))} | photographs()
    finders: dict[str, Find] = {
        f"dlib_hog up {up} >= {score}": dlib_hog(up, score) for up in (0, 1) for score in (0.0, 0.2, 0.3)
    }
    finders["lbp"] = through_room(detector="lbp")
    if yunet is not None:
        finders["yunet"] = through_room(detector="yunet", model=Path(yunet))
    print(f"{'found, false boxes, ms':22}" + "".join(f"{name:>20}" for name in sets))
    for name, find in finders.items():
        find(np.zeros((64, 64, 3), np.uint8))
        print(f"{name:22}" + "".join(f"{measure(find, scenes):>20}" for scenes in sets.values()))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
