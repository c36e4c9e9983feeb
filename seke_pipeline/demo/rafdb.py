"""A drawn collection in RAF-DB's basic layout, hard files among it (domain.md 1.2).

    basic/EmoLabel/list_patition_label.txt   "train_00001.jpg 5" (spelled so by its authors)
    basic/Image/original/train_00001.jpg     5 digits in train, 4 in test

Every twelfth file is hard: several people of whom the largest is labelled, no face at all, a JPEG cut short, an
empty file, a text called .jpg. They are listed with a label like all others, as they would be.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from seke_pipeline.demo.affect import Affect, feel
from seke_pipeline.demo.face import Figure, draw_picture, pose, pose_alone, take_view
from seke_pipeline.demo.layouts import DrawnFace, jpeg
from seke_pipeline.demo.person import meet_person
from seke_pipeline.demo.scenery import draw_landscape
from seke_pipeline.demo.settings import DemoSettings
from seke_pipeline.emotion.labels import Expression

Hardship = Literal["several_people", "no_face", "cut_short", "empty", "text"]

CODES: Mapping[Expression, int] = {
    "surprise": 1, "fear": 2, "disgust": 3, "happiness": 4, "sadness": 5, "anger": 6, "neutral": 7,
}  # fmt: skip
"""RAF-DB's own coding; it has no contempt."""

_SHARES: Mapping[Expression, float] = {
    "surprise": 0.13, "fear": 0.1, "disgust": 0.12, "happiness": 0.22, "sadness": 0.15, "anger": 0.12, "neutral": 0.16,
}  # fmt: skip
_EVERY = 12
_FOLDER = "basic/Image/original"


def hardship(number: int) -> Hardship | None:
    """How the file with this number (from 1) of its split is hard; None when it is not."""
    if number % _EVERY:
        return None
    kinds: tuple[Hardship, ...] = get_args(Hardship)
    return kinds[(number // _EVERY - 1) % len(kinds)]


def draw_rafdb(root: Path, settings: DemoSettings, on_image: Callable[[], None]) -> list[DrawnFace]:
    """Write the collection and return the truth of the faces in it.

    Args:
        root: the source's root.
        settings: how many pictures, and their seed.
        on_image: called after each file.
    """
    (root / _FOLDER).mkdir(parents=True)
    (root / "basic/EmoLabel").mkdir(parents=True)
    lines: list[str] = []
    faces: list[DrawnFace] = []
    for split, count, digits in (("train", settings.rafdb_train, 5), ("test", settings.rafdb_test, 4)):
        for number in range(1, count + 1):
            rng = np.random.default_rng([settings.seed, 1, digits, number])
            name = f"{split}_{number:0{digits}d}.jpg"
            word = list(_SHARES)[int(rng.choice(len(_SHARES), p=list(_SHARES.values())))]
            data, affect = _draw_file(word, hardship(number), settings.picture_px, rng)
            (root / _FOLDER / name).write_bytes(data)
            lines.append(f"{name} {CODES[word]}")
            if affect is not None:
                faces.append(DrawnFace("rafdb", f"{_FOLDER}/{name}", affect.labels))
            on_image()
    (root / "basic/EmoLabel/list_patition_label.txt").write_text("\n".join(lines) + "\n")
    return faces


def _draw_file(
    word: Expression, hard: Hardship | None, size_px: int, rng: np.random.Generator
) -> tuple[bytes, Affect | None]:
    """A file's bytes, and what its labelled face shows where it has a readable one."""
    if hard == "empty":
        return b"", None
    if hard == "text":
        return b"404: the picture is no longer here\n", None
    if hard == "no_face":
        return jpeg(draw_landscape(size_px, rng)), None
    affect = feel(word, rng)
    if hard == "several_people":
        return _draw_group(affect, size_px * 3 // 2, rng), affect
    figure = Figure(meet_person(rng), affect, pose_alone(rng, size_px))
    data = jpeg(draw_picture([figure], take_view(rng), size_px, rng))
    return (data[: len(data) // 3], None) if hard == "cut_short" else (data, affect)


def _draw_group(affect: Affect, size_px: int, rng: np.random.Generator) -> bytes:
    """Three people; the one in the middle is the largest and the one that is labelled."""
    places = ((0.15, 0.42, 0.1), (0.85, 0.38, 0.1), (0.5, 0.52, 0.175))
    words: tuple[Expression, ...] = ("neutral", "happiness")
    shown = (*(feel(word, rng) for word in words), affect)
    figures = [
        Figure(meet_person(rng), what, pose(rng, size_px * x, size_px * y, size_px * unit))
        for what, (x, y, unit) in zip(shown, places, strict=True)
    ]
    return jpeg(draw_picture(figures, take_view(rng), size_px, rng))
