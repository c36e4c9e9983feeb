"""Aff-Wild2's label files as labels: what each line says, in what code (domain.md 1.6).

Where the files lie, and which image a line is about, is `affwild2.py`'s business.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

import polars as pl

from seke_pipeline.emotion.labels import AU_FIELDS, FIELDS, Expression, au_field
from seke_pipeline.sources.errors import SourceError
from seke_pipeline.sources.files import Root, on_disk
from seke_pipeline.sources.label_file import read_lines, readable
from seke_pipeline.sources.rows import reason

CODES: Mapping[int, Expression | None] = MappingProxyType(
    {
        0: "neutral",
        1: "anger",
        2: "disgust",
        3: "fear",
        4: "happiness",
        5: "sadness",
        6: "surprise",
        7: None,  # Other: a coder's word, but none of ours
    }
)
"""Aff-Wild2's own coding; no other database counts this way."""

MAX_VIDEO_BYTES = 32 * 2**20
"""Of one video's label file: the longest of Aff-Wild2 have 1 MB."""

_UNKNOWN, _UNKNOWN_VA = -1, -5
_WORDS = ["neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise"]  # ABAW1 had no Other
_MULTI_TASK = ["image", "valence", "arousal", "expression"]
_MULTI_TASK_AUS = [au_field(number) for number in (1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26)]


def read_video(file: Root) -> pl.DataFrame:
    """The labels of one video in one challenge, as text.

    Args:
        file: a header, then a line for every frame: a blank one is a frame too.

    Returns:
        Columns among the 20 fields, one row per frame from the first; null where the line is blank.

    Raises:
        SourceError: the header is that of no challenge, or the file is too large.
    """
    with on_disk(file) as path, path.open("rb") as content:
        text = content.read(MAX_VIDEO_BYTES + 1)
    if len(text) > MAX_VIDEO_BYTES:
        raise _not_shipped(file, f"is above {MAX_VIDEO_BYTES:,} bytes")
    lines = pl.Series("line", [text.decode("utf-8-sig", "replace")]).str.split("\n").explode().str.strip_chars()
    fields = _fields_of_header(lines[0].lower().replace(" ", "").split(","))
    if not fields:
        raise _not_shipped(file, f"begins with {lines[0][:80]!r} and not with a challenge's header")
    return _cells(lines[1 : -1 if lines[-1] == "" else None], fields)


def read_multi_task(file: Root) -> pl.DataFrame:
    """The labels of the multi-task challenge, as text.

    Args:
        file: `training_set_annotations.txt` or `validation_set_annotations.txt`. Its header ends with `aus`, or
            with the names of the 12; its lines have a cell for each.

    Returns:
        image (as the file has it: `video59/00001.jpg`) and columns among the 20 fields.

    Raises:
        SourceError: it cannot be read, or its header is another.
    """
    lines = read_lines(file)["line"]
    header = lines[0].lower().replace(" ", "").split(",")
    aus = _MULTI_TASK_AUS if header[4:] == ["aus"] else _au_fields(header[4:])
    if header[:4] != _MULTI_TASK or not aus:
        raise _not_shipped(file, f"begins with {lines[0][:80]!r} and not with '{','.join(_MULTI_TASK)},aus'")
    cells = _cells(lines[1:], [*_MULTI_TASK, *aus])
    return readable(cells, pl.col("image").str.contains(r"/\d{1,18}\.\w+$"), file)


def labels_of(columns: list[str]) -> list[pl.Expr]:
    """The values that text columns stand for.

    Args:
        columns: of a table of text; those that are no fields are left alone.

    Returns:
        The fields; reason, `bad_label` where a cell is no value; and is_coded, whether a coder gave any value.
    """
    fields = [name for name in FIELDS if name in columns]
    values = [_value(name).alias(name) for name in fields]
    bad = pl.any_horizontal(pl.lit(False), *(_is_bad(name) for name in fields))
    coded = pl.any_horizontal(bad, *(_is_coded(name) for name in fields))
    return [*values, pl.when(bad).then(reason("bad_label")).alias("reason"), coded.alias("is_coded")]


def _fields_of_header(names: list[str]) -> list[str]:
    if names == ["valence", "arousal"]:
        return names
    if names[:7] == _WORDS:
        return ["expression"]
    return _au_fields(names)


def _au_fields(names: list[str]) -> list[str]:
    """`au1`, `au12` → `au01`, `au12`; none unless all are action units."""
    numbers = [int(match[1]) for name in names if (match := re.fullmatch(r"au(\d{1,2})", name))]
    return [au_field(number) for number in numbers] if len(set(numbers)) == len(names) else []


def _cells(lines: pl.Series, fields: list[str]) -> pl.DataFrame:
    """One column of text for each field; a cell that a cut line lacks is "", of a blank line all are null."""
    cells = lines.str.split(",").alias("cells").to_frame()
    blank = (pl.col("cells").list.len() == 1) & (pl.col("cells").list.first() == "")
    return cells.select(
        pl.when(~blank)
        .then(pl.col("cells").list.get(place, null_on_oob=True).fill_null("").str.strip_chars())
        .alias(field)
        for place, field in enumerate(fields)
    )


def _number(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Float64, strict=False)


def _is_unknown(name: str) -> pl.Expr:
    """Whether a coder gave no value; of valence and arousal -5 in one is -5 in both."""
    if name in ("valence", "arousal"):
        return pl.any_horizontal(_number(one) == _UNKNOWN_VA for one in ("valence", "arousal")).fill_null(False)
    return (_number(name) == _UNKNOWN).fill_null(False)


def _is_coded(name: str) -> pl.Expr:
    number = _number(name)
    if name in ("valence", "arousal"):
        inside = number.is_between(-1, 1)
    else:
        inside = number.is_in([0.0, 1.0] if name in AU_FIELDS else [float(code) for code in CODES])
    return inside.fill_null(False) & ~_is_unknown(name)


def _is_bad(name: str) -> pl.Expr:
    return pl.col(name).is_not_null() & ~_is_coded(name) & ~_is_unknown(name)


def _value(name: str) -> pl.Expr:
    number = _number(name)
    if name == "expression":
        return number.replace_strict(dict(CODES), default=None, return_dtype=pl.String)
    return pl.when(_is_coded(name)).then(number == 1 if name in AU_FIELDS else number)


def _not_shipped(file: Root, why: str) -> SourceError:
    return SourceError(f"The label file {file} {why}", cure="put back the file as Aff-Wild2 ships it")
