"""A folder of one's own photos, with or without a table of partial labels.

The table (CSV or Parquet) has a column `path`, relative to the root, and any of: `expression` (a word),
`valence`, `arousal` (-1…1), `au01` or `AU1` and so on (0 or 1), `subject`, `split`. An empty cell is unknown,
never 0.
"""

import logging
import re
from collections.abc import Mapping
from types import MappingProxyType

import polars as pl

from seke_pipeline.emotion.labels import AU_FIELDS, EXPRESSIONS, FIELDS, Expression, Split, au_field
from seke_pipeline.sources.ask import Ask
from seke_pipeline.sources.errors import SourceError
from seke_pipeline.sources.files import Root, list_images, relative_paths, what_lies_in
from seke_pipeline.sources.label_file import read_cells, read_header, readable
from seke_pipeline.sources.rows import Reader, reason, with_file_reasons

WORDS: Mapping[str, Expression] = MappingProxyType(
    {
        **{word: word for word in EXPRESSIONS},
        "happy": "happiness",
        "joy": "happiness",
        "sad": "sadness",
        "surprised": "surprise",
        "fearful": "fear",
        "afraid": "fear",
        "disgusted": "disgust",
        "angry": "anger",
        "contemptuous": "contempt",
    }
)
"""Words for expressions. Numbers are none: every database counts differently (domain.md 1.0)."""

FLAGS: Mapping[str, bool] = MappingProxyType(
    {"0": False, "0.0": False, "false": False, "1": True, "1.0": True, "true": True}
)
SPLIT_WORDS: Mapping[str, Split] = MappingProxyType(
    {
        "train": "train",
        "training": "train",
        "test": "test",
        "testing": "test",
        "val": "test",
        "validation": "test",
    }
)
"""Validation images are kept for asking, like AffectNet's: nothing that was held out is taught."""

UNKNOWN = ("null", "nan", "na", "n/a")
_OTHER_COLUMNS = ("path", "subject", "split")
_log = logging.getLogger(__name__)


def read(root: Root, ask: Ask) -> pl.DataFrame:
    """List a folder's images, with their labels if there are any.

    An image of which nobody said anything, neither a value nor who it is, has nothing that a benchmark could
    hold against a model: it goes to train. The others are split by person, or by path where none is named.

    Args:
        root: the folder; all folders in it are searched.
        ask: `labels` is the table of partial labels, if there is one.

    Returns:
        path, edition, split (null: by hash), reason, and the columns of the table among subject and the 20
        fields. Values out of their range and unknown words are null, with the reason `bad_label`.

    Raises:
        SourceError: no images, or a table without paths.
        OSError: a folder cannot be looked into.
    """
    present = list_images(root)
    if present.is_empty():
        raise SourceError(
            f"There are no images in {root}; found {what_lies_in(root)}",
            cure="put .jpg, .png, .webp, .bmp or .tif files into it, or set root to the folder that has them",
        )
    if ask.labels is None:
        return present.with_columns(edition=pl.lit("folder"), split=pl.lit("train"))
    listed = with_file_reasons(_labelled(root, ask.labels), root, present)
    unlisted = present.join(listed, on="path", how="anti")
    rows = pl.concat([listed, unlisted], how="diagonal").with_columns(edition=pl.lit("folder with labels"))
    said = [pl.col(name).is_not_null() for name in rows.columns if name in ("subject", *FIELDS)]
    nothing_said = ~pl.any_horizontal(pl.lit(False), *said)
    train = pl.when(nothing_said).then(pl.lit("train"))
    return rows.with_columns(split=pl.coalesce("split", train) if "split" in rows.columns else train)


READER = Reader(licence="the user's own; not stated", read=read, takes_labels=True)


def _labelled(root: Root, file: Root) -> pl.DataFrame:
    """The table as path, reason, and the columns it has."""
    if not file.is_file():
        raise SourceError(
            f"There is no label file {file}; found {what_lies_in(file.parent)}",
            cure="set labels to a .csv or .parquet file, or remove the key",
        )
    columns = _columns(read_header(file), file)
    cells = read_cells(file, columns=columns.values())
    table = readable(cells.select(**columns), pl.col("path").is_not_null(), file)
    known = table.with_columns(_known(name) for name in columns if name != "path")
    values = {name: _value(name) for name in columns if name in ("split", *FIELDS)}
    bad = pl.any_horizontal(
        pl.lit(False), *(pl.col(name).is_not_null() & value.is_null() for name, value in values.items())
    )
    return known.with_columns(
        relative_paths(root, known["path"]), reason=pl.when(bad).then(reason("bad_label")), **values
    )


def _columns(headers: list[str], file: Root) -> dict[str, str]:
    """Our name → the table's, for the columns we know."""
    columns: dict[str, str] = {}
    for header in headers:
        name = _our_name(header)
        if name in columns:
            raise SourceError(
                f"Columns {columns[name]} and {header} of {file} are the same field",
                cure="remove one of them",
            )
        if name in (*_OTHER_COLUMNS, *FIELDS):
            columns[name] = header
    if "path" not in columns:
        raise SourceError(
            f"{file} has no column path; found {', '.join(headers)}",
            cure="name the column with the images' paths 'path', and separate columns with commas",
        )
    unused = sorted(set(headers) - set(columns.values()))
    if unused:
        _log.warning("columns of %s that mean nothing here: %s", file, ", ".join(unused))
    return columns


def _our_name(header: str) -> str:
    """`AU4`, `au_04` → `au04`; other headers in lower case."""
    name = header.strip().lower()
    number = re.fullmatch(r"au_?(\d+)", name)
    return au_field(int(number[1])) if number else name


def _known(name: str) -> pl.Expr:
    unknown = pl.col(name).str.to_lowercase().is_in(UNKNOWN)
    return pl.when(~unknown).then(name).alias(name)


def _value(name: str) -> pl.Expr:
    """The value of a cell; null when it is none."""
    cell = pl.col(name).str.to_lowercase()
    if name in AU_FIELDS:
        return cell.replace_strict(dict(FLAGS), default=None, return_dtype=pl.Boolean)
    if name in ("expression", "split"):
        words = WORDS if name == "expression" else SPLIT_WORDS
        return cell.replace_strict(dict(words), default=None, return_dtype=pl.String)
    number = cell.cast(pl.Float64, strict=False)
    return pl.when(number.is_between(-1, 1)).then(number)
