import re

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from seke_pipeline.sources import SourceSettings, scan
from seke_pipeline.sources.errors import SourceError

LICENCE = "CK+: by agreement with its authors; research only, no redistribution."


def look(root, **more):
    return scan(SourceSettings(name="ckplus", kind="ckplus", root=root, **more))


def what(frame, *columns):
    return frame.select(columns or ("path", "expression", "reason")).rows()


def sequence(subject, number, frames, extra=""):
    folder = f"cohn-kanade-images/{subject}/{number}"
    images = {f"{folder}/{subject}_{number}_{frame:08}.png": b"png" for frame in range(1, frames + 1)}
    return {**images, f"{folder}/.DS_Store": b"\0"}


def emotion(stem, text):
    return {f"Emotion/{stem[:4]}/{stem[5:8]}/{stem}_emotion.txt": text}


def facs(stem, text):
    return {f"FACS/{stem[:4]}/{stem[5:8]}/{stem}_facs.txt": text}


def aus(present):
    """Presence and intensity of all 17; `present` is number → intensity."""
    numbers = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 24, 25, 26)
    levels = {f"au{number:02}_intensity": present.get(number, 0) for number in numbers}
    return {f"au{number:02}": number in present for number in numbers} | levels


def test_the_whole_table(plant, listed):
    """S005's files byte for byte; S113 was never given an emotion, S022 has no FACS file here."""
    root = plant(
        {
            **sequence("S005", "001", 11),
            **emotion("S005_001_00000011", b"   3.0000000e+00\n"),
            **facs("S005_001_00000011", b"   9.0000000e+00   4.0000000e+00\n   1.7000000e+01   3.0000000e+00\n\n"),
            **sequence("S113", "002", 3),
            "Emotion/S113/002/": b"",
            # AU11 and AU27 are none of the 17; the intensities of 1, 2 and 25 were not given, which is present.
            # Naive: intensity 0 is absent (au01, au02, au25 False), or column 2 alone above 1 (OpenGraphAU).
            **facs(
                "S113_002_00000003",
                b"   1.0000000e+00   0.0000000e+00\r\n   2.0000000e+00   0.0000000e+00\r\n"
                b"   2.5000000e+01   0.0000000e+00\r\n"
                b"   2.7000000e+01   5.0000000e+00\r\n   1.1000000e+01   1.0000000e+00\r\n",
            ),
            **sequence("S022", "005", 2),
            **emotion("S022_005_00000002", b"   1.0000000e+00"),
            "FACS/S022/005/": b"",
            **sequence("S130", "009", 2),  # neither emotion nor FACS: nobody labelled it
            "Landmarks/S005/001/S005_001_00000011_landmarks.txt": b"   2.1e+02   2.0e+02\n",
        }
    )
    shared = {"source": "ckplus", "edition": "full", "licence": LICENCE}
    folder = "cohn-kanade-images"
    expected = listed(
        [
            {
                "split": "train", "path": f"{folder}/S005/001/S005_001_00000011.png",
                "subject": "S005", "video": "S005/001", "frame": 11, "expression": "disgust",
                **aus({9: 4, 17: 3}), **shared,
            },
            {
                "split": "train", "path": f"{folder}/S022/005/S022_005_00000002.png",
                "subject": "S022", "video": "S022/005", "frame": 2, "expression": "anger", **shared,
            },
            {
                "split": "train", "path": f"{folder}/S113/002/S113_002_00000003.png",
                "subject": "S113", "video": "S113/002", "frame": 3, **aus(dict.fromkeys((1, 2, 25))), **shared,
            },
        ]
    )  # fmt: skip
    assert_frame_equal(look(root).drop("image_id"), expected.drop("image_id"))


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (0, "neutral"),
        (1, "anger"),  # AffectNet's 1 is happiness, RAF-DB's surprise
        (2, "contempt"),
        (3, "disgust"),
        (4, "fear"),
        (5, "happiness"),
        (6, "sadness"),
        (7, "surprise"),
    ],
)
def test_the_codes_are_ck_pluss_own(plant, code, word):
    root = plant({**sequence("S010", "001", 1), **emotion("S010_001_00000001", b"   %d.0000000e+00\n" % code)})
    assert what(look(root), "expression", "reason") == [(word, None)]


@pytest.mark.parametrize(
    "content", [b"   8.0000000e+00\n", b"", b"   3.5000000e+00\n", b"nan", b"anger\n", b"\xff\xfe", b"-1"]
)
def test_an_emotion_that_is_none_is_a_bad_label_and_spares_the_action_units(plant, content):
    stem = "S010_001_00000001"
    root = plant({**sequence("S010", "001", 1), **emotion(stem, content), **facs(stem, b" 1.2e+01 0.0e+00\n")})
    assert what(look(root), "expression", "au12", "au04", "reason") == [(None, True, False, "bad_label")]


@pytest.mark.parametrize(
    ("content", "au12", "au04"),
    [
        (b"   1.2000000e+01   2.0000000e+00\n   x\n", True, None),
        (b"   1.2000000e+01   2.0000000e+00\n   4.5000000e+00   1.0000000e+00\n", True, None),
        (b"   1.2000000e+01   9.0000000e+00\n", None, None),
        (b"", None, None),
        (b" \n", None, None),
    ],
)
def test_absence_follows_only_from_a_file_that_can_be_read_whole(plant, content, au12, au04):
    """Naive: what cannot be read is not there, so AU4 is absent."""
    root = plant({**sequence("S010", "001", 1), **facs("S010_001_00000001", content)})
    assert what(look(root), "au12", "au04", "reason") == [(au12, au04, "bad_label")]


