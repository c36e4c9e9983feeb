import io
import re

import av
import numpy as np
import pytest
from PIL import Image

from seke_pipeline.sources import read_image
from seke_pipeline.sources.errors import OutsideRootError
from seke_pipeline.sources.video import Video, list_videos, read_frame, split_frame_path

FRAMES = 40
STEP = 6


def film(codec, form, pixels, b_frames=0, size=64):
    """40 frames, each 6 grey levels brighter than the one before; a keyframe every 12."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=form) as container:
        stream = container.add_stream(codec, rate=20)
        stream.width = stream.height = size
        stream.pix_fmt = pixels
        stream.gop_size = 12
        stream.max_b_frames = b_frames
        for number in range(FRAMES):
            picture = np.full((size, size, 3), number * STEP, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()


def shown(png):
    image = Image.open(io.BytesIO(png))
    assert (image.format, image.size) == ("PNG", (64, 64))
    return round(np.asarray(image.convert("L")).mean() / STEP)


KINDS = {
    "motion jpeg in avi": (".avi", ("mjpeg", "avi", "yuvj420p")),
    "lossless in avi": (".AVI", ("ffv1", "avi", "yuv420p")),
    "h264 with frames that point ahead": (".mp4", ("libx264", "mp4", "yuv420p", 2)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_frame_is_the_one_of_that_number(kind):
    """In whatever order they are asked for. Counting packets as the file has them gives the wrong one in h264."""
    suffix, how = KINDS[kind]
    video = Video(io.BytesIO(film(*how)), suffix, kind)
    asked = [0, 1, 2, 13, 39, 12, 25, 24, 11, 0]
    assert [shown(read_frame(video, number)) for number in asked] == asked
    pictures = [read_frame(video, number) for number in range(FRAMES)]
    assert len(set(pictures)) == FRAMES


def test_a_frame_beyond_the_end_is_missing():
    video = Video(io.BytesIO(film(*KINDS["motion jpeg in avi"][1])), ".avi", "end")
    with pytest.raises(FileNotFoundError, match=re.escape("frame 40 (from 0) is not among the 40 of end")):
        read_frame(video, 40)


@pytest.mark.parametrize(
    ("suffix", "content"), [(".avi", b"no video"), (".mp4", b""), (".avi", b"#EXTM3U\n/etc/hostname\n")]
)
def test_what_is_no_video_is_an_os_error(suffix, content):
    """A play list names other files; only the suffix's own format is tried."""
    with pytest.raises(OSError, match=f"frame 0 of broken {content!r:.4} cannot be decoded"):
        read_frame(Video(io.BytesIO(content), suffix, f"broken {content!r:.4}"), 0)


def test_a_video_that_breaks_off_is_an_os_error():
    whole = film(*KINDS["motion jpeg in avi"][1])
    video = Video(io.BytesIO(whole[: len(whole) // 2]), ".avi", "half")
    assert shown(read_frame(video, 0)) == 0
    with pytest.raises(FileNotFoundError, match=r"is not among the 1?\d of half"):
        read_frame(video, 39)


def test_a_frame_of_a_source_is_read_in_place(plant):
    root = plant({"Videos_LeftCamera/LeftVideoSN001_comp.avi": film(*KINDS["motion jpeg in avi"][1])})
    assert shown(read_image(root, "Videos_LeftCamera/LeftVideoSN001_comp.avi#000012")) == 12
    with pytest.raises(FileNotFoundError):
        read_image(root, "Videos_LeftCamera/LeftVideoSN002_comp.avi#000012")
    with pytest.raises(OutsideRootError):
        read_image(root, "../LeftVideoSN002_comp.avi#000012")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/b.avi#000012", ("a/b.avi", 12)),
        ("b.MP4#0", ("b.MP4", 0)),
        ("a#1.mp4#7", ("a#1.mp4", 7)),
        ("a.jpg", None),
        ("a.jpg#3", None),
        ("a.mp4#3.jpg", None),
        ("a.mp4", None),
    ],
)
def test_a_frames_path_is_told_from_an_images(path, expected):
    assert split_frame_path(path) == expected


def test_videos_in_a_folder(plant):
    root = plant({"b/2.mp4": b"", "b/1.AVI": b"", "b/._1.avi": b"", "b/c/3.mp4": b"", "b/1.jpg": b"", "0.mkv": b""})
    assert list_videos(root, "b") == ["b/1.AVI", "b/2.mp4"]
    assert list_videos(root, "") == ["0.mkv"]
    assert list_videos(root, "gone") == []
