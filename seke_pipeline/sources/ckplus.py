"""CK+: 593 posed sequences of 123 people, from neutral to a peak, coded at the peak (domain.md 1.1).

    cohn-kanade-images/S005/001/S005_001_00000011.png
    Emotion/S005/001/S005_001_00000011_emotion.txt   "   3.0000000e+00"; only 327 sequences have one
    FACS/S005/001/S005_001_00000011_facs.txt         "   9.0000000e+00   4.0000000e+00": AU and its intensity

Intensity 0 is not absent: the action unit is there and its intensity was not given (null here). Many people
hold a copy of the labelled sequences' last three frames, sorted into folders by expression:

    anger/S010_004_00000019.png

Of either the peak alone is listed, as the authors of SEKE did. The split is by person.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import polars as pl

from seke_pipeline.emotion.labels import AUS, Expression, au_field, intensity_field
from seke_pipeline.sources.ask import Ask
from seke_pipeline.sources.errors import SourceError
from seke_pipeline.sources.files import Root, list_images, read_small_files, what_lies_in
from seke_pipeline.sources.rows import Reader, reason

CODES: Mapping[int, Expression] = MappingProxyType(
    {
        0: "neutral",
        1: "anger",
        2: "contempt",
        3: "disgust",
        4: "fear",
        5: "happiness",
        6: "sadness",
        7: "surprise",
    }
)
"""CK+'s own coding; no other database counts this way."""

FOLDER_WORDS: Mapping[str, Expression] = MappingProxyType(
    {
        "neutral": "neutral",
        "anger": "anger",
        "contempt": "contempt",
        "disgust": "disgust",
        "fear": "fear",
        "happy": "happiness",
        "sadness": "sadness",
        "surprise": "surprise",
    }
)
FULL, LAST_THREE = "full", "last_three_frames"
EDITIONS = (FULL, LAST_THREE)
_EMOTION_FOLDERS = ("Emotion", "Emotion_labels/Emotion", "Emotion_labels")
_FACS_FOLDERS = ("FACS", "FACS_labels/FACS", "FACS_labels")
_IMAGE_FOLDER = "cohn-kanade-images"
_IMAGE = r"(?i)^(?:.*/)?(?<stem>(?<subject>S\d{3})_(?<sequence>\d{3})_(?<frame>\d{8}))\.\w+$"
_STEM = r"^(?<subject>S\d{3})_(?<sequence>\d{3})_(?<frame>\d{8})"
_FACS_LINE = r"^\s*(?<au>[0-9.eE+]+)\s+(?<intensity>[0-9.eE+]+)\s*$"


def read(root: Root, ask: Ask) -> pl.DataFrame:
    """List CK+'s peak frames.

    Args:
        root: the folder that holds `cohn-kanade-images`, `Emotion` and `FACS`, or the folders by expression.
        ask: the edition, if one is named.

    Returns:
        path, edition, subject, video, frame, expression, AUs, intensities, reason: one row for each sequence that
        has an emotion or a FACS file, or lies in a folder by expression. A sequence with a FACS file has the AUs
        that the file does not name absent, with intensity 0; one without has them unknown. One whose labelled
        frame is not there has the reason `missing_file`.

    Raises:
        SourceError: neither edition is found.
        OSError: a folder cannot be looked into.
    """
    images = _images(root)
    if ask.edition in (None, FULL):
        labels = _labels(root)
        if labels.height and images.height:
            return _finished(_with_images(labels, images), FULL)
    if ask.edition in (None, LAST_THREE):
        sorted_images = _sorted_by_expression(images)
        if sorted_images.height:
            return _finished(sorted_images, LAST_THREE)
    raise SourceError(
        f"CK+ has neither {_IMAGE_FOLDER} with label files in Emotion or FACS (full), nor images like "
        f"anger/S010_004_00000019.png (last_three_frames) in {root}; found {what_lies_in(root)}",
        cure="set root to the folder that CK+'s zip files were unpacked into, and edition to what lies there or auto",
    )


READER = Reader(
    licence="CK+: by agreement with its authors; research only, no redistribution.",
    read=read,
    editions=EDITIONS,
)


def _images(root: Root) -> pl.DataFrame:
    """path, reason, stem, subject, sequence, frame: one row per frame; of copies the shallowest."""
    present = list_images(root).filter(pl.col("path").str.contains(_IMAGE))
    parts = present.with_columns(pl.col("path").str.extract_groups(_IMAGE).struct.unnest())
    return (
        parts.with_columns(pl.col("stem", "subject").str.to_uppercase(), pl.col("frame").cast(pl.Int64))
        .sort(pl.col("path").str.count_matches("/"), "path")
        .unique("stem", keep="first", maintain_order=True)
    )


def _labels(root: Root) -> pl.DataFrame:
    """stem, subject, sequence, frame, expression, AUs, intensities, bad: one row per labelled sequence."""
    emotions = _contents(root, _EMOTION_FOLDERS, "_emotion.txt")
    facs = _contents(root, _FACS_FOLDERS, "_facs.txt")
    both = _expressions(emotions).join(_action_units(facs), on="stem", how="full", coalesce=True)
    return both.with_columns(
        pl.col("stem").str.extract_groups(_STEM).struct.unnest(),
        bad=pl.any_horizontal(pl.col("bad_expression", "bad_aus").fill_null(False)),
    ).with_columns(pl.col("frame").cast(pl.Int64))


