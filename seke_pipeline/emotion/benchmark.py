"""FEAB, the benchmark: its items, and a model's answers to them.

An item is a test face of which humans said something; what they did not say is unknown and is masked, not zero.
A model under test sees no anchor and no knowledge, one answer at temperature 0 (`EXAM`).
"""

import polars as pl

from seke_pipeline.emotion.instruction import image_path_column
from seke_pipeline.emotion.labels import FIELDS
from seke_pipeline.emotion.method import MethodSettings
from seke_pipeline.emotion.tables import FEAB, FEAB_ANSWERS

EXAM = MethodSettings(knowledge=False, rounds=(("plain",),), samples_per_arm=1, temperature=0.0)
"""How a model is asked when it is scored."""


def benchmark_items(anchored: pl.DataFrame) -> pl.DataFrame:
    """The FEAB table: test faces with at least one human field.

    Args:
        anchored: `anchored_faces` of the test shards.
    """
    known = pl.any_horizontal(pl.col(name).is_not_null() for name in FIELDS)
    items = anchored.filter((pl.col("split") == "test") & known).with_columns(image=image_path_column())
    return FEAB.conform(items).sort("face_id")


def benchmark_answers(samples: pl.DataFrame) -> pl.DataFrame:
    """The FEAB_ANSWERS table from the samples of the exam."""
    return FEAB_ANSWERS.conform(samples).sort("model", "face_id")
