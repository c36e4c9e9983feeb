"""Whether a source may have changed since the last look: told from names, sizes and times, nothing is read.

An image counts by its name: what it shows is not listed, so a picture that was replaced in place is no change
here. All other files (label files, videos) count by size and time of change, or in S3 by the store's hash.
"""

from collections.abc import Iterator
from hashlib import blake2b

from seke_pipeline.sources import disk
from seke_pipeline.sources.files import Root, open_root
from seke_pipeline.sources.registry import READERS
from seke_pipeline.sources.s3 import S3Path
from seke_pipeline.sources.scan import reading
from seke_pipeline.sources.settings import SourceSettings

LOOK = "2"
"""Raised when readers give other rows for the same files, so that every source is scanned anew."""


def fingerprint(settings: SourceSettings) -> str:
    """Sum up all that `scan` depends on, by one walk over the root.

    Take it before `scan`: a file that changes in between then makes the next one differ.

    Args:
        settings: the source.

    Returns:
        32 hexadecimal digits; the same as before when `scan` would give the same rows.

    Raises:
        SourceError: the root cannot be read.
    """
    root = open_root(settings.root)
    digest = blake2b(f"{LOOK}\0{settings.model_dump_json()}".encode(), digest_size=16)
    with reading(settings.name, root):
        for mark in _marks(root, READERS[settings.kind].unread):
            digest.update(mark.encode("utf-8", "surrogateescape") + b"\0\0")
        if settings.labels is not None:
            digest.update(_mark_of(open_root(settings.labels)).encode())
    return digest.hexdigest()


def _marks(root: Root, unread: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(root, S3Path):
        return disk.marks(root, unread)
    return (found.path if disk.is_image(found.path) else found.mark for found in root.objects())


def _mark_of(file: Root) -> str:
    if not isinstance(file, S3Path):
        return disk.mark_of(file)
    try:
        return file.stat().mark
    except FileNotFoundError:
        return "missing"
