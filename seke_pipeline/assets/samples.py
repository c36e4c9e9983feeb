"""Samples: the VLLM's answers, asked adaptively."""

from typing import Any

import dagster as dg
import polars as pl

from seke_pipeline.emotion.anchors import anchored_faces
from seke_pipeline.emotion.labels import Labels
from seke_pipeline.emotion.method import MethodSettings
from seke_pipeline.emotion.tables import FACES, IMAGES, SAMPLES
from seke_pipeline.resources.lake import described, stored
from seke_pipeline.resources.partitions import SHARDS
from seke_pipeline.resources.progress import Meters
from seke_pipeline.resources.vlm import Endpoint, asking
from seke_pipeline.storage.lake import Lake
from seke_pipeline.storage.manifest import Recipe
from seke_pipeline.vlm import Annotation, FaceToAsk, VlmSettings

CODE_VERSION = "1"


def samples_recipe(lake: Lake, vlm: VlmSettings, method: MethodSettings, shard: str) -> Recipe:
    """What a shard of samples is made from: its faces and anchors, the model, and how it is asked."""
    return Recipe(
        CODE_VERSION,
        settings={"model": vlm.model, "detail": vlm.image_detail, "method": method.model_dump(mode="json")},
        inputs={f"{table.name}/{shard}": lake.data_version(table, shard) for table in (IMAGES, FACES)},
    )


@dg.asset(
    deps=["images", "faces"],
    partitions_def=SHARDS,
    group_name="samples",
    kinds={"openai", "parquet"},
    code_version=CODE_VERSION,
    pool="vlm",
    **described(SAMPLES, "Test shards are not asked about: their truth is human."),
)
def samples(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    endpoint: dg.ResourceParam[Endpoint],
    method: dg.ResourceParam[MethodSettings],
    meters: dg.ResourceParam[Meters],
) -> dg.MaterializeResult[None]:
    """The answers about a shard's faces; what the journal holds already is not asked again."""
    shard = context.partition_key
    waiting = faces_to_ask(lake.read(FACES, [shard]), lake.read(IMAGES, [shard]))
    with meters.meter(f"samples {shard}", len(waiting), context.log.info) as advance:
        answered = endpoint.annotate(waiting, lake.journal(shard), method, asking(advance))
    recipe = samples_recipe(lake, endpoint.settings, method, shard)
    return stored(lake, SAMPLES, shard, answered.samples, recipe, samples_said(answered))


def faces_to_ask(faces: pl.DataFrame, images: pl.DataFrame) -> list[FaceToAsk]:
    """The training faces of a shard, each with its crop and its anchors."""
    anchored = anchored_faces(faces, images).filter(pl.col("split") == "train")
    rows = anchored.join(faces.select("face_id", "crop"), on="face_id").sort("face_id").iter_rows(named=True)
    return [
        FaceToAsk(row["face_id"], row["shard"], row["source"], row["split"], row["crop"], Labels.from_row(row))
        for row in rows
    ]


def samples_said(answered: Annotation) -> dict[str, Any]:
    """What the UI shows of a shard of samples: answers, faults, tokens and money."""
    rows = answered.samples
    faults = rows["fault"].drop_nulls().cast(pl.String).value_counts(sort=True, name="answers")
    asked = rows["face_id"].n_unique()
    return {
        "faces_asked": asked,
        "mean_samples_per_face": round(rows.height / asked, 2) if asked else 0.0,
        "requests": answered.asked_requests,
        "answers_from_journal": answered.replayed_answers,
        "faults": dict(faults.iter_rows()),
        "input_tokens": round(float(rows["input_tokens"].sum())),
        "output_tokens": round(float(rows["output_tokens"].sum())),
        "cost_usd": round(float(rows["cost_usd"].sum() or 0.0), 4),
        **({"journal": answered.mended} if answered.mended else {}),
    }
