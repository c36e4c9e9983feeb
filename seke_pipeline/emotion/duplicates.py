"""Near-duplicates: training faces that look like a test face, and would let a model remember the benchmark.

Databases overlap: the same photograph, recompressed or scaled, stands in several. What a picture's perceptual
hash is, `vision/` says; here are only bits.
"""

import numpy as np
import numpy.typing as npt
import polars as pl

from seke_pipeline.emotion.tables import NEAR_DUPLICATES

Words = npt.NDArray[np.uint64]

_AT_ONCE = 4_000_000


def near_duplicates(train: pl.DataFrame, test: pl.DataFrame, at_most_bits: int) -> pl.DataFrame:
    """The training faces whose hash differs from some test face's in at most so many bits.

    Every pair is compared: a million training faces and ten thousand test faces are 10 G pairs.

    Args:
        train: face_id, source, split, perceptual_hash (hexadecimal; null is like nothing).
        test: face_id, source, perceptual_hash.
        at_most_bits: the largest distance that counts as alike.

    Returns:
        NEAR_DUPLICATES rows, each with its nearest test face, sorted by face_id.
    """
    asked = train.drop_nulls("perceptual_hash").sort("face_id")
    held = test.drop_nulls("perceptual_hash").sort("face_id")
    if asked.is_empty() or held.is_empty():
        return NEAR_DUPLICATES.frame([])
    nearest, distance = _nearest(_words(asked["perceptual_hash"]), _words(held["perceptual_hash"]))
    alike = asked.with_columns(
        test_face_id=held["face_id"].gather(nearest),
        test_source=held["source"].gather(nearest),
        distance_bits=pl.Series(distance, dtype=pl.Int64),
    ).filter(pl.col("distance_bits") <= at_most_bits)
    return NEAR_DUPLICATES.conform(alike)


def _words(hashes: pl.Series) -> Words:
    """Hexadecimal hashes as rows of 64-bit words."""
    content = b"".join(bytes.fromhex(text) for text in hashes)
    return np.frombuffer(content, dtype=np.uint64).reshape(hashes.len(), -1)


def _nearest(asked: Words, held: Words) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """For each row of `asked` the place of the nearest row of `held` (the first of equals), and its distance."""
    nearest = np.empty(len(asked), dtype=np.int64)
    distance = np.empty(len(asked), dtype=np.int64)
    rows = max(1, _AT_ONCE // len(held))
    for start in range(0, len(asked), rows):
        part = slice(start, start + rows)
        apart = np.zeros((len(asked[part]), len(held)), dtype=np.uint16)
        for word in range(held.shape[1]):
            apart += np.bitwise_count(asked[part, word, None] ^ held[None, :, word])
        nearest[part] = apart.argmin(axis=1)
        distance[part] = apart.min(axis=1)
    return nearest, distance
