"""An export: the records in every format, beside the crops they speak of.

The crops are copies in the user's own lake, because a trainer reads files; the sources' images are not copied.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import polars as pl

from seke_pipeline.exports.llava import llava

FORMATS: Mapping[str, Callable[[pl.DataFrame], str]] = MappingProxyType({"llava.json": llava})
"""File name → how the records are written."""


def write_export(
    folder: Path, records: pl.DataFrame, crops: Iterable[tuple[str, bytes]], put: Callable[[Path, bytes], None]
) -> list[Path]:
    """Write the crops, then the records: a reader that finds the records finds their images.

    A crop that stands there with the same bytes is not written again.

    Args:
        folder: where the export stands; images go to `images/` in it.
        records: the records table.
        crops: relative image path and JPEG bytes of each face.
        put: writes one file whole.

    Returns:
        The record files.

    Raises:
        ValueError: a record names an image that is not among the crops; then no records are written.
    """
    lost = set(records["image"])
    for path, crop in crops:
        _put_if_changed(folder / "images" / path, crop, put)
        lost.discard(path)
    if lost:
        raise ValueError(f"{len(lost)} records name images that are not exported, the first {min(lost)}")
    for name, compose in FORMATS.items():
        put(folder / name, compose(records).encode())
    return [folder / name for name in FORMATS]


def _put_if_changed(path: Path, body: bytes, put: Callable[[Path, bytes], None]) -> None:
    if not path.is_file() or path.read_bytes() != body:
        put(path, body)
