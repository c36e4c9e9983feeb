"""RAF-DB basic: one of seven expressions for each of 15,339 photos from the web (domain.md 1.2).

    basic/EmoLabel/list_patition_label.txt        "train_00001.jpg 5" (spelled so by its authors)
    basic/Image/original/train_00001.jpg          preferred: the detector wants the room around the face
    basic/Image/aligned/train_00001_aligned.jpg   else; numbers have 5 digits in train, 4 in test

The split is the authors' own, in the name's prefix. There are no subjects: who is in two photos is not known.
"""

import posixpath
from collections.abc import Mapping
from types import MappingProxyType

import polars as pl

from seke_pipeline.emotion.labels import Expression
from seke_pipeline.sources.ask import Ask
from seke_pipeline.sources.errors import SourceError
from seke_pipeline.sources.files import Root, list_images, relative_paths, what_lies_in
from seke_pipeline.sources.label_file import read_lines, readable
from seke_pipeline.sources.rows import Reader, reason, with_file_reasons

LABEL_FILE = "EmoLabel/list_patition_label.txt"
CODES: Mapping[str, Expression] = MappingProxyType(
    {
        "1": "surprise",
        "2": "fear",
        "3": "disgust",
        "4": "happiness",
        "5": "sadness",
        "6": "anger",
        "7": "neutral",
    }
)
"""RAF-DB's own coding; no other database counts this way."""

_LINE = r"(?i)^(?P<name>(?:\S*[/\\])?(?P<split>train|test)_[^\s/\\]*\.\w+)(?:\s+(?P<code>.*))?$"


def read(root: Root, _ask: Ask) -> pl.DataFrame:
    """List RAF-DB.

    Args:
        root: the folder that holds `basic`, or `basic` itself.

    Returns:
        path, edition, split, expression, reason: one row per line of the label file that names an image.

    Raises:
        SourceError: no label file, no images, or no line that names an image.
        OSError: a folder cannot be looked into.
    """
    base = _base(root)
    folder, present = _images(root, base)
    rows = _rows(root / base / LABEL_FILE, f"{base}{folder}")
    placed = rows.with_columns(
        relative_paths(root, rows["path"]), edition=pl.lit(f"basic, {posixpath.basename(folder)}")
    )
    return with_file_reasons(placed, root, present)


READER = Reader(licence="RAF-DB: non-commercial research only.", read=read)


def _base(root: Root) -> str:
    """Where the database begins below the root: `basic/`, or nothing."""
    for base in ("basic/", ""):
        if (root / base / LABEL_FILE).is_file():
            return base
    raise SourceError(
        f"RAF-DB's label file basic/{LABEL_FILE} is not in {root}; found {what_lies_in(root)}",
        cure="set root to the folder that holds RAF-DB's folder 'basic', with EmoLabel unpacked in it",
    )


def _images(root: Root, base: str) -> tuple[str, pl.DataFrame]:
    """The folder of images to use, and what lies in it."""
    for folder in ("Image/original", "Image/aligned"):
        if (root / base / folder).is_dir():
            present = list_images(root, f"{base}{folder}")
            if present.height:
                return folder, present
    raise SourceError(
        f"RAF-DB has no images in {base}Image/original or {base}Image/aligned; found "
        + what_lies_in(root / base / "Image"),
        cure="unpack RAF-DB's original.zip or aligned.zip into basic/Image",
    )


def _rows(file: Root, folder: str) -> pl.DataFrame:
    """The label file's lines as path, split, expression, reason."""
    lines = readable(read_lines(file), pl.col("line").str.contains(_LINE), file)
    parts = lines.select(pl.col("line").str.extract_groups(_LINE)).unnest("line")
    expression = pl.col("code").replace_strict(dict(CODES), default=None, return_dtype=pl.String)
    return parts.select(
        _path(folder),
        pl.col("split").str.to_lowercase(),
        expression=expression,
        reason=pl.when(expression.is_null()).then(reason("bad_label")),
    )


def _path(folder: str) -> pl.Expr:
    name = pl.col("name")
    if folder.endswith("aligned"):
        name = name.str.replace(r"\.\w+$", "_aligned.jpg")
    inside = pl.concat_str(pl.lit(f"{folder}/"), name)
    return pl.when(name.str.starts_with("/")).then(name).otherwise(inside).alias("path")