def _contents(root: Root, folders: tuple[str, ...], ending: str) -> pl.DataFrame:
    """stem, text of the label files in the first of the folders that has any."""
    for folder in folders:
        paths = sorted(_label_files(root, folder, ending))
        if paths:
            stems = [path.rpartition("/")[2][: -len(ending)].upper() for path in paths]
            texts = [(content or b"").decode("utf-8", "replace") for content in read_small_files(root, paths)]
            return pl.DataFrame({"stem": stems, "text": texts})
    return pl.DataFrame(schema={"stem": pl.String(), "text": pl.String()})


def _label_files(root: Root, folder: str, ending: str) -> Iterator[str]:
    if not (root / folder).is_dir():
        return
    for subject in _names(root / folder, r"S\d{3}"):
        for sequence in _names(root / folder / subject, r"\d{3}"):
            for name in _names(root / folder / subject / sequence, rf"S\d{{3}}_\d{{3}}_\d{{8}}{re.escape(ending)}"):
                yield f"{folder}/{subject}/{sequence}/{name}"


def _names(folder: Root, pattern: str) -> list[str]:
    return [entry.name for entry in folder.iterdir() if re.fullmatch(pattern, entry.name, re.IGNORECASE)]


def _expressions(files: pl.DataFrame) -> pl.DataFrame:
    """stem, expression, bad_expression."""
    code = pl.col("text").str.strip_chars().cast(pl.Float64, strict=False)
    expression = code.replace_strict(dict(CODES), default=None, return_dtype=pl.String)
    return files.select("stem", expression=expression, bad_expression=expression.is_null())


def _action_units(files: pl.DataFrame) -> pl.DataFrame:
    """stem, AUs, intensities, bad_aus: what the lines name is present; what they do not is absent, if all can be read.

    Of two lines for one action unit the stronger counts.
    """
    lines = (
        files.with_columns(line=pl.col("text").str.split("\n"))
        .explode("line")
        .filter(pl.col("line").str.strip_chars() != "")
        .with_columns(pl.col("line").str.extract_groups(_FACS_LINE).struct.unnest())
        .with_columns(pl.col("au", "intensity").cast(pl.Float64, strict=False))
    )
    whole = (pl.col("au") % 1 == 0) & pl.col("intensity").is_between(0, 5) & (pl.col("intensity") % 1 == 0)
    named = lines.filter(whole).group_by("stem").agg("au", *(_given(number) for number in AUS))
    unreadable = lines.filter(~whole.fill_null(False)).select("stem").unique().with_columns(bad_aus=pl.lit(True))
    read = files.select("stem").join(named, on="stem", how="left").join(unreadable, on="stem", how="left")
    # a file without a line says nothing, also not that a face does nothing
    bad = pl.col("bad_aus").fill_null(pl.col("au").is_null())
    return read.select(
        "stem", *(_presence(number, bad) for number in AUS), *(_intensity(number, bad) for number in AUS), bad_aus=bad
    )


def _given(number: int) -> pl.Expr:
    """The intensity that a sequence's lines give an action unit; null without one, and where it says not given (0)."""
    graded = (pl.col("au") == number) & (pl.col("intensity") > 0)
    return pl.col("intensity").filter(graded).max().cast(pl.Int64).alias(intensity_field(number))


def _named(number: int) -> pl.Expr:
    return pl.col("au").list.contains(float(number)).fill_null(False)


def _presence(number: int, bad: pl.Expr) -> pl.Expr:
    return pl.when(_named(number) | ~bad).then(_named(number)).alias(au_field(number))


def _intensity(number: int, bad: pl.Expr) -> pl.Expr:
    given = pl.col(intensity_field(number))
    return pl.when(_named(number)).then(given).when(~bad).then(0).alias(intensity_field(number))


def _with_images(labels: pl.DataFrame, images: pl.DataFrame) -> pl.DataFrame:
    joined = labels.join(images.select("stem", "path", "reason"), on="stem", how="left")
    expected = pl.format("{}/{}/{}/{}.png", pl.lit(_IMAGE_FOLDER), "subject", "sequence", "stem")
    missing = pl.when(pl.col("path").is_null()).then(reason("missing_file"))
    unusable = pl.when("bad").then(reason("bad_label"))
    return joined.with_columns(path=pl.coalesce("path", expected), reason=pl.coalesce(missing, "reason", unusable))


def _sorted_by_expression(images: pl.DataFrame) -> pl.DataFrame:
    """The last frame of each sequence that lies in a folder by expression."""
    folder = pl.col("path").str.extract(r"([^/]+)/[^/]+$").str.to_lowercase()
    expression = folder.replace_strict(dict(FOLDER_WORDS), default=None, return_dtype=pl.String)
    return (
        images.with_columns(expression=expression)
        .filter(pl.col("expression").is_not_null())
        .sort("frame", descending=True)
        .unique(["subject", "sequence"], keep="first", maintain_order=True)
    )


def _finished(rows: pl.DataFrame, edition: str) -> pl.DataFrame:
    """With edition and video, without what was needed on the way; of two labelled frames the last."""
    return (
        rows.sort("frame", descending=True)
        .unique(["subject", "sequence"], keep="first", maintain_order=True)
        .with_columns(edition=pl.lit(edition), video=pl.concat_str("subject", "sequence", separator="/"))
        .drop("stem", "sequence", "bad", "bad_expression", "bad_aus", strict=False)
        .sort("path")
    )
