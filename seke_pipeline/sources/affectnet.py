"""AffectNet: expression and valence-arousal of photos from the web, in two editions (domain.md 1.3).

    training.csv, validation.csv               2017_csv; perhaps in Manually_annotated_file_lists/
    Manually_Annotated_Images/103/<hash>.jpg   whole photos; the csv says where the labelled face is

    train_set/images/123.jpg                   2021_npy; faces, cropped
    train_set/annotations/123_{exp,val,aro}.npy   one number each, mostly as text; val_set likewise

The split is the authors' own; validation is the test set everywhere. There are no subjects. Labels that no
human gave (Automatically_annotated) are not read.
"""

import io
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from types import MappingProxyType

import numpy as np
import polars as pl

from seke_pipeline.emotion.labels import Expression, Split
from seke_pipeline.sources.ask import Ask
from seke_pipeline.sources.errors import SourceError
from seke_pipeline.sources.files import Root, list_images, read_small_files, relative_paths, what_lies_in
from seke_pipeline.sources.label_file import read_cells, read_header, readable
from seke_pipeline.sources.rows import Reader, reason, with_file_reasons

CODES: Mapping[int, Expression | None] = MappingProxyType(
    {
        0: "neutral",
        1: "happiness",
        2: "sadness",
        3: "surprise",
        4: "fear",
        5: "disgust",
        6: "anger",
        7: "contempt",
        8: None,  # None: none of the eight
        9: None,  # Uncertain
        10: None,  # No-Face
    }
)
"""AffectNet's own coding; no other database counts this way."""

CSV, NPY = "2017_csv", "2021_npy"
EDITIONS = (CSV, NPY)
_UNKNOWN_VA = -2.0
_CSV_PLACES = ("", "Manually_annotated_file_lists/")
_CSV_SPLITS: Mapping[str, Split] = MappingProxyType({"training.csv": "train", "validation.csv": "test"})
_CSV_IMAGES = ("Manually_Annotated_Images", "Manually_Annotated/Manually_Annotated_Images", "Manually_Annotated")
_CSV_COLUMNS = ("subDirectory_filePath", "expression", "valence", "arousal")
_BOX = ("face_x", "face_y", "face_width", "face_height")
_NPY_SPLITS: Mapping[str, Split] = MappingProxyType({"train_set": "train", "val_set": "test"})
_NPY_FIELDS: Mapping[str, str] = MappingProxyType({"expression": "exp", "valence": "val", "arousal": "aro"})
_MAGIC = b"\x93NUMPY\x01\x00"
_ROWS_AT_ONCE = 65_536


def read(root: Root, ask: Ask) -> pl.DataFrame:
    """List AffectNet.

    Args:
        root: the folder that holds the csv files and `Manually_Annotated_Images`, or `train_set` and `val_set`.
        ask: the edition, if one is named.

    Returns:
        path, edition, split, expression, valence, arousal, reason: one row per image that has labels. The
        codes None, Uncertain and No-Face and the value -2 are unknown. A value that is none at all is null,
        with the reason `bad_label`. The 2017 edition also has box_left_px, box_top_px, box_right_px,
        box_bottom_px: where the labelled face is in the photo.

    Raises:
        SourceError: neither edition is found, or it has no images or no labels.
        OSError: a folder cannot be looked into.
    """
    lists = [f"{place}{name}" for place in _CSV_PLACES for name in _CSV_SPLITS if (root / f"{place}{name}").is_file()]
    if lists and ask.edition in (None, CSV):
        return _read_csv(root, lists)
    sets = [name for name in _NPY_SPLITS if (root / name / "annotations").is_dir()]
    if sets and ask.edition in (None, NPY):
        return pl.concat(_read_npy(root, name) for name in sets)
    raise SourceError(
        f"AffectNet has neither training.csv or validation.csv (2017_csv) nor train_set/annotations or "
        f"val_set/annotations (2021_npy) in {root}; found {what_lies_in(root)}",
        cure="set root to the folder that AffectNet was unpacked into, and edition to what lies there or auto",
    )


READER = Reader(
    licence="AffectNet: by agreement with its authors; non-commercial research only, no redistribution.",
    read=read,
    editions=EDITIONS,
    unread=("_lnd.npy",),
)


def _read_csv(root: Root, lists: Iterable[str]) -> pl.DataFrame:
    folder, present = _csv_images(root)
    rows = pl.concat(_listed(root / name, _CSV_SPLITS[name.rpartition("/")[2]], folder) for name in lists)
    placed = rows.with_columns(relative_paths(root, rows["path"]), edition=pl.lit(CSV))
    return with_file_reasons(placed, root, present)


def _csv_images(root: Root) -> tuple[str, pl.DataFrame]:
    for folder in _CSV_IMAGES:
        if (root / folder).is_dir():
            present = list_images(root, folder)
            if present.height:
                return folder, present
    raise SourceError(
        f"AffectNet has no images in {_CSV_IMAGES[0]} in {root}; found {what_lies_in(root)}",
        cure=f"unpack AffectNet's manually annotated images into {_CSV_IMAGES[0]}",
    )


