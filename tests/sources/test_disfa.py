import os
import re

import pytest
from polars.testing import assert_frame_equal

from seke_pipeline.sources import SourceSettings, scan
from seke_pipeline.sources.errors import SourceError

LICENCE = "DISFA: by agreement with its authors; non-commercial research only, no redistribution."
LABELS = "ActionUnit_Labels"


def look(root, **more):
    return scan(SourceSettings(name="disfa", kind="disfa", root=root, **more))


def what(frame, *columns):
    return frame.select(columns).rows()


def labels(subject, **intensities):
    """au12="013" → SN001_au12.txt with 1,0 2,1 3,3."""
    return {
        f"{LABELS}/{subject}/{subject}_{au}.txt": "".join(f"{n},{i}\n" for n, i in enumerate(levels, start=1)).encode()
        for au, levels in intensities.items()
    }


def test_the_whole_table(plant, listed):
    """Labels count from 1, images from 0; active from 2 on; the action unit is the file name's."""
    root = plant(
        {
            # naive, columns in the order of names (au1, au12, au2): au02 and au12 change places
            **labels("SN001", au1="012", au2="500", au12="230"),
            **labels("SN002", au4="10"),
            "SN001/0.png": b"",
            "SN001/1.png": b"",
            "SN001/2.png": b"",
            "SN001/3.png": b"no code, so not listed",
            "SN002/0.png": b"",
            "SN002/1.png": b"",
        }
    )
    shared = {"source": "disfa", "edition": "frames", "licence": LICENCE, "split": "train"}
    one, two = {"subject": "SN001", "video": "SN001"}, {"subject": "SN002", "video": "SN002"}
    expected = listed(
        [
            # naive, image = label: 0.png has no label, 1.png has the 2 of au02 and not the 3 of au12
            {
                "path": "SN001/0.png", "frame": 1, "au01": False, "au02": True, "au12": True,
                "au01_intensity": 0, "au02_intensity": 5, "au12_intensity": 2, **one, **shared,
            },
            # naive, present where the intensity is above 0: 1 is a trace
            {
                "path": "SN001/1.png", "frame": 2, "au01": False, "au02": False, "au12": True,
                "au01_intensity": 1, "au02_intensity": 0, "au12_intensity": 3, **one, **shared,
            },
            {
                "path": "SN001/2.png", "frame": 3, "au01": True, "au02": False, "au12": False,
                "au01_intensity": 2, "au02_intensity": 0, "au12_intensity": 0, **one, **shared,
            },
            {"path": "SN002/0.png", "frame": 1, "au04": False, "au04_intensity": 1, **two, **shared},
            {"path": "SN002/1.png", "frame": 2, "au04": False, "au04_intensity": 0, **two, **shared},
        ]
    )  # fmt: skip
    assert_frame_equal(look(root, every_frame=1).drop("image_id"), expected.drop("image_id"))


@pytest.mark.parametrize(("intensity", "active"), [(0, False), (1, False), (2, True), (3, True), (4, True), (5, True)])
def test_an_action_unit_is_active_from_intensity_2_on(plant, intensity, active):
    """Naive, any intensity above 0: 1 would be active; or what is not active has no intensity."""
    root = plant({**labels("SN001", au6=[intensity]), "SN001/0.png": b""})
    assert what(look(root), "au06", "au06_intensity", "reason") == [(active, intensity, None)]


def test_every_10th_frame_is_kept_and_those_where_an_action_unit_comes_or_goes(plant):
    levels = "0000" + "1" + "22" + "3" * 20
    images = {f"frames/SN001/{number:05}.png": b"" for number in range(27)}
    root = plant({**labels("SN001", au1=levels), **images})
    assert what(look(root), "path", "au01") == [
        ("frames/SN001/00000.png", False),
        ("frames/SN001/00005.png", True),
        ("frames/SN001/00010.png", True),
        ("frames/SN001/00020.png", True),
    ]
    assert look(root, every_frame=1).height == 27


@pytest.mark.parametrize(
    ("numbers", "first"),
    [
        ((0, 1, 2), 0),
        ((1, 2, 3), 1),  # ffmpeg's way: number 3 is impossible when 3 frames are counted from 0
        ((1, 2), 0),
        ((0, 1, 2, 3), 0),
    ],
)
def test_images_count_from_0_unless_they_prove_that_they_count_from_1(plant, numbers, first):
    root = plant({**labels("SN001", au1="300"), **{f"SN001/{number}.png": b"" for number in numbers}})
    paths = what(look(root, every_frame=1), "path", "au01", "reason")
    reasons = {number: None if number in numbers else "missing_file" for number in range(4)}
    assert paths == [(f"SN001/{n}.png", n == first, reasons[n]) for n in range(first, first + 3)]


