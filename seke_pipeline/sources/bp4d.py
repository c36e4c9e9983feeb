"""BP4D: action units of 41 people in 8 tasks, coded frame by frame (domain.md 1.5).

    AUCoding/AU_OCC/F001_T1.csv   header "0,1,2,...": AU numbers; column 0: the frame; cells 0, 1, 9 = unknown
    AUCoding/AU_INT/AU06/F001_T1_AU06.csv   "2440,3": frame and intensity 0 to 5, 9 = unknown; five AUs, if at all
    F001/T1/2440.jpg              perhaps one folder deeper; padded with zeros (0643.jpg) or not (643.jpg)

Whether an action unit is active is AU_OCC's to say, whatever its intensity. There are no expressions and no
valence-arousal: what a task was meant to elicit is not a label. The split is by person.
"""

import logging
import re

import polars as pl

from seke_pipeline.emotion.labels import AU_FIELDS, AUS, au_field, intensity_field
from seke_pipeline.sources.ask import Ask
from seke_pipeline.sources.errors import SourceError
from seke_pipeline.sources.files import Root, read_small_files, what_lies_in
from seke_pipeline.sources.frame_files import DEPTH, FRAME, list_frames, place
from seke_pipeline.sources.label_file import read_cells, readable
from seke_pipeline.sources.rows import Reader, reason
from seke_pipeline.sources.sampling import EVERY_FRAME, sample

EDITION = "AU_OCC"
LABEL_FOLDERS = ("AUCoding/AU_OCC", "AU_OCC")
INTENSITY_AUS = (6, 10, 12, 14, 17)
"""The action units whose intensity BP4D's coders graded."""
_LABEL_FILE = re.compile(r"([FM]\d{3})_(T\d+)\.csv", re.IGNORECASE)
_INTENSITY_FILE = r"[FM]\d{3}_T\d+_AU\d{2}\.csv"
_INTENSITY_PATH = r"(?<subject>[FM]\d{3})_(?<task>T\d+)_AU(?<au>\d{2})\.CSV$"
_INTENSITY_LINE = r"^(?<frame>\d{1,18})\s*,\s*(?<intensity>\S*)$"
_UNKNOWN = "9"
_IMAGE = rf"{DEPTH}(?<subject>[FM]\d{{3}})/(?<task>T\d+){FRAME}"
_SEQUENCE = ["subject", "task"]
_log = logging.getLogger(__name__)


def read(root: Root, ask: Ask) -> pl.DataFrame:
    """List BP4D's coded frames.

    Args:
        root: the folder that holds `AUCoding` and, directly or one folder deeper, the subjects' folders.
        ask: which frames to keep, else every 10th and those where an action unit changes.

    Returns:
        path, edition, subject, video, frame, the AUs among the 17 that the files have, intensities if there are
        any, reason: one row per coded frame that is kept. One without an image has the reason `missing_file`;
        images without a code are not listed.

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
    """subject, task, frame, the AUs and intensities that were met, reason."""
    folder = _label_folder(root)
    files = sorted((file for file in folder.iterdir() if _LABEL_FILE.fullmatch(file.name)), key=lambda file: file.name)
    if not files:
        raise SourceError(
            f"BP4D's label folder has no file like F001_T1.csv; found {what_lies_in(folder)}",
            cure="unpack BP4D's AU_OCC files into it",
        )
    cells = pl.concat([_cells_of(file) for file in files], how="diagonal")
    frames = readable(cells, pl.col("frame").str.contains(r"^\d{1,18}$"), folder)
    coded = frames.select(
        *_SEQUENCE,
        pl.col("frame").cast(pl.Int64),
        *(_value(field) for field in _aus_of(frames)),
        reason=pl.when(pl.any_horizontal(_is_bad(field) for field in _aus_of(frames))).then(reason("bad_label")),
    )
    return _with_intensities(coded, folder.parent / "AU_INT")


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


def _with_intensities(coded: pl.DataFrame, folder: Root) -> pl.DataFrame:
    """The coded frames with the intensities that the folder has for them; it need not be there."""
    lines = _intensity_lines(folder)
    if lines.is_empty():
        return coded
    try:
        lines = readable(lines, pl.col("line").str.contains(_INTENSITY_LINE), folder)
    except SourceError as error:
        _log.warning("%s", error)
        return coded
    place = [*_SEQUENCE, "frame"]
    cells = (
        lines.with_columns(pl.col("line").str.extract_groups(_INTENSITY_LINE).struct.unnest())
        .with_columns(pl.col("frame").cast(pl.Int64))
        .unique([*place, "field"], keep="first", maintain_order=True)
    )
    graded = pl.col("intensity").str.contains("^[0-5]$")
    levels = cells.with_columns(pl.when(graded).then("intensity").cast(pl.Int64).alias("level"))
    wide = levels.pivot("field", index=place, values="level", maintain_order=True)
    bad = cells.filter(~graded & (pl.col("intensity") != _UNKNOWN)).select(*place, bad=reason("bad_label")).unique()
    joined = coded.join(wide, on=place, how="left", maintain_order="left")
    marked = joined.join(bad, on=place, how="left", maintain_order="left")
    return marked.with_columns(reason=pl.coalesce("reason", "bad")).drop("bad")


def _intensity_lines(folder: Root) -> pl.DataFrame:
    """subject, task, field, line: the lines of all intensity files; a file without any is counted in the log."""
    paths = [f"{name}/{file}" for name in _names(folder, r"AU\d{2}") for file in _names(folder / name, _INTENSITY_FILE)]
    texts = [(content or b"").decode("utf-8-sig", "replace") for content in read_small_files(folder, paths)]
    files = pl.DataFrame({"path": paths, "text": texts}, schema={"path": pl.String, "text": pl.String})
    fields = {f"{number:02}": intensity_field(number) for number in INTENSITY_AUS}
    lines = (
        files.with_columns(pl.col("path").str.to_uppercase().str.extract_groups(_INTENSITY_PATH).struct.unnest())
        .with_columns(field=pl.col("au").replace_strict(fields, default=None, return_dtype=pl.String))
        .filter(pl.col("field").is_not_null())
        .with_columns(line=pl.col("text").str.split("\n"))
        .explode("line")
        .with_columns(pl.col("line").str.strip_chars())
        .filter(pl.col("line") != "")
    )
    if empty := sum(not text.strip() for text in texts):
        _log.warning("%d of %d intensity files in %s hold no lines, or far too many", empty, len(texts), folder)
    return lines.select(*_SEQUENCE, "field", "line")


def _names(folder: Root, pattern: str) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in folder.iterdir() if re.fullmatch(pattern, entry.name, re.IGNORECASE))


def _images_of(root: Root) -> pl.DataFrame:
    images = list_frames(root, _IMAGE, _SEQUENCE)
    if images.is_empty():
        raise SourceError(
            f"BP4D has no images like F001/T1/2440.jpg in {root}, nor one folder deeper; found {what_lies_in(root)}",
            cure="unpack BP4D's 2D images so that root or one folder in it holds F001, F002 and so on",
        )
    return images
