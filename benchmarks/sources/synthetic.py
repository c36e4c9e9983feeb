"""Collections as large as the real ones, in their layouts, with empty images: what a look at a source has to walk.

A collection that was built whole is kept and used again; its stamp says with how many images.
"""

import io
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

FRAMES_A_VIDEO = 3_334
AUS = "AU1,AU2,AU4,AU6,AU7,AU10,AU12,AU15,AU23,AU24,AU25,AU26"
WORDS = "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other"
LANDMARKS = ";".join(f"{n * 1.37:.2f}" for n in range(136))


@dataclass(frozen=True)
class Built:
    """One collection: where it lies, what kind of source it is, how many images it has."""

    name: str
    kind: str
    root: Path
    images: int


def build_all(scratch: Path, frames: int, photos: int) -> list[Built]:
    """Aff-Wild2 of so many frames, AffectNet of so many photos in both editions."""
    plan: list[tuple[str, str, int, Callable[[Path, int], None]]] = [
        ("affwild2", "affwild2", frames, _affwild2),
        ("affectnet_npy", "affectnet", photos, _affectnet_npy),
        ("affectnet_csv", "affectnet", photos, _affectnet_csv),
    ]
    return [_built(scratch, name, kind, images, write) for name, kind, images, write in plan]


def _built(scratch: Path, name: str, kind: str, images: int, write: Callable[[Path, int], None]) -> Built:
    root, stamp = scratch / f"{name}_{images}", scratch / f"{name}_{images}.done"
    if not stamp.exists():
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        write(root, images)
        stamp.touch()
    return Built(name, kind, root, images)


def _affwild2(root: Path, frames: int) -> None:
    left = frames
    for video in range(-(-frames // FRAMES_A_VIDEO)):
        count = min(left, FRAMES_A_VIDEO)
        left -= count
        split = "Validation_Set" if video % 6 == 0 else "Train_Set"
        _label_lists(root / "Third_ABAW_Annotations", split, f"video{video:04}", count)
        crops = root / "cropped_aligned" / f"video{video:04}"
        crops.mkdir(parents=True)
        for frame in range(1, count + 1):
            _touch(f"{crops}/{frame:05d}.jpg")


def _label_lists(folder: Path, split: str, video: str, count: int) -> None:
    lists: dict[str, tuple[str, Callable[[int], str]]] = {
        "VA_Estimation_Challenge": ("valence,arousal", lambda n: f"{n % 199 / 100 - 1:.3f},{n % 7 / 10:.3f}"),
        "EXPR_Classification_Challenge": (WORDS, lambda n: str(n // 50 % 9 - 1)),
        "AU_Detection_Challenge": (AUS, lambda n: ",".join(str(n // (30 + au) % 2) for au in range(12))),
    }
    for challenge, (header, line) in lists.items():
        place = folder / challenge / split
        place.mkdir(parents=True, exist_ok=True)
        text = "\n".join([header, *(line(n) for n in range(count))])
        (place / f"{video}.txt").write_text(text + "\n")


def _affectnet_npy(root: Path, photos: int) -> None:
    values = [_npy(f"{n / 50 - 1:.4f}") for n in range(100)]
    words = [_npy(str(n)) for n in range(8)]
    landmarks = _npy(np.linspace(0, 224, 136))
    for folder, number in _halves(photos):
        images, annotations = root / f"{folder}/images", root / f"{folder}/annotations"
        images.mkdir(parents=True, exist_ok=True)
        annotations.mkdir(parents=True, exist_ok=True)
        for photo in number:
            _touch(f"{images}/{photo}.jpg")
            cells = {"exp": words[photo % 8], "val": values[photo % 100], "aro": values[photo % 89], "lnd": landmarks}
            for name, content in cells.items():
                _write(f"{annotations}/{photo}_{name}.npy", content)


def _halves(photos: int) -> Iterator[tuple[str, range]]:
    validation = photos // 70
    yield "val_set", range(validation)
    yield "train_set", range(validation, photos)


def _affectnet_csv(root: Path, photos: int) -> None:
    header = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal\n"
    for folder, number in _halves(photos):
        name = {"val_set": "validation.csv", "train_set": "training.csv"}[folder]
        with (root / name).open("w") as lines:
            lines.write(header)
            for photo in number:
                path = f"{photo % 1000}/{photo:032x}.jpg"
                place = root / "Manually_Annotated_Images" / path
                place.parent.mkdir(parents=True, exist_ok=True)
                _touch(str(place))
                valence = photo % 199 / 100 - 1
                lines.write(f"{path},10,10,200,200,{LANDMARKS},{photo % 8},{valence:.4f},{valence / 2:.4f}\n")


def _npy(value: object) -> bytes:
    content = io.BytesIO()
    np.save(content, np.array(value))
    return content.getvalue()


def _touch(path: str) -> None:
    _write(path, b"")


def _write(path: str, content: bytes) -> None:
    with open(path, "wb", buffering=0) as file:  # noqa: PTH123 - millions of them
        file.write(content)
