"""Dealing images to shards, once and for ever: what was dealt keeps its place, what is new opens new shards.

So a shard that is done is never dealt to again, and a collection may grow every night. A row that changed at
its source (labels, licence, reason) changes in place; the shard's content hash then says so.
"""

import polars as pl

from seke_pipeline.emotion.tables import IMAGES
from seke_pipeline.sources.rows import reason
from seke_pipeline.sources.split import follow_person

_LINE = ["source", "split"]
_PERSON = ["source", "subject", "split"]


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
    gone = _gone(before.join(scanned, on="image_id", how="anti"), scanned)
    places = _places(scanned, before, gone, shard_size)
    rows = IMAGES.conform(scanned.with_columns(places))
    if not gone.is_empty():
        rows = pl.concat([rows, gone])
    if not rows["path"].is_sorted():
        rows = rows.sort("path")
    return rows.sort("shard", maintain_order=True)


def _gone(vanished: pl.DataFrame, scanned: pl.DataFrame) -> pl.DataFrame:
    looked_for = pl.col("source").is_in(scanned["source"].unique().implode())
    return vanished.with_columns(reason=pl.when(looked_for).then(reason("missing_file")).otherwise("reason"))


def _places(scanned: pl.DataFrame, before: pl.DataFrame, gone: pl.DataFrame, shard_size: int) -> pl.DataFrame:
    """Split and shard of the scanned images, in their order: the wide rows are not moved about for it."""
    had = before.select("image_id", "shard", had="split")
    needed = scanned.select("image_id", "path", *_PERSON).with_row_index()
    rows = needed.join(had, on="image_id", how="left").with_columns(split=pl.coalesce("had", "split"))
    rows = rows.select("index", "path", "shard", *_PERSON)
    known, new = rows.filter(pl.col("shard").is_not_null()), rows.filter(pl.col("shard").is_null())
    persons = pl.concat([known.select(_PERSON), gone.select(_PERSON)])
    opened = _open_shards(follow_person(new, persons), before, shard_size)
    return pl.concat([known.select(opened.columns), opened]).sort("index").drop("index")


def _open_shards(new: pl.DataFrame, before: pl.DataFrame, shard_size: int) -> pl.DataFrame:
    """The new images in shards whose numbers follow those in use: index, split, shard.

    A shard's name is made once, not for each image.
    """
    number = pl.col("shard").str.extract(r"(\d+)$").cast(pl.Int64)
    in_use = before.group_by(_LINE).agg(number.max() + 1).rows()
    next_numbers = {(source, split): number for source, split, number in in_use}
    opened = [new.select("index", "split", shard=pl.lit(None, dtype=pl.String)).clear()]
    for (source, split), rows in new.select("index", "path", *_LINE).group_by(_LINE):
        first = next_numbers.get((source, split), 0)
        last = first + (rows.height - 1) // shard_size
        names = pl.Series("shard", [f"{source}-{split}-{n:05}" for n in range(first, last + 1)])
        place = pl.int_range(rows.height, eager=True) // shard_size
        opened.append(rows.sort("path").select("index", "split").with_columns(names.gather(place)))
    return pl.concat(opened)
