"""When enough answers are enough: the thresholds of method.md 3, for one face between rounds and for tables.

What lives here: one `..._stops` rule per kind of field over arrays, and `settled`, which asks them of one
face. Such a stop promises something about the mode of the answers, never about truth. What stays out: the
measures themselves (`uncertainty.py`) and what is accepted in the end (`verdict.py`, by the same rules).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from seke_pipeline.emotion.labels import AU_FIELDS, EXPRESSIONS, Labels
from seke_pipeline.emotion.method import MethodSettings
from seke_pipeline.emotion.uncertainty import (
    Counts,
    Flags,
    Floats,
    cannot_be_overtaken,
    half_width,
    leader_confidence,
    leading_counts,
    majority_confidence,
    moments,
)

_VA_FIELDS = ("valence", "arousal")


def expression_stops(counts: ArrayLike, remaining: ArrayLike, settings: MethodSettings) -> Flags:
    """Whether the leading expression stays the leader: probably enough, or certainly within the budget.

    Once nothing remains to be asked every leader is final, sure or not; then only the probability counts.

    Args:
        counts: answers per expression in `EXPRESSIONS` order, shape (..., 8).
        remaining: answers that may still come, shape (...).
        settings: thresholds.
    """
    first, second = leading_counts(counts)
    left = np.asarray(remaining)
    certain = (left > 0) & cannot_be_overtaken(first, second, left)
    sure = leader_confidence(first, second) >= settings.leader_confidence
    return _enough(np.asarray(counts).sum(axis=-1), settings) & (sure | certain)


def au_stops(active: ArrayLike, answers: ArrayLike, settings: MethodSettings) -> Flags:
    """Whether the majority of an action unit is on its side of 1/2, probably enough.

    Args:
        active: answers that call it active, shape (...).
        answers: all answers that say something of it, shape (...).
        settings: thresholds.
    """
    return _enough(answers, settings) & (majority_confidence(active, answers) >= settings.au_confidence)


def va_half_width(answers: ArrayLike, sum_squares: ArrayLike, settings: MethodSettings) -> Floats:
    """`half_width` with the level and prior of the settings; NaN without an answer."""
    return half_width(
        answers,
        sum_squares,
        level=settings.va_interval,
        prior_sd=settings.va_prior_sd,
        prior_weight=settings.va_prior_weight,
    )


def va_stops(answers: ArrayLike, sum_squares: ArrayLike, settings: MethodSettings) -> Flags:
    """Whether the interval of the mean is narrow enough.

    Args:
        answers: number of answers, shape (...).
        sum_squares: their sum of squared deviations from the mean, shape (...).
        settings: thresholds.
    """
    narrow = va_half_width(answers, sum_squares, settings) <= settings.va_half_width
    return _enough(answers, settings) & narrow


def settled(
    answers: Sequence[Labels], asked: Sequence[str], remaining: int, settings: MethodSettings
) -> tuple[str, ...]:
    """The asked fields of one face that need no further answer.

    Args:
        answers: all answers so far, in any order. One that failed may stand as empty `Labels` or be left
            out: a field without a value is missing, never zero.
        asked: fields that were asked for.
        remaining: answers that the budget still holds, failed ones already taken off.
        settings: thresholds.

    Returns:
        A part of `asked`, in its order.
    """
    stops: dict[str, bool] = {}
    if "expression" in asked:
        stops["expression"] = bool(expression_stops(_expression_counts(answers), remaining, settings))
    va = [name for name in _VA_FIELDS if name in asked]
    if va:
        known = moments(_matrix(answers, va))
        stops |= _by_name(va, va_stops(known.answers, known.sum_squares, settings))
    aus = [name for name in AU_FIELDS if name in asked]
    if aus:
        bits = _matrix(answers, aus)
        active, said = (bits == 1.0).sum(axis=-1), (~np.isnan(bits)).sum(axis=-1)
        stops |= _by_name(aus, au_stops(active, said, settings))
    return tuple(name for name in asked if stops[name])


def _enough(answers: ArrayLike, settings: MethodSettings) -> Flags:
    return np.asarray(np.asarray(answers) >= settings.min_answers, dtype=np.bool_)


def _expression_counts(answers: Sequence[Labels]) -> Counts:
    said = [answer.expression for answer in answers]
    return np.array([said.count(word) for word in EXPRESSIONS], dtype=np.int64)


def _matrix(answers: Sequence[Labels], fields: Sequence[str]) -> Floats:
    """Values as numbers, NaN where missing, shape (fields, answers)."""
    rows = [[answer.value(name) for answer in answers] for name in fields]
    return np.array(rows, dtype=np.float64).reshape(len(fields), len(answers))


def _by_name(fields: Sequence[str], flags: Flags) -> dict[str, bool]:
    return dict(zip(fields, flags.tolist(), strict=True))
