"""Measures of a face that tell a good picture from a poor one."""

import numpy as np
from PIL import Image

from seke_pipeline.vision.detector import Landmarks


def sharpness(crop: Image.Image) -> float:
    """Variance of the Laplacian of the grey crop, in grey levels squared; low is blurred.

    Source: J. L. Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, ICPR 2000. The Laplacian is
    the 4-neighbour one, over the crop's inner pixels.
    """
    grey = np.asarray(crop.convert("L"), dtype=np.float64)
    middle = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * middle
    return float(laplacian.var())


def roll_degrees(landmarks: Landmarks) -> float:
    """Tilt of the line from the image-left to the image-right eye, clockwise, -180…180 degrees."""
    right, down = landmarks[1] - landmarks[0]
    return float(np.degrees(np.arctan2(down, right)))