def _listed(file: Root, split: Split, folder: str) -> pl.DataFrame:
    """The rows of one csv file that name an image."""
    box = [name for name in read_header(file, quoted=False) if name in _BOX]
    cells = read_cells(file, quoted=False, columns=(*_CSV_COLUMNS, *box))
    named = readable(cells, pl.col("subDirectory_filePath").str.contains(r"\.\w+$"), file).with_columns(
        pl.col("expression", "valence", "arousal").fill_null("")  # here an empty cell is a fault, not unknown
    )
    name = pl.col("subDirectory_filePath")
    path = pl.when(name.str.starts_with("/")).then(name).otherwise(pl.concat_str(pl.lit(f"{folder}/"), name))
    return named.select(path.alias("path"), *_labels(), *_box(cells.columns), split=pl.lit(split))


def _box(columns: list[str]) -> list[pl.Expr]:
    """The edges of the labelled face; null where the file says none or nonsense."""
    left, top, width, height = (
        pl.col(name).cast(pl.Float64, strict=False) if name in columns else pl.lit(None, dtype=pl.Float64())
        for name in _BOX
    )
    is_box = pl.all_horizontal(pl.all_horizontal(left, top) >= 0, width > 0, height > 0)
    edges = {"left": left, "top": top, "right": left + width, "bottom": top + height}
    return [pl.when(is_box).then(edge).alias(f"box_{name}_px") for name, edge in edges.items()]


def _read_npy(root: Root, folder: str) -> pl.DataFrame:
    """The rows of `train_set` or `val_set`."""
    images = list_images(root, f"{folder}/images") if (root / folder / "images").is_dir() else None
    if images is None or images.is_empty():
        raise SourceError(
            f"AffectNet has no images in {root / folder / 'images'}; found {what_lies_in(root / folder)}",
            cure=f"unpack AffectNet's images into {folder}/images, or remove {folder}",
        )
    present = images.with_columns(id=pl.col("path").str.extract(r"([^/]+)\.\w+$"))
    labelled = _labelled_ids(root / folder / "annotations")
    rows = labelled.join(present.select("id", "path"), on="id", how="left", maintain_order="left")
    expected = pl.concat_str(pl.lit(f"{folder}/images/"), "id", pl.lit(".jpg"))
    texts = _texts(root, folder, rows["id"])
    placed = rows.select(pl.coalesce("path", expected)).hstack(texts.select(*_labels()))
    said = placed.with_columns(edition=pl.lit(NPY), split=pl.lit(_NPY_SPLITS[folder]))
    return with_file_reasons(said, root, present.select("path", "reason"))


def _labelled_ids(annotations: Root) -> pl.DataFrame:
    """The id of every image that has a label, sorted: column id."""
    names = (entry.name for entry in annotations.iterdir())
    ids = (match[1] for match in map(re.compile(r"(.+)_(?:exp|val|aro)\.npy").fullmatch, names) if match)
    listed = pl.Series("id", ids, dtype=pl.String()).unique().sort().to_frame()
    if listed.is_empty():
        raise SourceError(
            f"AffectNet has no labels like 123_exp.npy; found {what_lies_in(annotations)}",
            cure="unpack AffectNet's annotations into it",
        )
    return listed


def _texts(root: Root, folder: str, ids: pl.Series) -> pl.DataFrame:
    """expression, valence, arousal as text; null where there is no file."""
    return pl.DataFrame(
        {
            field: _columnar(
                _text_of(content)
                for content in read_small_files(root, (f"{folder}/annotations/{id_}_{word}.npy" for id_ in ids))
            )
            for field, word in _NPY_FIELDS.items()
        }
    )


def _columnar(texts: Iterator[str | None]) -> pl.Series:
    """The texts as a column, a chunk at a time: 290,000 Python strings are not kept."""
    column = pl.Series([], dtype=pl.String())
    while chunk := list(islice(texts, _ROWS_AT_ONCE)):
        column.append(pl.Series(chunk, dtype=pl.String()))
    return column


def _text_of(content: bytes | None) -> str | None:
    """The one value of a npy file as text; "" when the file holds none. Pickles are not opened."""
    if content is None:
        return None
    length = int.from_bytes(content[8:10], "little")
    dtype = _dtype_of(content[: 10 + length])
    data = content[10 + length :]
    if dtype is None or dtype.itemsize == 0 or len(data) != dtype.itemsize:
        return ""
    return str(np.frombuffer(data, dtype)[0])


@lru_cache(maxsize=1024)
def _dtype_of(header: bytes) -> np.dtype[np.generic] | None:
    """The type of the value, text or number; all files of one type have one and the same header."""
    if not header.startswith(_MAGIC):
        return None
    try:
        dtype = np.lib.format.read_array_header_1_0(io.BytesIO(header[8:]))[2]
    except ValueError:
        return None
    return dtype if dtype.kind in "Uiuf" else None


def _labels() -> list[pl.Expr]:
    """expression, valence, arousal and reason from columns of text."""
    code = pl.col("expression").cast(pl.Float64, strict=False)  # "4" in some files, "4.0" in others
    known = dict(CODES)
    bad = [pl.col("expression").is_not_null() & ~code.is_in([float(one) for one in known]).fill_null(False)]
    values = [code.replace_strict(known, default=None, return_dtype=pl.String).alias("expression")]
    for name in ("valence", "arousal"):
        number = pl.col(name).cast(pl.Float64, strict=False)
        inside = number.is_between(-1, 1)
        values.append(pl.when(inside).then(number).alias(name))
        bad.append(pl.col(name).is_not_null() & ~(inside | (number == _UNKNOWN_VA)).fill_null(False))
    return [*values, pl.when(pl.any_horizontal(bad)).then(reason("bad_label")).alias("reason")]
