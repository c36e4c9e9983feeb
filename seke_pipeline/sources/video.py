"""Single frames of videos that were not extracted to images, read in place by PyAV.

The path of such a frame is `<video's path>#<frame>`, counted from 0 and padded so that paths sort as frames
do: `Videos_LeftCamera/LeftVideoSN001_comp.avi#000120`.
"""

import io
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO

import polars as pl

from seke_pipeline.sources.errors import SourceError
from seke_pipeline.sources.files import Root

if TYPE_CHECKING:
    from av.container import InputContainer

_FORMATS: Mapping[str, str] = MappingProxyType({".avi": "avi", ".mp4": "mov", ".mov": "mov", ".mkv": "matroska"})
"""Suffix → the one format that is tried: guessing would also find formats that name other files to be read."""

SUFFIXES = frozenset(_FORMATS)
_DIGITS = 6
_FRAME_PATH = re.compile(r"(.*\.(?:avi|mp4|mov|mkv))#(\d{1,9})", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Video:
    """An opened video.

    Attributes:
        file: its content, seekable; closed by who opened it.
        suffix: of its name, which says the format.
        version: what tells it from every other content (path, size and time of change, or a hash).
    """

    file: BinaryIO = field(compare=False)
    suffix: str
    version: Hashable


def frame_paths(video: str, frame: pl.Expr) -> pl.Expr:
    """The paths of a video's frames, numbered from 0."""
    return pl.concat_str(pl.lit(f"{video}#"), frame.cast(pl.String).str.zfill(_DIGITS))


def split_frame_path(path: str) -> tuple[str, int] | None:
    """The video's path and the frame's number; None when the path is that of an image."""
    match = _FRAME_PATH.fullmatch(path)
    return match and (match[1], int(match[2]))


def require_av() -> Any:
    """PyAV.

    Raises:
        SourceError: it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise SourceError(
            "Frames inside videos need PyAV, which is not installed",
            cure='run `pip install -c constraints.txt -e ".[video]"`, or extract the frames of the videos to images',
        ) from error
    return av


def list_videos(root: Root, folder: str) -> list[str]:
    """The videos that lie directly in a folder below the root: their relative paths, sorted; none if it is none."""
    place = root / folder if folder else root
    if not place.is_dir():
        return []
    start = f"{folder}/" if folder else ""
    names = (entry.name for entry in place.iterdir() if not entry.name.startswith("."))
    return sorted(f"{start}{name}" for name in names if "." + name.rpartition(".")[2].lower() in SUFFIXES)


def read_frame(video: Video, frame: int) -> bytes:
    """One frame as a PNG.

    The first frame asked of a video costs one pass over the file, without decoding it; the others cost what lies
    between them and the keyframe before.

    Args:
        video: the video.
        frame: its number, from 0, in the order of showing.

    Raises:
        SourceError: PyAV is not installed.
        FileNotFoundError: the video has no such frame.
        OSError: it cannot be decoded.
    """
    av = require_av()
    try:
        times = _times(video)
        if frame >= len(times):
            raise FileNotFoundError(f"frame {frame} (from 0) is not among the {len(times)} of {video.version}")
        with _opened(av, video) as container:
            return _png_at(container, times[frame])
    except av.error.FFmpegError as error:
        raise OSError(f"frame {frame} of {video.version} cannot be decoded: {error}") from error


@lru_cache(maxsize=64)
def _times(video: Video) -> tuple[int, ...]:
    """When each frame is shown, in the stream's own unit: packets lie in the order of decoding."""
    with _opened(require_av(), video) as container:
        shown = [packet.pts for packet in container.demux(_stream(container)) if packet.size]
    if None in shown:  # old AVI files leave it to the decoder
        with _opened(require_av(), video) as container:
            shown = [picture.pts for picture in container.decode(_stream(container))]
    return tuple(sorted(time for time in shown if time is not None))


def _opened(av: Any, video: Video) -> "InputContainer":
    video.file.seek(0)
    container: InputContainer = av.open(video.file, format=_FORMATS[video.suffix.lower()])
    return container


def _stream(container: "InputContainer") -> Any:
    if not container.streams.video:
        raise OSError("there is no picture in it")
    return container.streams.video[0]


def _png_at(container: "InputContainer", time: int) -> bytes:
    stream = _stream(container)
    container.seek(time, stream=stream)  # to the keyframe at or before it
    for picture in container.decode(stream):
        if picture.pts == time:
            buffer = io.BytesIO()
            picture.to_image().save(buffer, "PNG", compress_level=1)
            return buffer.getvalue()
    raise OSError("the decoder does not give the frame that the file lists")
