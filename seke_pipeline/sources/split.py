"""Train or test, where the database has no split of its own: 9 : 1 by a stable hash of the person.

So the authors split CK+ (domain.md 0): no person is on both sides. The hash is of the name alone, not of
the source, so a person who stands under one name in two sources is on one side in both.
"""

from hashlib import blake2b

import polars as pl

from seke_pipeline.emotion.tables import IMAGES

SPLIT = IMAGES.schema["split"]
TEST_SHARE = 0.1
"""Share of the keys that goes to test; of BP4D's 41 subjects these are F004, M006 and M018."""


def hashed_split(keys: pl.Series) -> pl.Series:
    """The split of each key; equal keys are always on one side, on every machine and in every release.

    Args:
        keys: names of persons, or of whatever must not be torn apart; no nulls.

    Returns:
        `train` or `test` for each.
    """
    distinct = keys.unique()
    sides = pl.Series(["test" if _position(key) < TEST_SHARE else "train" for key in distinct], dtype=SPLIT)
    return keys.replace_strict(distinct, sides, return_dtype=SPLIT).alias("split")


def follow_person(new: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Put new images of a person where that person already is.

    Without this, a person whose first images came without his name, or under another setting, could be
    taught in FEID and asked about in FEAB. A person whom the source itself has on both sides stays as listed.

    Args:
        new: source, subject, split and any other columns.
        known: source, subject, split of the images that were dealt before.

    Returns:
        `new` with `split` changed where its person is known.
    """
    persons = (
        known.group_by("source", "subject")
        .agg(side=pl.col("split").first(), sides=pl.col("split").n_unique())
        .filter(pl.col("sides") == 1)
    )
    joined = new.join(persons, on=["source", "subject"], how="left", maintain_order="left")
    return joined.with_columns(split=pl.coalesce("side", "split")).select(new.columns)


def _position(key: str) -> float:
    """Where the key falls in 0…1."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big") / 2**64
