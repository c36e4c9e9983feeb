"""Verdicts: what became of every field, a pure function of anchors, samples and settings."""

from typing import Any

import dagster as dg
import polars as pl

from seke_pipeline.emotion.anchors import FACE_COLUMNS, anchored_faces
from seke_pipeline.emotion.method import MethodSettings
from seke_pipeline.emotion.tables import FACES, IMAGES, SAMPLES, VERDICTS
from seke_pipeline.emotion.verdict import decide
from seke_pipeline.resources.lake import described, stored
from seke_pipeline.resources.partitions import SHARDS
from seke_pipeline.storage.lake import Lake
from seke_pipeline.storage.manifest import Recipe

CODE_VERSION = "1"


def verdicts_recipe(lake: Lake, method: MethodSettings, shard: str) -> Recipe:
    """What a shard of verdicts is made from: its anchors, its samples and the `[method]` section."""
    return Recipe(
        CODE_VERSION,
        settings={"method": method.model_dump(mode="json")},
        inputs={f"{table.name}/{shard}": lake.data_version(table, shard) for table in (IMAGES, FACES, SAMPLES)},
    )


@dg.asset(
    deps=["images", "faces", "samples"],
    partitions_def=SHARDS,
    group_name="verdicts",
    kinds={"polars", "parquet"},
    code_version=CODE_VERSION,
    **described(VERDICTS, "Recomputed at no cost when a threshold changes."),
)
def verdicts(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    method: dg.ResourceParam[MethodSettings],
) -> dg.MaterializeResult[None]:
    """A verdict on each field of each training face."""
    shard = context.partition_key
    anchored = anchored_faces(lake.read(FACES, [shard], FACE_COLUMNS), lake.read(IMAGES, [shard]))
    decided = decide(anchored.filter(pl.col("split") == "train"), lake.read(SAMPLES, [shard]), method)
    return stored(lake, VERDICTS, shard, decided, verdicts_recipe(lake, method, shard), verdicts_said(decided))


def verdicts_said(decided: pl.DataFrame) -> dict[str, Any]:
    """What the UI shows of a shard of verdicts: how many fields, by verdict and by reason."""
    counted = {
        name: dict(decided[name].cast(pl.String).value_counts(sort=True, name="fields").iter_rows())
        for name in ("verdict", "reason")
    }
    return {
        "faces": decided["face_id"].n_unique(),
        "verdicts": counted["verdict"],
        "reasons": counted["reason"],
    }
