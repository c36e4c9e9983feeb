"""Which expression is taken for which: GPT-4V's zero-shot answers, softened to a wanted accuracy.

Rows are RAF-DB test, n = 3,067 (domain.md 3.3, computed from zeroQiaoba/gpt4v-emotion); RAF-DB has no contempt, so
that row is AffectNet's, n = 500. Out-of-vocabulary answers are left out here: they are a rate of their own.
"""

from collections.abc import Mapping

import numpy as np

from seke_pipeline.demo.pixels import Array
from seke_pipeline.emotion.labels import EXPRESSIONS, Expression

GPT4V: Mapping[Expression, tuple[float, ...]] = {
    #             neutral happin. sadness surpri. fear   disgust anger  contempt
    "neutral":   (0.806, 0.010, 0.118, 0.022, 0.004, 0.015, 0.024, 0.0),
    "happiness": (0.144, 0.774, 0.014, 0.032, 0.004, 0.028, 0.003, 0.0),
    "sadness":   (0.079, 0.021, 0.747, 0.010, 0.052, 0.071, 0.019, 0.0),
    "surprise":  (0.085, 0.000, 0.003, 0.839, 0.040, 0.021, 0.012, 0.0),
    "fear":      (0.054, 0.027, 0.027, 0.365, 0.459, 0.054, 0.014, 0.0),
    "disgust":   (0.225, 0.019, 0.100, 0.044, 0.013, 0.494, 0.106, 0.0),
    "anger":     (0.031, 0.025, 0.006, 0.086, 0.056, 0.086, 0.710, 0.0),
    "contempt":  (0.618, 0.268, 0.044, 0.014, 0.002, 0.022, 0.016, 0.016),
}  # fmt: skip

AGREEMENT: Mapping[Expression, float] = {
    "neutral": 0.797, "happiness": 0.833, "sadness": 0.831, "surprise": 0.824,
    "fear": 0.676, "disgust": 0.700, "anger": 0.815, "contempt": 0.70,
}  # fmt: skip
"""Share of faces on which GPT-4V's answers to the colour and the grey picture agree, by class (domain.md 6.2).

Contempt was not measured: disgust's value is assumed.
"""

OVERALL_AGREEMENT = 0.812
"""The same over all 3,067 faces."""


def confusion(accuracy: float) -> Array:
    """P(named | seen), shape (8, 8), with this mean over its diagonal.

    The measured rows are mixed with the identity for a better accuracy than GPT-4V's, and with their own errors for
    a worse one; the pattern of the errors stays.
    """
    rows = np.array([GPT4V[word] for word in EXPRESSIONS])
    rows = rows / rows.sum(axis=1, keepdims=True)
    measured, right = float(np.trace(rows)) / len(rows), np.eye(len(rows))
    if accuracy >= measured:
        share = (1 - accuracy) / (1 - measured)
        return np.asarray(share * rows + (1 - share) * right)
    errors = rows * (1 - right)
    share = accuracy / measured
    return np.asarray(share * rows + (1 - share) * errors / errors.sum(axis=1, keepdims=True))


def deviation(expression: Expression, disagreement: float) -> float:
    """Chance that one answer strays from the usual one, so that two answers differ in about `disagreement`.

    Two answers that stray independently with chance d differ in 1 - (1 - d)² at most.
    """
    of_class = disagreement * (1 - AGREEMENT[expression]) / (1 - OVERALL_AGREEMENT)
    return float(1 - np.sqrt(1 - min(of_class, 0.99)))
