import numpy as np
import pytest
from PIL import Image, ImageFilter

from seke_pipeline.vision.quality import roll_degrees, sharpness


def test_sharpness_is_the_variance_of_the_laplacian():
    grey = np.zeros((5, 5), np.uint8)
    grey[2, 2] = 10  # Laplacian of the inner 3 x 3: 10 at four neighbours, -40 in the middle
    assert sharpness(Image.fromarray(grey).convert("RGB")) == pytest.approx((4 * 100 + 1600) / 9)


def test_blur_lowers_sharpness():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8))
    assert sharpness(noise.filter(ImageFilter.GaussianBlur(2))) < sharpness(noise) / 20
    assert sharpness(Image.new("RGB", (32, 32), "grey")) == 0


@pytest.mark.parametrize(
    ("right_eye", "degrees"), [((20, 10), 0), ((20, 20), 45), ((20, 0), -45), ((10, 30), 90), ((0, 10), 180)]
)
def test_roll_is_clockwise(right_eye, degrees):
    landmarks = np.array([(10, 10), right_eye, (0, 0), (0, 0), (0, 0)], dtype=float)
    assert roll_degrees(landmarks) == pytest.approx(degrees)
