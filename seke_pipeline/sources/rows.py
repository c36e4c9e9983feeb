"""What a reader is and gives, and what all readers' rows have in common.

A reader tells what its database says: at least `path` and `edition`, and of `split`, `subject`, `video`,
`frame`, the 20 fields, the action units' intensities and `reason` whatever the database has. Keys, licence and
splits are added here.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

import polars as pl

from seke_pipeline.emotion.tables import IMAGES
from seke_pipeline.sources.ask import Ask
from seke_pipeline.sources.files import REASON, Root, reasons_of
from seke_pipeline.sources.split import SPLIT, hashed_split

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reader:
    """One kind of source.

    Attributes:
        licence: the terms of its images, in a sentence.
        read: root, what the settings ask → rows as this module's head says, in the order of the label
            file; of two rows with one path the first counts. Raises `SourceError` when the layout is unknown;
            an `OSError` is mapped by `scan`.
        takes_labels: whether the settings' `labels` mean anything to it.
        unread: endings, in lower case, of files beside the images that it never opens, like `_lnd.npy`; that one
            changed is then no reason to look again, and asking costs nothing.
        editions: the releases and layouts that a user may choose between, where it tells several apart.
        of_videos: whether its images are frames of videos, which are sampled.
    """

    licence: str
    read: Callable[[Root, Ask], pl.DataFrame]
    takes_labels: bool = False
    unread: tuple[str, ...] = ()
    editions: tuple[str, ...] = ()
    of_videos: bool = False


def reason(word: Literal["missing_file", "outside_root", "bad_label"]) -> pl.Expr:
    """A reason as a value of the `reason` column."""
    return pl.lit(word, dtype=REASON)


def with_file_reasons(rows: pl.DataFrame, root: Root, present: pl.DataFrame) -> pl.DataFrame:
    """Say of every row whether its file can be read; a file's reason outranks the row's own.

    Args:
        rows: path, reason and any other columns.
        root: the source's root.
        present: path, reason of the images that were found (`list_images`).
    """
    absent = rows.select("path").unique().join(present, on="path", how="anti")
    files = pl.concat([present, reasons_of(root, absent["path"])]).rename({"reason": "file_reason"})
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
    rows = IMAGES.conform(_first_of_each(rows, source).with_columns(**shared)).drop("shard")
    rows = rows.with_columns(_image_ids(source, rows["path"]), _splits(rows, split))
    return rows if rows["path"].is_sorted() else rows.sort("path")


def _first_of_each(rows: pl.DataFrame, source: str) -> pl.DataFrame:
    """One row per path; what is said of it again is counted in the log."""
    first = rows["path"].is_first_distinct()
    if first.all():
        return rows
    _log.info("%d lines of source %s name an image again; its first line counts", (~first).sum(), source)
    return rows.filter(first)


def _image_ids(source: str, paths: pl.Series) -> pl.Series:
    """Source and path as 16 hexadecimal digits: the same in every scan, wherever the root lies."""
    start = f"{source}\0"
    ids = [pl.Series("image_id", [], dtype=pl.String)]
    for some in paths.to_frame().iter_slices(65_536):  # so that few of them are Python's objects at once
        found = [blake2b((start + path).encode(), digest_size=8).hexdigest() for path in some.to_series()]
        ids.append(pl.Series("image_id", found))
    return pl.concat(ids)


def _splits(rows: pl.DataFrame, split: Literal["auto", "train", "test"]) -> pl.Series:
    if split != "auto":
        return pl.Series("split", [split], dtype=SPLIT).new_from_index(0, rows.height)
    if not rows["split"].has_nulls():
        return rows["split"]
    kept_together = rows.select(pl.coalesce("subject", "video", "path")).to_series()
    return rows["split"].zip_with(rows["split"].is_not_null(), hashed_split(kept_together))
