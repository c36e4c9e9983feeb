"""Near-duplicates: bits compared, the nearest test face named, nothing without a hash."""

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from seke_pipeline.emotion.duplicates import near_duplicates

ZERO = "00" * 32


def faces(split: str, **hashes: str | None) -> pl.DataFrame:
    rows = [
        {"face_id": name, "source": f"from-{name}", "split": split, "perceptual_hash": hash_}
        for name, hash_ in hashes.items()
    ]
    return pl.DataFrame(rows, schema_overrides={"perceptual_hash": pl.String})


def with_bits(*places: int) -> str:
    bits = np.zeros(256, dtype=bool)
    bits[list(places)] = True
    return np.packbits(bits).tobytes().hex()


def test_a_face_that_looks_like_a_test_face_is_told_with_the_nearest() -> None:
    train = faces("train", same=ZERO, near=with_bits(3, 70, 200), far=with_bits(*range(100)), unseen=None)
    test = faces("test", zero=ZERO, other=with_bits(3, 70))

    assert near_duplicates(train, test, 24).rows() == [
        ("near", "from-near", "train", "other", "from-other", 1),
        ("same", "from-same", "train", "zero", "from-zero", 0),
    ]


def test_the_limit_is_within() -> None:
    train, test = faces("train", a=with_bits(*range(24))), faces("test", z=ZERO)

    assert near_duplicates(train, test, 24).height == 1
    assert near_duplicates(train, test, 23).height == 0


def test_without_test_faces_nothing_is_a_duplicate() -> None:
    assert near_duplicates(faces("train", a=ZERO), faces("test", z=None), 24).is_empty()


@given(st.lists(st.integers(0, 255), max_size=40), st.lists(st.integers(0, 255), max_size=40))
def test_the_distance_is_the_number_of_bits_that_differ(one: list[int], two: list[int]) -> None:
    found = near_duplicates(faces("train", a=with_bits(*one)), faces("test", z=with_bits(*two)), 256)

    assert found["distance_bits"].to_list() == [len(set(one) ^ set(two))]
