"""Frames that lie as numbered images in a folder for each sequence, as those of BP4D and DISFA do.

Users unpack them where they like: at the root or one folder deeper, padded with zeros (0643.jpg) or not.
"""

from collections.abc import Sequence

import polars as pl

from seke_pipeline.sources.files import Root, list_images
from seke_pipeline.sources.rows import reason

DEPTH = r"(?i)^(?<base>(?:[^/]+/)?)"
"""How a pattern of frames begins: at the root, or one folder deeper."""
FRAME = r"/(?<stem>\d{1,18})\.\w+$"
"""How it ends."""


def list_frames(root: Root, pattern: str, sequence: Sequence[str]) -> pl.DataFrame:
    """Find the frames.

    Args:
        root: the source's root.
        pattern: what a frame's path looks like, with the groups base, those of `sequence`, and stem.
        sequence: the groups that name a sequence.

    Returns:
        base, sequence (in capitals), stem, frame, path, file_reason: one row per frame; of copies the
        shallowest.
    """
    present = list_images(root).rename({"reason": "file_reason"})
    found = present.filter(pl.col("path").str.contains(pattern))
    parts = found.with_columns(pl.col("path").str.extract_groups(pattern).struct.unnest())
    return (
        parts.with_columns(*(pl.col(name).str.to_uppercase() for name in sequence), frame=pl.col("stem").cast(pl.Int64))
        .sort(pl.col("base") != "", "path")
        .unique([*sequence, "frame"], keep="first", maintain_order=True)
    )


def place(
    labels: pl.DataFrame, images: pl.DataFrame, sequence: Sequence[str], suffix: str, *, shift: int = 0
) -> pl.DataFrame:
    """Give coded frames the path of their image, or the path where it is to be looked for.

    Args:
        labels: sequence, frame, reason and any other columns.
        images: what `list_frames` gave, at least one row.
        sequence: the columns that name a sequence; the folders' names, from the outer to the inner one.
        suffix: of an image that is not there.
        shift: what the number in an image's name is above that of the labels' frame.

    Returns:
        `labels` with path, and the reason `missing_file` where there is no image.
    """
    padded = pl.col("stem").filter(pl.col("stem").str.starts_with("0") & (pl.col("stem").str.len_chars() > 1))
    habits = images.group_by(sequence).agg(pl.col("base").first(), width=padded.str.len_chars().max())
    found = images.select(*sequence, pl.col("frame") - shift, "path", "file_reason")
    expected = pl.concat_str(
        pl.col("base").fill_null(images["base"][0]),
        pl.concat_str(*sequence, pl.lit(""), separator="/"),
        (pl.col("frame") + shift).cast(pl.String).str.zfill(pl.col("width").fill_null(0)),
        pl.lit(suffix),
    )
    missing = pl.when(pl.col("path").is_null()).then(reason("missing_file"))
    return (
        labels.join(found, on=[*sequence, "frame"], how="left", maintain_order="left")
        .join(habits, on=sequence, how="left", maintain_order="left")
        .with_columns(path=pl.coalesce("path", expected), reason=pl.coalesce(missing, "file_reason", "reason"))
        .drop("file_reason", "base", "width")
    )
