"""Which frames of a video are kept: neighbours are nearly the same picture, and every answer costs money.

As Exp-BLIP sampled DISFA and BP4D (domain.md 1.8): every n-th frame, and every frame where an action unit
comes or goes.
"""

from collections.abc import Sequence

import polars as pl

from seke_pipeline.emotion.labels import AU_FIELDS

EVERY_FRAME = 10
"""n where the settings name none; 3 frames a second of most videos."""


def sample(frames: pl.DataFrame, every: int, video: Sequence[str]) -> pl.DataFrame:
    """Keep every n-th frame of each video, and those where an action unit changes.

    Counting starts at the video's first frame in the table and goes by the frame's number, so the choice does
    not move when frames in between come or go. An AU that is unknown for a while has changed only if it comes
    back with the other value.

    Args:
        frames: frame, the columns of `video`, any AU columns; all the frames that were coded.
        every: n; 1 keeps all.
        video: the columns that name a video.

    Returns:
        The kept rows, in the order of `frames`.
    """
    if every == 1:
        return frames
    place = (pl.col("frame") - pl.col("frame").min()).over(video)
    changed = (_changes(field).over(video, order_by="frame") for field in AU_FIELDS if field in frames.columns)
    return frames.filter((place % every == 0) | pl.any_horizontal(pl.lit(False), *changed))


def _changes(field: str) -> pl.Expr:
    """Whether the value is another than the last one known; false for the first and for an unknown one."""
    return (pl.col(field) != pl.col(field).forward_fill().shift()).fill_null(False)
