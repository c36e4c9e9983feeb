"""Images: the rows of a source's listing, cut into shards."""

import dagster as dg

from seke_pipeline.emotion.tables import IMAGES
from seke_pipeline.resources.lake import OWNERS, described, stored
from seke_pipeline.resources.partitions import SHARDS
from seke_pipeline.resources.sources import Collection, content_hash
from seke_pipeline.storage.lake import Lake
from seke_pipeline.storage.manifest import Recipe

CODE_VERSION = "1"

source_images = dg.AssetSpec(
    "source_images",
    description="The images on disk, read in place and never copied: what the job `look_at_sources` last saw of them.",
    partitions_def=SHARDS,
    group_name="images",
    owners=OWNERS,
    kinds={"jpeg"},
)


def images_recipe(shard: str, version: str) -> Recipe:
    """What a shard of the images table is made from: its rows of the listing, of this data version."""
    return Recipe(CODE_VERSION, inputs={f"listing/{shard}": version})


@dg.asset(
    deps=[source_images],
    partitions_def=SHARDS,
    group_name="images",
    kinds={"polars", "parquet"},
    code_version=CODE_VERSION,
    **described(IMAGES),
)
def images(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], collection: dg.ResourceParam[Collection]
) -> dg.MaterializeResult[None]:
    """One shard of the listing, kept as it is now."""
    shard = context.partition_key
    rows = collection.listed(lake, shard)
    unusable = rows["reason"].drop_nulls().len()
    recipe = images_recipe(shard, content_hash(rows))
    return stored(lake, IMAGES, shard, rows, recipe, {"unusable_images": unusable})
