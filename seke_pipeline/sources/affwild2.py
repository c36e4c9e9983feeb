"""Aff-Wild2: videos from the web, coded frame by frame in three challenges that overlap (domain.md 1.6).

    Third_ABAW_Annotations/                  or annotations/ and the like, with the challenges' folders in it:
      VA_Estimation_Challenge/               or VA_Set
        Train_Set/ Validation_Set/           or Training_Set
          video59_right.txt                  a header, then a line for every frame
      EXPR_Classification_Challenge/         or EXPR_Recognition_Challenge, EXPR_Set
      AU_Detection_Challenge/                or AU_Set
    cropped_aligned/video59_right/00001.jpg  and cropped_aligned_new_50_vids; no file where no face was found
    batch1/video59.mp4                       read where there are no crops

    training_set_annotations.txt             the multi-task challenge: a line for every frame,
    validation_set_annotations.txt           "video59/00001.jpg,valence,arousal,expression,12 action units"

Line k after the header is frame k. What the challenges say of a frame is merged. A video that any challenge uses
for validation is a test video in all of them, and so are both of its people, `_left` and `_right`: what is asked
about must not be taught.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType
from typing import NoReturn

import polars as pl

from seke_pipeline.emotion.labels import Split
from seke_pipeline.sources.affwild2_labels import labels_of, read_multi_task, read_video
from seke_pipeline.sources.ask import Ask
from seke_pipeline.sources.errors import SourceError
from seke_pipeline.sources.files import REASON, Root, list_images, relative_paths, what_lies_in
from seke_pipeline.sources.rows import Reader, with_file_reasons
from seke_pipeline.sources.sampling import EVERY_FRAME, sample
from seke_pipeline.sources.video import frame_paths, list_videos, require_av

CHALLENGES, VIDEOS, MULTI_TASK = "challenges", "challenges_in_videos", "multi_task"
EDITIONS = (CHALLENGES, VIDEOS, MULTI_TASK)
_FOLDERS: Mapping[str, str] = MappingProxyType(
    {
        "VA": r"VA_(Set|Estimation_Challenge)",
        "EXPR": r"EXPR_(Set|Classification_Challenge|Recognition_Challenge)",
        "AU": r"AU_(Set|Detection_Challenge)",
    }
)
_SIDES: Mapping[str, Split] = MappingProxyType(
    {"train_set": "train", "training_set": "train", "validation_set": "test"}
)
_MULTI_TASK_FILES: Mapping[str, Split] = MappingProxyType(
    {"training_set_annotations.txt": "train", "validation_set_annotations.txt": "test"}
)
_IMAGE = r"(?:^|/)([^/]+)/(\d{1,18})\.\w+$"
_PERSON = r"_(left|right)$"
_NO_FRAMES = pl.DataFrame(schema={"path": pl.String(), "stem": pl.String(), "frame": pl.Int64(), "reason": REASON})
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _LabelFile:
    """The labels of one person of a video (`stem`: video59_right) in one challenge."""

    stem: str
    challenge: str
    split: Split
    file: Root


def read(root: Root, ask: Ask) -> pl.DataFrame:
    """List Aff-Wild2's labelled frames.

    Args:
        root: the folder that holds annotations and crops or videos, directly or one folder deeper.
        ask: the edition, if one is named; and which frames to keep, else every 10th and those where an action
            unit changes (of the multi-task challenge, which its authors sampled, all).

    Returns:
        path, edition, split, subject and video (both the video without the person: who is in it is not told),
        frame (from 1), the fields that the challenges have, reason: one row per frame that any challenge has a
        value for. A frame of the three challenges that has no crop is not listed, since no face was found in it;
        nor, in videos, is a person `_left` or `_right`, since which face is meant is not told.

    Raises:
        SourceError: no labels, two sets of labels, or neither crops nor videos of them.
        OSError: a folder cannot be looked into.
    """
    files = _label_files(root) if ask.edition != MULTI_TASK else []
    multi_task = _multi_task_files(root) if ask.edition in (None, MULTI_TASK) else {}
    if not files and not multi_task:
        raise SourceError(
            f"Aff-Wild2 has neither label files in folders like VA_Estimation_Challenge/Train_Set or "
            f"VA_Set/Training_Set ({CHALLENGES}) nor {next(iter(_MULTI_TASK_FILES))} ({MULTI_TASK}) in {root}, nor "
            f"one folder deeper; found {what_lies_in(root)}",
            cure="unpack Aff-Wild2's annotations into root, and set edition to what lies there or auto",
        )
    crops = _crop_folders(root) if ask.edition != VIDEOS else {}
    if not files:
        return _multi_task_frames(root, multi_task, crops or _no_pictures(root), ask.every_frame or 1)
    every = ask.every_frame or EVERY_FRAME
    if crops:
        return _cropped_frames(root, files, crops, every)
    if ask.edition == CHALLENGES:
        _no_pictures(root)
    return _video_frames(root, files, every)


READER = Reader(
    licence="Aff-Wild2: by agreement with its authors; non-commercial research only, no redistribution.",
    read=read,
    editions=EDITIONS,
    of_videos=True,
)


def _cropped_frames(root: Root, files: list[_LabelFile], crops: Mapping[str, list[str]], every: int) -> pl.DataFrame:
    """One video after the other, so that only the frames that are kept stand in memory."""
    frames = [
        _labels(stem, group, every)
        .join(_crops(root, crops[stem]), on="frame")
        .with_columns(reason=pl.coalesce("file_reason", "reason"))
        .drop("file_reason")
        for stem, group in _by_stem(files)
        if stem in crops
    ]
    rows = pl.concat([_NO_FRAMES, *frames], how="diagonal")
    if rows.is_empty():
        raise SourceError(
            f"No crop in {root} has a label; there are labels of {_some(file.stem for file in files)}, crops of "
            f"{_some(crops)}",
            cure="put annotations and crops of one release of Aff-Wild2 into root",
        )
    return _finished(rows, _test_videos(files), CHALLENGES)


def _video_frames(root: Root, files: list[_LabelFile], every: int) -> pl.DataFrame:
    videos = _videos(root)
    stems = {file.stem for file in files}
    if not stems & videos.keys():
        _no_pictures(root)
    require_av()
    if absent := sorted(stems - videos.keys()):
        _log.warning("%d of %d labelled videos are not in %s, first %s", len(absent), len(stems), root, absent[0])
    frames = [
        _labels(stem, group, every).with_columns(path=frame_paths(videos[stem], pl.col("frame") - 1))
        for stem, group in _by_stem(files)
        if stem in videos
    ]
    return _finished(pl.concat([_NO_FRAMES, *frames], how="diagonal"), _test_videos(files), VIDEOS)


def _multi_task_frames(
    root: Root, files: Mapping[Split, Root], crops: Mapping[str, list[str]], every: int
) -> pl.DataFrame:
    cells = [read_multi_task(file).with_columns(side=pl.lit(side)) for side, file in files.items()]
    texts = pl.concat(cells, how="diagonal")
    stem, frame = (pl.col("image").str.extract(_IMAGE, group) for group in (1, 2))
    frames = texts.select("image", "side", *labels_of(texts.columns), stem=stem, frame=frame.cast(pl.Int64))
    kept = sample(frames, every, ["stem"]).filter("is_coded").drop("is_coded")
    bases = {stem: folders[0].rpartition("/")[0] for stem, folders in crops.items()}
    base = pl.col("stem").replace_strict(bases, default=next(iter(bases.values())), return_dtype=pl.String)
    test = set(frames.filter(side="test").select(_video(pl.col("stem"))).to_series())
    rows = _finished(kept.with_columns(path=pl.concat_str(base, "image", separator="/")), test, MULTI_TASK)
    present = [list_images(root, folder) for stem in sorted(set(kept["stem"]) & crops.keys()) for folder in crops[stem]]
    placed = rows.drop("image", "side").with_columns(relative_paths(root, rows["path"]))
    return with_file_reasons(placed, root, pl.concat([_NO_FRAMES.select("path", "reason"), *present]))


def _labels(stem: str, files: Iterable[_LabelFile], every: int) -> pl.DataFrame:
    """stem, frame, fields, reason of the coded frames that are kept; a file that is none is left out and said."""
    texts = pl.DataFrame()
    for one in files:
        try:
            texts = pl.concat([texts, read_video(one.file)], how="horizontal_extend")
        except SourceError as error:
            _log.warning("%s", error)
    lines = texts.with_row_index("frame", offset=1) if texts.width else texts.with_columns(frame=pl.lit(1)).clear()
    frames = lines.select(*labels_of(lines.columns), pl.col("frame").cast(pl.Int64), stem=pl.lit(stem))
    return sample(frames, every, ["stem"]).filter("is_coded").drop("is_coded")


def _crops(root: Root, folders: Iterable[str]) -> pl.DataFrame:
    """frame, path, file_reason of a video's crops."""
    present = pl.concat([list_images(root, folder) for folder in folders])
    frame = pl.col("path").str.extract(_IMAGE, 2).cast(pl.Int64)
    frames = present.select("path", frame=frame, file_reason="reason")
    return frames.drop_nulls("frame").unique("frame", keep="first", maintain_order=True)


