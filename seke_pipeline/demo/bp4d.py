"""A drawn collection in BP4D's layout: action units of frames, by subject and task (domain.md 1.5).

    AUCoding/AU_OCC/F001_T1.csv   header "0,1,2,4,...": AU numbers; column 0: the frame; cells 0, 1, 9 = unknown
    F001/T1/2440.jpg              padded with zeros in some sequences (0643.jpg), in others not (643.jpg)

A subject keeps face, light and background; a task mostly shows what it was made to elicit.
"""

from collections.abc import Callable, Mapping
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np

from seke_pipeline.demo.affect import Affect, feel
from seke_pipeline.demo.face import Figure, View, draw_picture, pose_alone, take_view
from seke_pipeline.demo.layouts import DrawnFace, jpeg
from seke_pipeline.demo.person import Person, meet_person
from seke_pipeline.demo.settings import DemoSettings
from seke_pipeline.emotion.labels import EXPRESSIONS, Expression

CODED: tuple[int, ...] = (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)
"""The 12 action units that BP4D codes and this project uses."""

COLUMNS: tuple[int, ...] = tuple(sorted((*CODED, 11, 16, 22)))
"""The columns of a drawn label file: three of BP4D's further action units lie among them."""

TASKS: Mapping[str, Expression] = {
    "T1": "happiness", "T2": "sadness", "T3": "surprise", "T4": "contempt",
    "T5": "fear", "T7": "anger", "T8": "disgust",
}  # fmt: skip
"""What a task elicits (T4, embarrassment, stands for contempt here; T6, pain, is left out)."""

_FEMALE = [f"F{number:03d}" for number in range(1, 24)]
_MALE = [f"M{number:03d}" for number in range(1, 19)]
SUBJECTS: tuple[str, ...] = tuple(name for name in chain(*zip_longest(_FEMALE, _MALE)) if name is not None)

_UNKNOWN_SHARE, _FURTHER_SHARE, _ELICITED_SHARE = 0.02, 0.08, 0.7


def draw_bp4d(root: Path, settings: DemoSettings, on_image: Callable[[], None]) -> list[DrawnFace]:
    """Write the collection and return the truth of the faces in it.

    Args:
        root: the source's root.
        settings: how many subjects and frames, and their seed.
        on_image: called after each picture.
    """
    (root / "AUCoding/AU_OCC").mkdir(parents=True)
    faces: list[DrawnFace] = []
    for index, subject in enumerate(SUBJECTS[: settings.bp4d_subjects]):
        rng = np.random.default_rng([settings.seed, 2, index])
        person, view = meet_person(rng), take_view(rng)
        first = settings.bp4d_frames // 2
        for turn, frames in enumerate((first, settings.bp4d_frames - first)):
            task = list(TASKS)[(2 * index + turn) % len(TASKS)]
            sequence = _Sequence(root, subject, task, person, view, padded=(index + turn) % 3 == 0)
            faces.extend(sequence.draw(frames, settings.picture_px, rng, on_image))
    return faces


class _Sequence:
    """One subject in one task."""

    def __init__(self, root: Path, subject: str, task: str, person: Person, view: View, *, padded: bool) -> None:
        self._root = root
        self._subject, self._task = subject, task
        self._person, self._view = person, view
        self._width = 4 if padded else 0

    def draw(
        self, frames: int, size_px: int, rng: np.random.Generator, on_image: Callable[[], None]
    ) -> list[DrawnFace]:
        """Write pictures and label file."""
        folder = f"{self._subject}/{self._task}"
        (self._root / folder).mkdir(parents=True)
        faces: list[DrawnFace] = []
        lines = [",".join(map(str, (0, *COLUMNS)))]
        for frame in _frame_numbers(frames, rng):
            affect = feel(_shown(TASKS[self._task], rng), rng)
            figure = Figure(self._person, affect, pose_alone(rng, size_px))
            path = f"{folder}/{frame:0{self._width}d}.jpg"
            (self._root / path).write_bytes(jpeg(draw_picture([figure], self._view, size_px, rng)))
            lines.append(",".join(map(str, (frame, *_codes(affect, rng)))))
            faces.append(DrawnFace("bp4d", path, affect.labels))
            on_image()
        file = self._root / f"AUCoding/AU_OCC/{self._subject}_{self._task}.csv"
        file.write_text("\n".join(lines) + "\n")
        return faces


def _frame_numbers(count: int, rng: np.random.Generator) -> list[int]:
    start = int(rng.integers(60, 900))
    return [start + int(step) for step in np.cumsum(rng.integers(20, 160, count))]


def _shown(elicited: Expression, rng: np.random.Generator) -> Expression:
    if rng.random() < _ELICITED_SHARE:
        return elicited
    return EXPRESSIONS[int(rng.integers(len(EXPRESSIONS)))]


def _codes(affect: Affect, rng: np.random.Generator) -> list[int]:
    """One line of cells: 1, 0, or 9 where the coders could not tell."""
    present = [affect.labels.aus.get(au, rng.random() < _FURTHER_SHARE) for au in COLUMNS]
    return [9 if rng.random() < _UNKNOWN_SHARE else int(on) for on in present]
