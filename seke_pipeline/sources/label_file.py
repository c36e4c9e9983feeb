"""Label files as text: every cell is a string, so that no type is guessed and no integer slips through.

Line ends of all kinds, a byte order mark, blank lines and bytes that are not UTF-8 are met here, once.
"""

import logging
from pathlib import Path

import polars as pl
from polars import selectors as cs

from seke_pipeline.sources.errors import SourceError

_CELLS = cs.all() - cs.nested() - cs.binary()
"""What can be text: a Parquet file may carry the images themselves, and they are not loaded."""

_log = logging.getLogger(__name__)


def read_lines(file: Path) -> pl.DataFrame:
    """The lines of a text file that are not blank, stripped.

    Returns:
        One column, line.

    Raises:
        SourceError: the file cannot be read or holds nothing.
    """
    lines = _read(file, has_header=False, separator="\x01", quoted=False)
    return lines.select(line=pl.first()).drop_nulls()


def read_cells(file: Path, *, quoted: bool = True) -> pl.DataFrame:
    """A CSV or Parquet file with a header; cells are stripped text, an empty cell is null.

    Args:
        file: `.parquet` is read as Parquet, all else as CSV.
        quoted: whether a CSV cell may stand in double quotes.

    Returns:
        The file's columns as strings, those of nested or binary type left out, and rows without any value.

    Raises:
        SourceError: the file cannot be read.
    """
    cells = _read(file, has_header=True, separator=",", quoted=quoted)
    return cells.filter(pl.any_horizontal(pl.all().is_not_null()))


def readable(rows: pl.DataFrame, names_an_image: pl.Expr, file: Path) -> pl.DataFrame:
    """The rows that name an image; the others are counted in the log.

    Raises:
        SourceError: no row names one.
    """
    test = names_an_image.fill_null(False)
    kept, dropped = rows.filter(test), rows.filter(~test)
    if dropped.height:
        first = " ".join(str(cell) for cell in dropped.row(0) if cell is not None)[:80]
        _log.warning("%d of %d lines of %s name no image, first %r", dropped.height, rows.height, file, first)
    if kept.is_empty():
        raise SourceError(
            f"None of the {rows.height} lines of {file} names an image",
            cure="put back the label file as the database ships it (README.md, 'Sources', shows a line)",
        )
    return kept


def _read(file: Path, *, has_header: bool, separator: str, quoted: bool) -> pl.DataFrame:
    try:
        if file.suffix.lower() == ".parquet":
            raw = pl.scan_parquet(file, glob=False).select(_CELLS).collect()
        else:
            raw = pl.read_csv(
                file,
                has_header=has_header,
                separator=separator,
                quote_char='"' if quoted else None,
                infer_schema=False,
                encoding="utf8-lossy",
                truncate_ragged_lines=True,
                glob=False,
            )
        return raw.select(_text(pl.all())).rename(str.strip)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SourceError(
            f"The label file {file} cannot be read: {str(error).splitlines()[0]}",
            cure="check that it is whole and that this user may read it",
        ) from error


def _text(cell: pl.Expr) -> pl.Expr:
    """As stripped text; nothing left is null."""
    text = cell.cast(pl.String).str.strip_chars()
    return pl.when(text != "").then(text)
