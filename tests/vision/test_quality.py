from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageFilter

from seke_pipeline.vision.quality import perceptual_hash, roll_degrees, sharpness


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


def test_copies_look_alike_and_other_pictures_do_not():
    rng = np.random.default_rng(0)
    coarse = [Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)) for _ in range(2)]
    one, other = (picture.resize((224, 224), Image.Resampling.BICUBIC) for picture in coarse)
    stored = BytesIO()
    one.save(stored, "JPEG", quality=70)

    assert apart(one, one) == 0
    assert apart(one, Image.open(stored)) <= 20
    assert apart(one, one.resize((112, 112))) <= 20
    assert apart(one, one.convert("L")) <= 20
    assert apart(one, other) > 60


def apart(one, other):
    """In how many bits the perceptual hashes of two pictures differ."""
    return (int(perceptual_hash(one), 16) ^ int(perceptual_hash(other), 16)).bit_count()
