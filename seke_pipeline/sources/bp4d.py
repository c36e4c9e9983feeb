"""BP4D: action units of 41 people in 8 tasks, coded frame by frame (domain.md 1.5).

    AUCoding/AU_OCC/F001_T1.csv   header "0,1,2,...": AU numbers; column 0: the frame; cells 0, 1, 9 = unknown
    F001/T1/2440.jpg              perhaps one folder deeper; padded with zeros (0643.jpg) or not (643.jpg)

There are no expressions and no valence-arousal: what a task was meant to elicit is not a label.
The split is by person.
"""

import logging
import re

import polars as pl

from seke_pipeline.emotion.labels import AU_FIELDS, AUS, au_field
from seke_pipeline.sources.ask import Ask
from seke_pipeline.sources.errors import SourceError
from seke_pipeline.sources.files import Root, what_lies_in
from seke_pipeline.sources.frame_files import DEPTH, FRAME, list_frames, place
from seke_pipeline.sources.label_file import read_cells, readable
from seke_pipeline.sources.rows import Reader, reason
from seke_pipeline.sources.sampling import EVERY_FRAME, sample

EDITION = "AU_OCC"
LABEL_FOLDERS = ("AUCoding/AU_OCC", "AU_OCC")
_LABEL_FILE = re.compile(r"([FM]\d{3})_(T\d+)\.csv", re.IGNORECASE)
_IMAGE = rf"{DEPTH}(?<subject>[FM]\d{{3}})/(?<task>T\d+){FRAME}"
_SEQUENCE = ["subject", "task"]
_log = logging.getLogger(__name__)


def read(root: Root, ask: Ask) -> pl.DataFrame:
    """List BP4D's coded frames.

    Args:
        root: the folder that holds `AUCoding` and, directly or one folder deeper, the subjects' folders.
        ask: which frames to keep, else every 10th and those where an action unit changes.

    Returns:
        path, edition, subject, video, frame, the AUs among the 17 that the files have, reason: one row per
        coded frame that is kept. One without an image has the reason `missing_file`; images without a code are
        not listed.

    Raises:
        SourceError: no label files, no images, or no readable line.
        OSError: a folder cannot be looked into.
    """
    labels = _labels_of(root)
    images = _images_of(root)
    kept = sample(labels, ask.every_frame or EVERY_FRAME, _SEQUENCE)
    video = pl.concat_str("subject", "task", separator="_")
    return place(kept, images, _SEQUENCE, ".jpg").with_columns(edition=pl.lit(EDITION), video=video).drop("task")


READER = Reader(
    licence="BP4D: licensed by Binghamton University; research only, no redistribution.",
    read=read,
    of_videos=True,
)


def _labels_of(root: Root) -> pl.DataFrame:
    """subject, task, frame, the AUs that were met, reason."""
    folder = _label_folder(root)
    files = sorted((file for file in folder.iterdir() if _LABEL_FILE.fullmatch(file.name)), key=lambda file: file.name)
    if not files:
        raise SourceError(
            f"BP4D's label folder has no file like F001_T1.csv; found {what_lies_in(folder)}",
            cure="unpack BP4D's AU_OCC files into it",
        )
    cells = pl.concat([_cells_of(file) for file in files], how="diagonal")
    frames = readable(cells, pl.col("frame").str.contains(r"^\d{1,18}$"), folder)
    return frames.select(
        *_SEQUENCE,
        pl.col("frame").cast(pl.Int64),
        *(_value(field) for field in _aus_of(frames)),
        reason=pl.when(pl.any_horizontal(_is_bad(field) for field in _aus_of(frames))).then(reason("bad_label")),
    )


def _label_folder(root: Root) -> Root:
    for folder in LABEL_FOLDERS:
        if (root / folder).is_dir():
            return root / folder
    raise SourceError(
        f"BP4D's label folder {LABEL_FOLDERS[0]} is not in {root}; found {what_lies_in(root)}",
        cure="set root to the folder that holds BP4D's AUCoding folder and its subjects' folders",
    )


def _cells_of(file: Root) -> pl.DataFrame:
    """The text of one label file; a file that is no table of AUs gives no rows and a line in the log."""
    try:
        cells = read_cells(file, quoted=False)
        columns = _au_columns(cells.columns, file)
    except SourceError as error:
        _log.warning("%s", error)
        return pl.DataFrame(schema=dict.fromkeys((*_SEQUENCE, "frame"), pl.String()))
    subject, _, task = file.stem.upper().partition("_")
    return cells.select(
        pl.lit(subject).alias("subject"),
        pl.lit(task).alias("task"),
        pl.nth(0).alias("frame"),
        # "" tells a cell that a cut line lacks from an AU that this file has no column for
        *(pl.col(name).fill_null("").alias(field) for field, name in columns.items()),
    )


def _au_columns(headers: list[str], file: Root) -> dict[str, str]:
    """Field → header of the AUs among the 17, found by number: the files' order is not ours."""
    numbers = {int(name): name for name in headers[1:] if name.isdecimal()}
    # a line of data taken for the header repeats its 0, 1 and 9, and polars renames repeated headers
    repeated = any("_duplicated_" in name for name in headers)
    if repeated or not numbers.keys() & set(AUS):
        raise SourceError(
            f"The first line of {file} is no header of AU numbers: {','.join(headers)[:80]}",
            cure="put back the file as BP4D ships it",
        )
    return {au_field(number): numbers[number] for number in AUS if number in numbers}


def _aus_of(frames: pl.DataFrame) -> list[str]:
    return [field for field in AU_FIELDS if field in frames.columns]


def _value(field: str) -> pl.Expr:
    return pl.col(field).replace_strict({"0": False, "1": True}, default=None, return_dtype=pl.Boolean)


def _is_bad(field: str) -> pl.Expr:
    return ~pl.col(field).is_in(["0", "1", "9"]).fill_null(True)


def _images_of(root: Root) -> pl.DataFrame:
    images = list_frames(root, _IMAGE, _SEQUENCE)
    if images.is_empty():
        raise SourceError(
            f"BP4D has no images like F001/T1/2440.jpg in {root}, nor one folder deeper; found {what_lies_in(root)}",
            cure="unpack BP4D's 2D images so that root or one folder in it holds F001, F002 and so on",
        )
    return images
