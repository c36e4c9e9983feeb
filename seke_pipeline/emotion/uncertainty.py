"""How sure repeated answers are: posteriors of the leader, intervals of the mean, spread and its split.

Kernels over numpy arrays; what comes first in a shape (`...`) is faces, fields or nothing at all. A missing
answer is NaN, or is simply not in a count: it never counts as zero. What nothing is known of comes out as NaN.
Add a measure of uncertainty here; which value of it is sure enough is `stopping.py`'s business.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincc, entr, rel_entr, stdtrit

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]

_MILLION = 1_000_000


class Moments(NamedTuple):
    """What a sample of numbers comes to.

    Attributes:
        answers: how many numbers there are.
        mean: their mean, NaN when there is none.
        sum_squares: sum of squared deviations from the mean, NaN when there is none.
    """

    answers: Counts
    mean: Floats
    sum_squares: Floats


class Spread(NamedTuple):
    """Spread over all answers and its two parts: bits of entropy, or a standard deviation.

    Entropies add up (total = between + within), standard deviations add up squared. Both parts are NaN where
    fewer than two arms were answered: one arm cannot say whether the model wavers, and that is not zero.
    With two answers per arm `between` is biased upwards (some of the sampling noise lands in it), so it ranks
    faces asked alike better than it measures one.

    Attributes:
        total: over all answers (predictive).
        between: the part between arms (epistemic): mutual information, or the sd of the arms' means.
        within: the part within arms (aleatoric), each arm weighted by its answers.
    """

    total: Floats
    between: Floats
    within: Floats


def leading_counts(counts: ArrayLike) -> tuple[Counts, Counts]:
    """The largest and second largest count of each row.

    Args:
        counts: answers per class, shape (..., classes), at least two classes.

    Returns:
        Two arrays of shape (...).
    """
    ordered = np.sort(np.asarray(counts, dtype=np.int64), axis=-1)
    return ordered[..., -1], ordered[..., -2]


def leader_confidence(first: ArrayLike, second: ArrayLike) -> Floats:
    """P(the leader stays ahead of the runner-up), the Beta rule of Adaptive-Consistency.

    P(p > 1/2) where p ~ Beta(first + 1, second + 1): Aggarwal et al. 2023, arXiv 2305.11860. Also the
    probability that the majority of a yes-no question lies on the right side of 1/2. Four equal answers
    give 0.96875, three 0.9375, a tie or no answer 0.5.

    Args:
        first: answers for the leader, shape (...).
        second: answers for the runner-up, shape (...).
    """
    ahead, behind = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    return np.asarray(betaincc(ahead + 1.0, behind + 1.0, 0.5), dtype=np.float64)


def majority_confidence(active: ArrayLike, answers: ArrayLike) -> Floats:
    """P(the majority is on its side of 1/2) of a yes-no question: `leader_confidence` of yes against no.

    Args:
        active: answers that say yes, shape (...).
        answers: all answers, shape (...).
    """
    yes = np.asarray(active, dtype=np.int64)
    no = np.asarray(answers, dtype=np.int64) - yes
    return leader_confidence(np.maximum(yes, no), np.minimum(yes, no))


def cannot_be_overtaken(first: ArrayLike, second: ArrayLike, remaining: ArrayLike) -> Flags:
    """Whether the leader stays the only leader whatever the remaining answers are (exact: lead > remaining).

    Args:
        first: answers for the leader, shape (...).
        second: answers for the runner-up, shape (...).
        remaining: answers that may still come, shape (...).
    """
    return np.asarray(np.asarray(first) - np.asarray(second) > np.asarray(remaining), dtype=np.bool_)


def moments(values: ArrayLike) -> Moments:
    """Number, mean and sum of squares of each row's answers.

    Sums are taken in whole millionths, so they are exact: the order of the answers and the missing ones
    between them cannot change a bit of the result, and equal answers have a sum of squares of exactly 0.

    Args:
        values: answers in [-1, 1], NaN where missing, shape (..., answers).
    """
    numbers = np.asarray(values, dtype=np.float64)
    known = ~np.isnan(numbers)
    millionths = np.rint(np.where(known, numbers, 0.0) * _MILLION).astype(np.int64)
    answers = known.sum(axis=-1, dtype=np.int64)
    total, squares = millionths.sum(axis=-1), (millionths * millionths).sum(axis=-1)
    divisor = np.where(answers > 0, answers, np.nan)
    return Moments(
        answers,
        total / (divisor * _MILLION),
        (answers * squares - total * total) / (divisor * float(_MILLION) ** 2),
    )


def half_width(
    answers: ArrayLike, sum_squares: ArrayLike, *, level: float, prior_sd: float, prior_weight: float
) -> Floats:
    """Half the interval of the mean: Student's t with a weak prior on the variance.

    The prior is worth `prior_weight` answers of sd `prior_sd`, so that a few equal round numbers do not look
    certain: var = (w·sd² + SS) / (w + n - 1), df = w + n - 1, half width = t(df) · sqrt(var / n).

    Args:
        answers: number of answers n, shape (...).
        sum_squares: their sum of squared deviations SS, shape (...).
        level: probability that the interval holds, such as 0.9.
        prior_sd: prior standard deviation of one answer.
        prior_weight: answers the prior is worth.
    """
    n = np.asarray(answers, dtype=np.float64)
    n = np.where(n > 0, n, np.nan)
    degrees = prior_weight + n - 1.0
    variance = (prior_weight * prior_sd**2 + np.asarray(sum_squares, dtype=np.float64)) / degrees
    return np.asarray(stdtrit(degrees, (1.0 + level) / 2.0) * np.sqrt(variance / n), dtype=np.float64)


def entropy_spread(counts: ArrayLike) -> Spread:
    """Predictive entropy in bits and its split between and within arms.

    Between is the mutual information of arm and answer, each arm weighted by its answers; it is summed as a
    divergence, so arms that answer alike give exactly 0.

    Args:
        counts: answers per arm and class, shape (..., arms, classes).

    Returns:
        Three arrays of shape (...).
    """
    joint = np.asarray(counts, dtype=np.int64)
    per_arm, per_class = joint.sum(axis=-1), joint.sum(axis=-2)
    every = per_arm.sum(axis=-1)
    in_arm = joint / np.maximum(per_arm, 1)[..., None]
    in_all = per_class / np.maximum(every, 1)[..., None]
    weights = per_arm / np.maximum(every, 1)[..., None]
    between = (weights * rel_entr(in_arm, in_all[..., None, :]).sum(axis=-1)).sum(axis=-1)
    within = (weights * entr(in_arm).sum(axis=-1)).sum(axis=-1)
    total = entr(in_all).sum(axis=-1)
    return _spread(per_arm, *(nats / np.log(2.0) for nats in (total, np.maximum(between, 0.0), within)))


def sd_spread(values: ArrayLike) -> Spread:
    """Standard deviation over all answers and its split between and within arms (law of total variance).

    Deviations are divided by the number of answers, not one less, so that total² = between² + within².

    Args:
        values: answers in [-1, 1], NaN where missing, shape (..., arms, answers).

    Returns:
        Three arrays of shape (...).
    """
    numbers = np.asarray(values, dtype=np.float64)
    arms = moments(numbers)
    every = moments(numbers.reshape(*numbers.shape[:-2], numbers.shape[-2] * numbers.shape[-1]))
    divisor = np.maximum(every.answers, 1)
    shifts = np.where(arms.answers > 0, arms.mean - every.mean[..., None], 0.0)
    between = (arms.answers * shifts**2).sum(axis=-1) / divisor
    within = np.nansum(arms.sum_squares, axis=-1) / divisor
    total = np.nan_to_num(every.sum_squares) / divisor
    return _spread(arms.answers, *(np.sqrt(variance) for variance in (total, between, within)))


def _spread(per_arm: Counts, total: Floats, between: Floats, within: Floats) -> Spread:
    """Blank what nobody can know: the split with fewer than two arms answered, all of it with none."""
    arms = (per_arm > 0).sum(axis=-1)
    parts = (np.where(arms >= 2, part, np.nan) for part in (between, within))
    return Spread(np.where(arms >= 1, total, np.nan), *parts)
