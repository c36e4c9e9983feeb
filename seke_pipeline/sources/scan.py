"""One look at a source: its settings in, its images as rows out. Nothing is decoded, nothing is written."""

from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl

from seke_pipeline.sources.ask import Ask
from seke_pipeline.sources.errors import SourceError
from seke_pipeline.sources.files import Root, open_root
from seke_pipeline.sources.registry import READERS
from seke_pipeline.sources.rows import complete
from seke_pipeline.sources.s3 import S3Path
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
    root = open_root(settings.root)
    reader = READERS[settings.kind]
    licence = settings.licence or reader.licence
    with reading(settings.name, root):
        next(iter(root.iterdir()), None)
        # the reader's rows have no name here, so that they are let go as soon as they are completed
        return complete(reader.read(root, _ask(settings)), source=settings.name, licence=licence, split=settings.split)


def _ask(settings: SourceSettings) -> Ask:
    labels = None if settings.labels is None else open_root(settings.labels)
    return Ask(labels=labels, **settings.model_dump(include={"edition", "every_frame"}))


@contextmanager
def reading(source: str, root: Root) -> Iterator[None]:
    """The border of this room: what disk and store refuse is told with the cure.

    Raises:
        SourceError: an `OSError` was raised inside.
    """
    try:
        yield
    except OSError as error:
        raise SourceError(
            f"Source {source} cannot be read: {error.filename or root} ({error.strerror or error})",
            cure=_cure(source, root),
        ) from error


def _cure(name: str, root: Root) -> str:
    if isinstance(root, S3Path):
        return (
            f"set root of source {name} to a bucket and prefix that exist, and AWS_ACCESS_KEY_ID, "
            "AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL (if it is not Amazon's) to a user who may list and read it"
        )
    return f"set root of source {name} to a folder that exists, and let this user read all of it"
