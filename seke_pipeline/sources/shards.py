"""Dealing images to shards, once and for ever: what was dealt keeps its place, what is new opens new shards.

So a shard that is done is never dealt to again, and a collection may grow every night. A row that changed at
its source (labels, licence, reason) changes in place; the shard's content hash then says so.
"""

import polars as pl

from seke_pipeline.emotion.tables import IMAGES
from seke_pipeline.sources.rows import reason
from seke_pipeline.sources.split import follow_person

_LINE = ["source", "split"]


def deal(scanned: pl.DataFrame, dealt: pl.DataFrame | None, shard_size: int) -> pl.DataFrame:
    """Give every image its shard.

    Args:
        scanned: what `scan` gave, of one source or of several.
        dealt: what this function gave the last time, or None the first time. Sources that were not scanned
            now are kept as they are.
        shard_size: images at most in a new shard.

    Returns:
        `IMAGES`, sorted by shard and path. Keys read `rafdb-train-00003` and go on counting per source and
        split. Known images keep shard and split; new ones are dealt by path; those that vanished from a
        scanned source are kept with the reason `missing_file`.

    Raises:
        ValueError: shard_size is below 1.
    """
    if shard_size < 1:
        raise ValueError(f"shard_size is {shard_size}; a shard holds at least 1 image")
    before = IMAGES.frame([]) if dealt is None else IMAGES.conform(dealt)
    places = before.select("image_id", "shard", "split")
    kept = IMAGES.conform(scanned.drop("split").join(places, on="image_id"))
    gone = _gone(before.join(scanned, on="image_id", how="anti"), scanned)
    known = pl.concat([kept, gone])
    new = IMAGES.conform(scanned.join(places, on="image_id", how="anti"))
    opened = _open_shards(follow_person(new, known), before, shard_size)
    return pl.concat([known, opened]).sort("shard", "path")


def _gone(vanished: pl.DataFrame, scanned: pl.DataFrame) -> pl.DataFrame:
    looked_for = pl.col("source").is_in(scanned["source"].unique().implode())
    return vanished.with_columns(reason=pl.when(looked_for).then(reason("missing_file")).otherwise("reason"))


def _open_shards(new: pl.DataFrame, before: pl.DataFrame, shard_size: int) -> pl.DataFrame:
    """The new images in shards whose numbers follow those in use."""
    number = pl.col("shard").str.extract(r"(\d+)$").cast(pl.Int64)
    next_numbers = before.group_by(_LINE).agg(next=number.max() + 1)
    numbered = new.sort("path").join(next_numbers, on=_LINE, how="left", maintain_order="left")
    place = pl.int_range(pl.len()).over(_LINE) // shard_size + pl.col("next").fill_null(0)
    key = pl.format("{}-{}-{}", "source", "split", place.cast(pl.String).str.zfill(5))
    return IMAGES.conform(numbered.with_columns(shard=key))
