"""One look at a source: its settings in, its images as rows out. Nothing is decoded, nothing is written."""

import os

import polars as pl

from seke_pipeline.sources.errors import SourceError
from seke_pipeline.sources.registry import READERS
from seke_pipeline.sources.rows import complete
from seke_pipeline.sources.settings import SourceSettings


def scan(settings: SourceSettings) -> pl.DataFrame:
    """List the images of a source, with what its coders said of them.

    Args:
        settings: the source.

    Returns:
        The columns of `IMAGES` without `shard`, one row per image, sorted by path; an image that is listed
        but cannot be used has a reason.

    Raises:
        SourceError: the root cannot be read, is not laid out as the kind is, or holds no images.
    """
    root = settings.root.absolute()
    reader = READERS[settings.kind]
    try:
        os.scandir(root).close()
        rows = reader.read(root, settings.labels)
    except OSError as error:
        raise SourceError(
            f"Source {settings.name} cannot be read: {error.filename or root} ({error.strerror})",
            cure=f"set root of source {settings.name} to a folder that exists, and let this user read all of it",
        ) from error
    return complete(rows, source=settings.name, licence=settings.licence or reader.licence, split=settings.split)