def _finished(rows: pl.DataFrame, test: set[str], edition: str) -> pl.DataFrame:
    video = _video(pl.col("stem"))
    side = pl.when(video.is_in(list(test))).then(pl.lit("test")).otherwise(pl.lit("train"))
    return rows.with_columns(video=video, subject=video, split=side, edition=pl.lit(edition)).drop("stem")


def _video(stem: pl.Expr) -> pl.Expr:
    return stem.str.replace(_PERSON, "")


def _test_videos(files: Iterable[_LabelFile]) -> set[str]:
    return {re.sub(_PERSON, "", file.stem) for file in files if file.split == "test"}


def _by_stem(files: list[_LabelFile]) -> Iterator[tuple[str, list[_LabelFile]]]:
    """The label files of each person of a video, one of each challenge."""
    for stem, group in groupby(files, key=lambda file: file.stem):
        yield stem, list({file.challenge: file for file in group}.values())


def _label_files(root: Root) -> list[_LabelFile]:
    """The label files of the three challenges, by stem and challenge.

    Raises:
        SourceError: a challenge stands twice below the root.
    """
    places: dict[str, Root] = {}
    for place in (place for folder in (root, *_folders_in(root)) for place in _folders_in(folder)):
        challenge = next((name for name, words in _FOLDERS.items() if re.fullmatch(words, place.name, re.I)), None)
        if challenge in places:
            raise SourceError(
                f"Aff-Wild2 has two sets of {challenge} labels: {places[challenge]} and {place}",
                cure="keep the release that you want in root and move the other out of it",
            )
        if challenge:
            places[challenge] = place
    found = (
        _LabelFile(file.name.removesuffix(".txt"), challenge, _SIDES[side.name.lower()], file)
        for challenge, place in places.items()
        for side in _folders_in(place)
        if side.name.lower() in _SIDES
        for file in side.iterdir()
        if file.suffix == ".txt" and not file.name.startswith(".")
    )
    return sorted(found, key=lambda one: (one.stem, one.challenge, one.split))


