"""DISFA: action units of 27 people who watch a video, coded frame by frame (domain.md 1.4).

    ActionUnit_Labels/SN001/SN001_au12.txt          "1,0": frame, counted from 1, and intensity 0 to 5
    SN001/0.png                                     perhaps one folder deeper; counted from 0, so frame 1 is 0.png
    Videos_LeftCamera/LeftVideoSN001_comp.avi       read where there are no frames; or the right camera's

The action unit is told by the file's name alone. It counts as active from intensity 2 on, as in ME-GraphAU, JAANet
and AU-Net; intensity is kept beside it. There are no expressions and no valence-arousal. The split is by person.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

import polars as pl

from seke_pipeline.emotion.labels import AUS, au_field, intensity_field
from seke_pipeline.sources.ask import Ask
from seke_pipeline.sources.errors import SourceError
from seke_pipeline.sources.files import Root, what_lies_in
from seke_pipeline.sources.frame_files import DEPTH, FRAME, list_frames, place
from seke_pipeline.sources.label_file import read_lines, readable
from seke_pipeline.sources.rows import Reader, reason
from seke_pipeline.sources.sampling import EVERY_FRAME, sample
from seke_pipeline.sources.video import frame_paths, list_videos, require_av

ACTIVE_FROM = 2
"""The intensity from which an action unit counts as active; OpenGraphAU alone takes 1."""

FRAMES, LEFT, RIGHT = "frames", "left_videos", "right_videos"
EDITIONS = (FRAMES, LEFT, RIGHT)
_CAMERAS: Mapping[str, str] = MappingProxyType({LEFT: "Left", RIGHT: "Right"})
_LABEL_FOLDER = "ActionUnit_Labels"
_LABEL_FILE = re.compile(r"SN\d{3}_au(\d{1,2})\.txt", re.IGNORECASE)
_IMAGE = rf"{DEPTH}(?<subject>SN\d{{3}}){FRAME}"
_LINE = r"^(?<frame>\d{1,9})\s*,\s*(?<intensity>\S*)$"


def read(root: Root, ask: Ask) -> pl.DataFrame:
    """List DISFA's coded frames.

    Args:
        root: the folder that holds `ActionUnit_Labels`, and the subjects' frames or the cameras' videos.
        ask: the edition, if one is named; and which frames to keep, else every 10th and those where an action
            unit changes.

    Returns:
        path, edition, subject, video (the subject: there is one of each), frame (from 1, as the labels count),
        the AUs that the files have and their intensities, reason: one row per frame that is kept. One without an
        image has the reason `missing_file`; images without a code are not listed.

    Raises:
        SourceError: no label files, or neither frames nor videos.
        OSError: a folder cannot be looked into.
    """
    labels = _labels(root)
    kept = sample(labels, ask.every_frame or EVERY_FRAME, ["subject"])
    edition, rows = _placed(root, kept, labels, ask.edition)
    return rows.with_columns(edition=pl.lit(edition), video="subject")


READER = Reader(
    licence="DISFA: by agreement with its authors; non-commercial research only, no redistribution.",
    read=read,
    editions=EDITIONS,
    of_videos=True,
)


def _labels(root: Root) -> pl.DataFrame:
    """subject, frame, AUs, intensities, reason."""
    folder = root / _LABEL_FOLDER
    if not folder.is_dir():
        raise SourceError(
            f"DISFA's label folder {_LABEL_FOLDER} is not in {root}; found {what_lies_in(root)}",
            cure=f"set root to the folder that holds DISFA's folder {_LABEL_FOLDER}",
        )
    subjects = sorted(entry.name for entry in folder.iterdir() if re.fullmatch(r"SN\d{3}", entry.name, re.IGNORECASE))
    tables = [table for name in subjects if (table := _subject(folder / name)) is not None]
    if not tables:
        raise SourceError(
            f"DISFA's label folder has no file like SN001/SN001_au1.txt; found {what_lies_in(folder)}",
            cure="unpack DISFA's action unit labels into it",
        )
    return pl.concat(tables, how="diagonal")


def _subject(folder: Root) -> pl.DataFrame | None:
    """subject, frame, AUs, intensities, reason of one person; None without a label file."""
    files = {int(match[1]): entry for entry in folder.iterdir() if (match := _LABEL_FILE.fullmatch(entry.name))}
    numbers = [number for number in AUS if number in files]
    if not numbers:
        return None
    coded = [_intensities(files[number]).with_columns(au=pl.lit(intensity_field(number))) for number in numbers]
    cells = pl.concat(coded).unique(["au", "frame"], keep="first", maintain_order=True)
    valid = pl.col("intensity").is_between(0, 5) & (pl.col("intensity") % 1 == 0)
    level = pl.when(valid).then(pl.col("intensity")).cast(pl.Int64)
    levels = cells.select("frame", "au", level=level)
    wide = levels.pivot("au", index="frame", values="level", maintain_order=True).sort("frame")
    active = {au_field(number): pl.col(intensity_field(number)) >= ACTIVE_FROM for number in numbers}
    bad = cells.filter(~valid.fill_null(False)).select("frame").unique().with_columns(reason=reason("bad_label"))
    return wide.join(bad, on="frame", how="left", maintain_order="left").with_columns(
        subject=pl.lit(folder.name.upper()), **active
    )


def _intensities(file: Root) -> pl.DataFrame:
    """frame, intensity; null where it is no number."""
    lines = readable(read_lines(file), pl.col("line").str.contains(_LINE), file)
    parts = lines.select(pl.col("line").str.extract_groups(_LINE)).unnest("line")
    return parts.select(pl.col("frame").cast(pl.Int64), pl.col("intensity").cast(pl.Float64, strict=False))


def _placed(root: Root, kept: pl.DataFrame, labels: pl.DataFrame, edition: str | None) -> tuple[str, pl.DataFrame]:
    """The edition that was found, and the frames with the path of their picture."""
    if edition in (None, FRAMES):
        images = list_frames(root, _IMAGE, ["subject"])
        if images.height:
            shift = _first_number(images, labels) - 1
            return FRAMES, place(kept, images, ["subject"], ".png", shift=shift)
    for camera in _CAMERAS:
        if edition in (None, camera) and (videos := _videos(root, camera)):
            require_av()
            return camera, _in_videos(kept, videos, camera)
    raise SourceError(
        f"DISFA has neither frames like SN001/0.png (frames) nor videos like {_video_path(LEFT, 'SN001')} "
        f"(left_videos, or right_videos) in {root}; found {what_lies_in(root)}",
        cure="unpack DISFA's videos, or extract their frames, into root, and set edition to what lies there or auto",
    )


def _first_number(images: pl.DataFrame, labels: pl.DataFrame) -> int:
    """What the first frame's image is numbered: 0, unless the images prove that it is 1.

    No image 0, and one with the number of the last label, can only be had by counting from 1 (as ffmpeg does).
    """
    if images["frame"].min() == 0:
        return 0
    last = labels.group_by("subject").agg(pl.col("frame").max())
    return int(images.join(last, on=["subject", "frame"]).height > 0)


def _videos(root: Root, camera: str) -> dict[str, str]:
    """Subject → path of the camera's video."""
    word = _CAMERAS[camera]
    pattern = re.compile(rf"(?:.*/)?{word}Video(SN\d{{3}})_comp\.\w+", re.IGNORECASE)
    paths = [*list_videos(root, f"Videos_{word}Camera"), *list_videos(root, "")]
    return {match[1].upper(): path for path in reversed(paths) if (match := pattern.fullmatch(path))}


def _in_videos(frames: pl.DataFrame, videos: Mapping[str, str], camera: str) -> pl.DataFrame:
    parts = []
    for (subject,), rows in frames.group_by("subject", maintain_order=True):
        video = videos.get(str(subject))
        path = frame_paths(video or _video_path(camera, str(subject)), pl.col("frame") - 1)
        missing = pl.lit(None) if video else reason("missing_file")
        parts.append(rows.with_columns(path=path, reason=pl.coalesce(missing, "reason")))
    return pl.concat(parts)


def _video_path(camera: str, subject: str) -> str:
    word = _CAMERAS[camera]
    return f"Videos_{word}Camera/{word}Video{subject}_comp.avi"
