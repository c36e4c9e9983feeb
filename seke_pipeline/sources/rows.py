"""What a reader is and gives, and what all readers' rows have in common.

A reader tells what its database says: at least `path` and `edition`, and of `split`, `subject`, `video`,
`frame`, the 20 fields and `reason` whatever the database has. Keys, licence and splits are added here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Literal

import polars as pl

from seke_pipeline.emotion.tables import IMAGES
from seke_pipeline.sources.files import REASON, reason_of
from seke_pipeline.sources.split import SPLIT, hashed_split


@dataclass(frozen=True)
class Reader:
    """One kind of source.

    Attributes:
        licence: the terms of its images, in a sentence.
        read: root, the settings' `labels` → rows as this module's head says, in the order of the label
            file; of two rows with one path the first counts. Raises `SourceError` when the layout is unknown;
            an `OSError` is mapped by `scan`.
        takes_labels: whether the settings' `labels` mean anything to it.
    """

    licence: str
    read: Callable[[Path, Path | None], pl.DataFrame]
    takes_labels: bool = False


def reason(word: Literal["missing_file", "outside_root", "bad_label"]) -> pl.Expr:
    """A reason as a value of the `reason` column."""
    return pl.lit(word, dtype=REASON)


def with_file_reasons(rows: pl.DataFrame, root: Path, present: pl.DataFrame) -> pl.DataFrame:
    """Say of every row whether its file can be read; a file's reason outranks the row's own.

    Args:
        rows: path, reason and any other columns.
        root: the source's root.
        present: path, reason of the images that were found (`list_images`).
    """
    absent = rows.select("path").unique().join(present, on="path", how="anti")
    sought = absent.with_columns(pl.Series("reason", [reason_of(root, p) for p in absent["path"]], dtype=REASON))
    files = pl.concat([present, sought]).rename({"reason": "file_reason"})
    joined = rows.join(files, on="path", how="left", maintain_order="left")
    return joined.with_columns(reason=pl.coalesce("file_reason", "reason")).drop("file_reason")


def complete(rows: pl.DataFrame, *, source: str, licence: str, split: Literal["auto", "train", "test"]) -> pl.DataFrame:
    """Make a reader's rows rows of `IMAGES`.

    Args:
        rows: what a reader gave.
        source: the source's name in the settings.
        licence: the terms of its images.
        split: the settings' word; `auto` keeps the reader's split and gives what has none by hash.

    Returns:
        The columns of `IMAGES` without `shard`, one row per path, sorted by path.
    """
    shared = {"source": pl.lit(source), "licence": pl.lit(licence)}
    known = IMAGES.conform(rows.with_columns(**shared).unique("path", keep="first", maintain_order=True))
    keyed = known.with_columns(_image_ids(source, known["path"]), _splits(known, split))
    return keyed.drop("shard").sort("path")


def _image_ids(source: str, paths: pl.Series) -> pl.Series:
    """Source and path as 16 hexadecimal digits: the same in every scan, wherever the root lies."""
    ids = [blake2b(f"{source}\0{path}".encode(), digest_size=8).hexdigest() for path in paths]
    return pl.Series("image_id", ids, dtype=pl.String)


def _splits(rows: pl.DataFrame, split: Literal["auto", "train", "test"]) -> pl.Series:
    if split != "auto":
        return pl.Series("split", [split], dtype=SPLIT).new_from_index(0, rows.height)
    kept_together = rows.select(pl.coalesce("subject", "video", "path")).to_series()
    return rows["split"].zip_with(rows["split"].is_not_null(), hashed_split(kept_together))
