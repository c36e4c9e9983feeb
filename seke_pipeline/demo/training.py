"""How the demo's annotator learns to see: draw faces, crop them as the pipeline does, fit ridge regressions.

What lives here: the training crops, the fit and the measurement on faces held out of it. The fitted thing is
`reader.Reader`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from seke_pipeline.demo.affect import Affect, feel, recognise
from seke_pipeline.demo.draw import Head
from seke_pipeline.demo.face import Figure, draw_picture, pose_alone, take_view
from seke_pipeline.demo.person import meet_person
from seke_pipeline.demo.pixels import Array, Stand, coarse, fine, straighten
from seke_pipeline.demo.reader import Reader, find
from seke_pipeline.emotion.labels import AUS, EXPRESSIONS

_CROP_PX = 224
_DRAWN_PX = 256
_BOX_CENTRE_Y, _BOX_SIDE = 0.27, 2.08  # dlib's box on 200 drawn faces, in head units
_CROPS_PER_FACE = 3
_HELD_OUT = 5  # every fifth face is held out: it calibrates and measures
_STAND_PENALTY, _FACE_PENALTY = 3.0, 4.0

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _Example:
    crop: Image.Image
    stand: Stand
    affect: Affect


def fit(faces: int, seed: int = 0, on_face: Callable[[], None] = lambda: None) -> Reader:
    """Draw faces and fit the regressions.

    Args:
        faces: how many to draw; each gives two crops.
        seed: of the faces.
        on_face: called after each.
    """
    rng = np.random.default_rng([seed, 7])
    examples: list[_Example] = []
    for index in range(faces):
        examples.extend(_examples(feel(EXPRESSIONS[index % len(EXPRESSIONS)], rng), rng))
        on_face()
    held = np.arange(len(examples)) // _CROPS_PER_FACE % _HELD_OUT == 0
    stand = _fit_stand(examples, held)
    features = np.array([fine(straighten(e.crop, find(stand, e.crop))) for e in examples])
    truth = np.array([_target(e.affect) for e in examples])
    face = _ridge(features[~held], truth[~held], _FACE_PENALTY)
    unseen, known = features[held] @ face, truth[held]
    slope, offset = _calibrate(unseen[:, : len(AUS)], _present(examples, held))
    reader = Reader(stand, face, slope, offset, {})
    words = [e.affect.labels.expression for e, kept in zip(examples, held, strict=True) if kept]
    return replace(reader, quality=_quality(reader, unseen, known, _present(examples, held), words))


def _examples(affect: Affect, rng: np.random.Generator) -> list[_Example]:
    figure = Figure(meet_person(rng), affect, pose_alone(rng, _DRAWN_PX))
    picture = draw_picture([figure], take_view(rng), _DRAWN_PX, rng).convert("L")
    return [_crop(picture, figure.head, affect, rng) for _ in range(_CROPS_PER_FACE)]


def _crop(picture: Image.Image, head: Head, affect: Affect, rng: np.random.Generator) -> _Example:
    """A crop as the pipeline makes it: box with room around it, badly placed, at times padded or mirrored."""
    unit = head.unit_px
    side = unit * _BOX_SIDE * 1.6 * np.exp(rng.normal(0, 0.1))
    shift_x, shift_y = rng.normal(0, 0.1, 2)
    left = head.x + unit * (shift_x - _BOX_CENTRE_Y * np.sin(head.roll)) - side / 2
    top = head.y + unit * (shift_y + _BOX_CENTRE_Y * np.cos(head.roll)) - side / 2
    border = int(rng.uniform(0.05, 0.18) * _CROP_PX) if rng.random() < 0.35 else 0
    inner = _CROP_PX - 2 * border
    window = (left, top, left + side, top + side)
    crop = picture.transform((inner, inner), Image.Transform.EXTENT, window, Image.Resampling.BILINEAR)
    crop = ImageOps.expand(crop, border, fill=127)
    scale = inner / _CROP_PX
    x, y = ((head.x - left) / side - 0.5) * scale + 0.5, ((head.y - top) / side - 0.5) * scale + 0.5
    stand = Stand(x, y, unit / side * scale, head.roll)
    if rng.random() < 0.5:
        return _Example(ImageOps.mirror(crop), stand.mirrored, affect)
    return _Example(crop, stand, affect)


def _fit_stand(examples: list[_Example], held: Mask) -> Array:
    features = np.array([coarse(example.crop) for example in examples])
    return _ridge(features[~held], np.array([e.stand.to_array() for e in examples])[~held], _STAND_PENALTY)


def _ridge(features: Array, targets: Array, penalty: float) -> Array:
    gram = features.T @ features
    gram[np.diag_indices_from(gram)] += penalty
    return np.asarray(np.linalg.solve(gram, features.T @ targets))


def _target(affect: Affect) -> Array:
    """17 action units as -1 or 0.4…1 by strength, then valence and arousal."""
    aus = [0.4 + 0.6 * affect.intensities[au] if affect.labels.aus[au] else -1.0 for au in AUS]
    return np.array([*aus, affect.labels.valence, affect.labels.arousal], dtype=np.float64)


def _present(examples: list[_Example], held: Mask) -> Mask:
    return np.array([[e.affect.labels.aus[au] for au in AUS] for e in examples])[held]


def _calibrate(raw: Array, present: Mask, steps: int = 40) -> tuple[Array, Array]:
    """Logistic calibration of every column at once, by damped Newton steps (Platt 1999)."""
    slope, offset = np.full(raw.shape[1], 2.0), np.zeros(raw.shape[1])
    for _ in range(steps):
        chance = 1 / (1 + np.exp(-(slope * raw + offset)))
        error, weight = chance - present, chance * (1 - chance) + 1e-6
        a, b, c = (weight * raw**2).sum(0) + 1.0, (weight * raw).sum(0), weight.sum(0) + 1.0
        g, h = (error * raw).sum(0) + 0.5 * (slope - 2.0), error.sum(0)
        determinant = a * c - b * b
        slope, offset = slope - (c * g - b * h) / determinant, offset - (a * h - b * g) / determinant
    return slope, offset


def _quality(
    reader: Reader, raw: Array, truth: Array, present: Mask, words: Sequence[str | None]
) -> Mapping[str, float]:
    """Balanced accuracy and AUC per action unit, accuracy of the expression, error of VA: on held-out faces."""
    chance = 1 / (1 + np.exp(-(reader.slope * raw[:, : len(AUS)] + reader.offset)))
    said = chance >= 0.5
    scores = {"expression_accuracy": float(np.mean([recognise(p)[1] == w for p, w in zip(chance, words, strict=True)]))}
    for index, au in enumerate(AUS):
        is_there = present[:, index]
        if is_there.all() or not is_there.any():
            continue  # too few faces were held out to measure this one
        hit, quiet = said[is_there, index].mean(), (~said[~is_there, index]).mean()
        scores[f"au{au:02d}_balanced_accuracy"] = float((hit + quiet) / 2)
        scores[f"au{au:02d}_auc"] = _auc(chance[:, index], is_there)
    error = np.abs(raw[:, len(AUS) :] - truth[:, len(AUS) :]).mean(axis=0)
    return {**scores, "valence_error": float(error[0]), "arousal_error": float(error[1])}


def _auc(score: Array, present: npt.NDArray[np.bool_]) -> float:
    ranks = score.argsort().argsort() + 1.0
    there, absent = int(present.sum()), int((~present).sum())
    return (
        float((ranks[present].sum() - there * (there + 1) / 2) / (there * absent)) if there and absent else float("nan")
    )