def test_a_frame_without_an_image_is_a_row(plant):
    root = plant({**labels("SN001", au1="00"), **labels("SN002", au1="0"), "SN001/0000.png": b""})
    assert what(look(root, every_frame=1), "path", "reason") == [
        ("SN001/0000.png", None),
        ("SN001/0001.png", "missing_file"),
        ("SN002/0.png", "missing_file"),
    ]


def test_a_bad_intensity_is_null_and_spares_the_others(plant):
    root = plant(
        {
            f"{LABELS}/SN001/SN001_au1.txt": b"\xef\xbb\xbf1,6\r\n2,\r\n3,x\r\n\r\n4,2.5\r\n5,2\r\n6,-1\r\n5,0\r\n",
            **labels("SN001", au2="22222"),
            **{f"SN001/{number}.png": b"" for number in range(6)},
        }
    )
    assert what(look(root, every_frame=1), "frame", "au01", "au01_intensity", "au02", "au02_intensity", "reason") == [
        (1, None, None, True, 2, "bad_label"),
        (2, None, None, True, 2, "bad_label"),
        (3, None, None, True, 2, "bad_label"),
        (4, None, None, True, 2, "bad_label"),
        (5, True, 2, True, 2, None),
        (6, None, None, None, None, "bad_label"),
    ]


def test_videos_are_listed_frame_by_frame_where_there_are_no_images(plant):
    left = "Videos_LeftCamera/LeftVideoSN001_comp.avi"
    root = plant(
        {
            **labels("SN001", au1="0220"),
            **labels("SN002", au1="0"),
            left: b"",
            "Videos_RightCamera/RightVideoSN001_comp.avi": b"",
            "Videos_RightCamera/RightVideoSN002_comp.avi": b"",
        }
    )
    missing = "Videos_LeftCamera/LeftVideoSN002_comp.avi"
    assert what(look(root), "path", "frame", "au01", "edition", "reason") == [
        (f"{left}#000000", 1, False, "left_videos", None),
        (f"{left}#000001", 2, True, "left_videos", None),
        (f"{left}#000003", 4, False, "left_videos", None),
        (f"{missing}#000000", 1, False, "left_videos", "missing_file"),
    ]
    right = look(root, edition="right_videos", every_frame=4)
    assert what(right, "path", "edition", "reason")[0] == (
        "Videos_RightCamera/RightVideoSN001_comp.avi#000000",
        "right_videos",
        None,
    )


def test_a_person_is_on_one_side(plant):
    """By hash of the name: SN005 is the one test subject among DISFA's 27."""
    numbers = [*range(1, 14), 16, 17, 18, 21, *range(23, 33)]
    files = {}
    for number in numbers:
        files |= {**labels(f"SN{number:03}", au1="22"), f"SN{number:03}/0.png": b"", f"SN{number:03}/1.png": b""}
    sides = {side: set(rows["subject"]) for (side,), rows in look(plant(files), every_frame=1).group_by("split")}
    assert sides["test"] == {"SN005"}
    assert sides["train"] == {f"SN{number:03}" for number in numbers} - sides["test"]


@pytest.mark.parametrize(
    ("files", "more", "message"),
    [
        (
            {"SN001/0.png": b""},
            {},
            "DISFA's label folder ActionUnit_Labels is not in ROOT; found SN001 in ROOT. Cure: set root to the folder "
            "that holds DISFA's folder ActionUnit_Labels.",
        ),
        (
            {f"{LABELS}/readme.txt": b"", "SN001/0.png": b""},
            {},
            "DISFA's label folder has no file like SN001/SN001_au1.txt; found readme.txt in ROOT/ActionUnit_Labels. "
            "Cure: unpack DISFA's action unit labels into it.",
        ),
        (
            {
                **labels("SN001", au1="0"),
                "Video_LeftCamera.zip": b"",
                "Videos_RightCamera/RightVideoSN001_comp.avi": b"",
            },
            {"edition": "left_videos"},
            "DISFA has neither frames like SN001/0.png (frames) nor videos like "
            "Videos_LeftCamera/LeftVideoSN001_comp.avi (left_videos, or right_videos) in ROOT; found "
            "ActionUnit_Labels, Video_LeftCamera.zip, Videos_RightCamera in ROOT. Cure: unpack DISFA's videos, or "
            "extract their frames, into root, and set edition to what lies there or auto.",
        ),
    ],
)
def test_an_unknown_layout_says_what_was_looked_for_and_the_cure(plant, files, more, message):
    root = plant(files)
    with pytest.raises(SourceError, match=f"^{re.escape(message.replace('ROOT', os.fspath(root)))}$"):
        look(root, **more)