def test_intensity_0_is_not_given_and_not_absent(plant):
    """Naive: the 0 of AU12's line is the 0 of an absent action unit; then a rule takes the smile for none."""
    content = (
        b" 1.2e+01 0.0e+00\n 6.0e+00 5.0e+00\n 2.5e+01 2.0e+00\n 2.5e+01 4.0e+00\n 1.0e+00 0.0e+00\n 1.0e+00 1.0e+00\n"
    )
    root = plant({**sequence("S010", "001", 1), **facs("S010_001_00000001", content)})
    rows = look(root)
    assert what(rows, "au12", "au12_intensity", "au04", "au04_intensity", "reason") == [(True, None, False, 0, None)]
    assert what(rows, "au06_intensity", "au25_intensity", "au01_intensity") == [(5, 4, 1)]


@pytest.mark.parametrize("intensity", ["6.0e+00", "2.5e+00", "nan"])
def test_an_intensity_that_is_none_is_null_and_nothing_is_absent(plant, intensity):
    content = f" 1.2e+01 {intensity}\n 6.0e+00 3.0e+00\n".encode()
    root = plant({**sequence("S010", "001", 1), **facs("S010_001_00000001", content)})
    columns = ("au12", "au12_intensity", "au06", "au06_intensity", "au04", "au04_intensity", "reason")
    assert what(look(root), *columns) == [(None, None, True, 3, None, None, "bad_label")]


def test_a_peak_that_is_not_there_is_a_row_and_no_earlier_frame_takes_its_label(plant):
    root = plant({**sequence("S010", "001", 4), **emotion("S010_001_00000014", b"   7.0000000e+00\n")})
    # naive: the last image that is there, S010_001_00000004.png, is surprise
    assert what(look(root)) == [("cohn-kanade-images/S010/001/S010_001_00000014.png", "surprise", "missing_file")]


def test_of_the_last_three_frames_the_peak_alone_is_listed(plant):
    root = plant(
        {
            **{f"anger/S010_004_000000{frame}.png": b"" for frame in (17, 18, 19)},
            **{f"CK+48/Happy/S022_003_000000{frame}.png": b"" for frame in (28, 29, 30)},
            "other/S010_001_00000001.png": b"",
            "anger/readme.png": b"",
        }
    )
    # naive: six rows, three of each person's nearly equal pictures
    assert what(look(root), "path", "subject", "video", "frame", "expression", "edition", "reason") == [
        ("CK+48/Happy/S022_003_00000030.png", "S022", "S022/003", 30, "happiness", "last_three_frames", None),
        ("anger/S010_004_00000019.png", "S010", "S010/004", 19, "anger", "last_three_frames", None),
    ]


def test_labels_go_before_folders_and_the_settings_may_choose(plant):
    root = plant(
        {"sadness/S010_001_00000003.png": b"", "Emotion/S010/001/S010_001_00000003_emotion.txt": b" 4.0000000e+00\n"}
    )
    assert what(look(root), "expression", "edition") == [("fear", "full")]
    assert what(look(root, edition="last_three_frames"), "expression", "edition") == [("sadness", "last_three_frames")]


def test_the_zip_files_own_folders_may_stand_around_the_labels(plant):
    root = plant(
        {
            "CK+/cohn-kanade-images/S010/001/S010_001_00000003.png": b"",
            "Emotion_labels/Emotion/S010/001/S010_001_00000003_emotion.txt": b"   4.0000000e+00\n",
            "FACS_labels/FACS/S010/001/S010_001_00000003_facs.txt": b"   4.0000000e+00   0.0000000e+00\n",
        }
    )
    assert what(look(root), "path", "expression", "au04") == [
        ("CK+/cohn-kanade-images/S010/001/S010_001_00000003.png", "fear", True)
    ]


def test_a_person_is_on_one_side(plant):
    subjects = [f"S{number:03}" for number in range(10, 60)]
    sequences = (("fear", "001"), ("anger", "002"))
    files = [f"{word}/{subject}_{number}_00000010.png" for subject in subjects for word, number in sequences]
    sides = look(plant(dict.fromkeys(files, b""))).group_by("split").agg(pl.col("subject").unique().sort())
    test = ["S010", "S012", "S048"]
    assert dict(sides.rows()) == {"test": test, "train": sorted({*subjects} - {*test})}


def test_an_image_that_leads_out_of_the_root_is_not_followed(plant, tmp_path):
    (tmp_path / "secret.png").write_bytes(b"")
    root = plant({"anger/S010_004_00000018.png": b""})
    (root / "anger/S010_004_00000019.png").symlink_to(tmp_path / "secret.png")
    assert what(look(root), "path", "reason") == [("anger/S010_004_00000019.png", "outside_root")]


@pytest.mark.parametrize(
    ("files", "edition"),
    [
        ({"notes.txt": b"", "cohn-kanade-images/S010/001/S010_001_00000001.png": b""}, "auto"),
        ({"Emotion/S010/001/S010_001_00000001_emotion.txt": b"   1.0000000e+00\n"}, "auto"),
        ({"anger/S010_004_00000019.png": b""}, "full"),
    ],
)
def test_an_unknown_layout_says_what_was_looked_for_and_the_cure(plant, files, edition):
    root = plant(files)
    found = ", ".join(sorted(entry.name for entry in root.iterdir()))
    message = (
        "CK+ has neither cohn-kanade-images with label files in Emotion or FACS (full), nor images like "
        f"anger/S010_004_00000019.png (last_three_frames) in {root}; found {found} in {root}. Cure: set root to the "
        "folder that CK+'s zip files were unpacked into, and edition to what lies there or auto."
    )
    with pytest.raises(SourceError, match=f"^{re.escape(message)}$"):
        look(root, edition=edition)
