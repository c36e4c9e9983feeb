"""Errors that last: smooth random functions of what was seen.

A model repeats 57 % of its errors when the picture is turned grey (domain.md 3.3), so an error cannot hang on the
picture's bytes. Here it is a draw of a Gaussian process over the reading of the face: variants of one face lie close
together and share their errors, other faces do not.
"""

from dataclasses import dataclass
from math import erf, sqrt

import numpy as np

from seke_pipeline.demo.pixels import Array

_WAVES = 256


@dataclass(frozen=True)
class Quirks:
    """Fixed random functions of a reading, each standard normal over faces.

    Attributes:
        frequencies: shape (waves, reading).
        phases: shape (waves,).
        amplitudes: shape (waves, functions).
    """

    frequencies: Array
    phases: Array
    amplitudes: Array

    @classmethod
    def draw(cls, reading: int, functions: int, scale: float, seed: int) -> "Quirks":
        """Draw random functions with a Gaussian kernel (random Fourier features, Rahimi & Recht 2007).

        Args:
            reading: numbers in a reading.
            functions: how many functions.
            scale: distance of readings over which errors forget each other.
            seed: of the draw.
        """
        rng = np.random.default_rng([seed, 4711])
        return cls(
            frequencies=rng.standard_normal((_WAVES, reading)) / scale,
            phases=rng.uniform(0, 2 * np.pi, _WAVES),
            amplitudes=rng.standard_normal((_WAVES, functions)) * np.sqrt(2 / _WAVES),
        )

    def at(self, reading: Array) -> Array:
        """The functions' values at a reading."""
        return np.asarray(np.cos(self.frequencies @ reading + self.phases) @ self.amplitudes)


def share_below(normal: float) -> float:
    """The share of a standard normal below a value: turns a quirk into a number between 0 and 1."""
    return 0.5 * (1 + erf(normal / sqrt(2)))
