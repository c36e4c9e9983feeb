"""Label files as text: every cell is a string, so that no type is guessed and no integer slips through.

Line ends of both kinds, a byte order mark, blank lines and bytes that are not UTF-8 are met here, once; and so
is what no database ships, so that a hostile or broken file costs an error and not the machine's memory.
"""

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
from polars import selectors as cs

from seke_pipeline.sources.errors import SourceError
from seke_pipeline.sources.files import Root, on_disk

MAX_LINES = 2_500_000
"""AffectNet, the longest, has 415,000; each costs up to 400 bytes of memory until it is a row."""
MAX_COLUMNS = 1_000
MAX_CELL_BYTES = 4_096
"""As long as a path may be; a longer cell is taken for unknown."""
BLOCK_BYTES = 65_536
"""A whole block without a line's end is no list of labels; AffectNet's lines have 1,500 bytes."""

_CELLS = cs.all() - cs.nested() - cs.binary()
"""What can be text: a Parquet file may carry the images themselves, and they are not loaded."""
_PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")

_log = logging.getLogger(__name__)


def read_lines(file: Root) -> pl.DataFrame:
    """The lines of a text file that are not blank, stripped.

    Returns:
        One column, line.

    Raises:
        SourceError: the file cannot be read, holds nothing, or is no list of labels (see `read_cells`).
    """
    with _scanned(file, has_header=False, separator="\x01", quoted=False) as lines:
        return _texts(lines.select(line=pl.first())).collect(engine="streaming")


def read_cells(file: Root, *, quoted: bool = True, columns: Collection[str] | None = None) -> pl.DataFrame:
    """A CSV or Parquet file with a header; cells are stripped text, an empty or endless cell is null.

    Args:
        file: `.parquet` is read as Parquet, all else as CSV.
        quoted: whether a CSV cell may stand in double quotes.
        columns: the columns that are wanted; the others cost nothing. None: all.

    Returns:
        The file's columns as strings, those of nested or binary type left out, and rows without any value.

    Raises:
        SourceError: the file cannot be read, lacks a column that is wanted, is packed, or has more than
            `MAX_LINES` lines or `MAX_COLUMNS` columns or a line beyond `BLOCK_BYTES`.
    """
    with _scanned(file, has_header=True, separator=",", quoted=quoted) as cells:
        names = _names(cells)
        if absent := sorted(set(columns or ()) - set(names)):
            raise SourceError(
                f"{file} has no column {', '.join(absent)}; found {', '.join(names)}",
                cure="put back the label file as the database ships it",
            )
        wanted = [pl.col(raw).alias(name) for name, raw in names.items() if columns is None or name in columns]
        return _texts(cells.select(wanted)).collect(engine="streaming")


def read_header(file: Root, *, quoted: bool = True) -> list[str]:
    """The names of the columns that `read_cells` gives.

    Raises:
        SourceError: as `read_cells`.
    """
    with _scanned(file, has_header=True, separator=",", quoted=quoted) as cells:
        return list(_names(cells))


def readable(rows: pl.DataFrame, names_an_image: pl.Expr, file: Root) -> pl.DataFrame:
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


@contextmanager
def _scanned(file: Root, *, has_header: bool, separator: str, quoted: bool) -> Iterator[pl.LazyFrame]:
    """The file's columns as they stand, not yet read; what reading them raises is told as the file's fault."""
    try:
        with on_disk(file) as path:
            _refuse_if(path.exists() and not path.is_file(), file, "is no regular file")
            if path.suffix.lower() == ".parquet":
                yield _parquet(path, file)
                return
            _check_lines(path, file)
            yield pl.scan_csv(
                path,
                has_header=has_header,
                separator=separator,
                quote_char='"' if quoted else None,
                infer_schema=False,
                encoding="utf8-lossy",
                truncate_ragged_lines=True,
                glob=False,
            )
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SourceError(
            f"The label file {file} cannot be read: {str(error).splitlines()[0]}",
            cure="check that it is whole and that this user may read it",
        ) from error


def _parquet(path: Path, file: Root) -> pl.LazyFrame:
    cells = pl.scan_parquet(path, glob=False)
    _refuse_if(cells.select(pl.len()).collect().item() > MAX_LINES, file, f"has more than {MAX_LINES:,} rows")
    return cells.select(_CELLS)


def _check_lines(path: Path, file: Root) -> None:
    """Refuse what no database ships, by one pass over the bytes in constant memory.

    Raises:
        SourceError: the file is packed, has too many lines or columns, or a line without end.
    """
    lines = 0
    with path.open("rb") as content:
        head = content.readline(BLOCK_BYTES)
        _refuse_if(head.startswith(_PACKED), file, "is packed (gzip or zstd)")
        _refuse_if(head.count(b",") >= MAX_COLUMNS, file, f"has more than {MAX_COLUMNS:,} columns")
        _refuse_if(len(head) == BLOCK_BYTES, file, f"has a line of more than {BLOCK_BYTES:,} bytes")
        while block := content.read(BLOCK_BYTES):
            ends = block.count(b"\n")
            lines += ends
            _refuse_if(not ends and len(block) == BLOCK_BYTES, file, f"has a line of more than {BLOCK_BYTES:,} bytes")
            _refuse_if(lines > MAX_LINES, file, f"has more than {MAX_LINES:,} lines")


def _refuse_if(bad: bool, file: Root, why: str) -> None:
    if bad:
        raise SourceError(
            f"The label file {file} {why}",
            cure="put back the label file as the database ships it, unpacked; a longer list of your own goes into "
            "several sources",
        )


def _names(cells: pl.LazyFrame) -> dict[str, str]:
    """Stripped → raw name of the columns.

    Raises:
        polars.exceptions.DuplicateError: two are the same.
    """
    raw = cells.collect_schema().names()
    names = {name.strip(): name for name in raw}
    if len(names) < len(raw):
        raise pl.exceptions.DuplicateError(f"two columns have one name among {', '.join(raw)}"[:200])
    return names


def _texts(cells: pl.LazyFrame) -> pl.LazyFrame:
    """As stripped text; nothing left is null, and a row of nulls goes."""
    text = pl.all().cast(pl.String).str.strip_chars()
    kept = cells.select(pl.when((text != "") & (text.str.len_bytes() <= MAX_CELL_BYTES)).then(text))
    return kept.filter(pl.any_horizontal(pl.all().is_not_null()))