def _multi_task_files(root: Root) -> dict[Split, Root]:
    for folder in (root, *_folders_in(root)):
        found = {split: folder / name for name, split in _MULTI_TASK_FILES.items() if (folder / name).is_file()}
        if found:
            return found
    return {}


def _crop_folders(root: Root) -> dict[str, list[str]]:
    """Person of a video → the folders of the crops, relative to the root."""
    folders: dict[str, list[str]] = {}
    for base in ("", *(f"{folder.name}/" for folder in _folders_in(root))):
        for crops in _folders_in(root / base if base else root):
            if crops.name.startswith("cropped_aligned"):
                for video in _folders_in(crops):
                    folders.setdefault(video.name, []).append(f"{base}{crops.name}/{video.name}")
    return folders


def _videos(root: Root) -> dict[str, str]:
    """Name without suffix → path of the videos at the root and one folder deeper."""
    paths = [path for folder in ("", *(one.name for one in _folders_in(root))) for path in list_videos(root, folder)]
    return {path.rpartition("/")[2].rpartition(".")[0]: path for path in reversed(paths)}


def _folders_in(folder: Root) -> list[Root]:
    """The folders in a folder, by name; hidden ones are not looked at."""
    entries: list[Root] = sorted(folder.iterdir(), key=lambda entry: entry.name)
    return [entry for entry in entries if not entry.name.startswith(".") and entry.is_dir()]


def _no_pictures(root: Root) -> NoReturn:
    raise SourceError(
        f"Aff-Wild2 has neither crops like cropped_aligned/<video>/00001.jpg nor videos with labels in {root}, nor one "
        f"folder deeper; found {what_lies_in(root)}",
        cure="unpack cropped_aligned, or the videos, into root",
    )


def _some(names: Iterable[str]) -> str:
    return ", ".join(sorted(set(names))[:3]) or "none"
