import logging
import os
import re

import pytest
from polars.testing import assert_frame_equal

from seke_pipeline.sources import SourceSettings, scan
from seke_pipeline.sources.errors import SourceError

OCC, INT = "AUCoding/AU_OCC", "AUCoding/AU_INT"
HEADER = b"0,1,2,4,5,6,7,9,10,11,12,13,14,15,16,17,18,19,20,22,23,24,27,28\r\n"


def look(root, **more):
    return scan(SourceSettings(name="bp4d", kind="bp4d", root=root, **more))


def what(frame, *columns):
    return frame.select(columns).rows()


def test_the_whole_table(plant, listed, caplog):
    """The header of BP4D's own files; 9 is not absent; AUs outside the 17 (11, 13, 27 ...) are left out.

    Intensities lie in a file for each action unit; naive, clipped to the scale: the 9 of AU10 is 5.
    """
    root = plant(
        {
            f"{OCC}/F001_T1.csv": b"\xef\xbb\xbf" + HEADER + b"643,1,0,1,9,0,1,9,0,1,1,1,0,1,1,0,1,1,9,1,0,1,1,1\r\n"
            b"\r\n2440,0,0,0,9,1,0,9,1,0,0,0,1,0,0,1,0,0,9,0,9,0,0,0\r\n",
            f"{OCC}/M018_T8.csv": b"0,12,6\n7,0,1\n",
            f"{INT}/AU06/F001_T1_AU06.csv": b"643,0\r\n2440,3\r\n2441,5\r\n",
            f"{INT}/AU10/F001_T1_AU10.csv": b"643,9\n2440,5\n",
            f"{INT}/AU12/M018_T8_AU12.csv": b"\xef\xbb\xbf007,1\n",
            "F001/T1/0643.jpg": b"padded",
            "F001/T1/2440.jpg": b"",
            "F001/T1/2441.jpg": b"no code, so not listed",
            "F001/T1/.DS_Store": b"",
            "M018/T8/007.jpg": b"padded",
        }
    )
    shared = {
        "source": "bp4d",
        "edition": "AU_OCC",
        "licence": "BP4D: licensed by Binghamton University; research only, no redistribution.",
    }
    expected = listed(
        [
            {
                "image_id": "1e88de2e5b2205ac", "split": "train", "path": "F001/T1/0643.jpg", "subject": "F001",
                "video": "F001_T1", "frame": 643, "au01": True, "au02": False, "au04": True, "au05": None,
                "au06": False, "au07": True, "au09": None, "au10": False, "au12": True, "au14": False, "au15": True,
                "au17": False, "au20": None, "au23": False, "au24": True,
                "au06_intensity": 0, "au10_intensity": None, **shared,
            },
            {
                "image_id": "61c654772d33c393", "split": "train", "path": "F001/T1/2440.jpg", "subject": "F001",
                "video": "F001_T1", "frame": 2440, "au01": False, "au02": False, "au04": False, "au05": None,
                "au06": True, "au07": False, "au09": None, "au10": True, "au12": False, "au14": True, "au15": False,
                "au17": True, "au20": None, "au23": None, "au24": False,
                "au06_intensity": 3, "au10_intensity": 5, **shared,
            },
            {
                "image_id": "e093a050479d518b", "split": "test", "path": "M018/T8/007.jpg", "subject": "M018",
                "video": "M018_T8", "frame": 7, "au06": True, "au12": False, "au12_intensity": 1, **shared,
            },
        ]
    )  # fmt: skip
    assert_frame_equal(look(root), expected)
    assert not caplog.records


def test_columns_are_found_by_their_number_whatever_their_order(plant):
    root = plant({f"{OCC}/F001_T1.csv": b"0, 12,4,1\n1,1,9,0\n", "F001/T1/1.jpg": b""})
    assert what(look(root), "au01", "au02", "au04", "au12", "reason") == [(False, None, None, True, None)]


def test_frames_join_by_number_padded_or_not_and_one_folder_deeper(plant):
    root = plant(
        {
            f"{OCC}/F001_T1.csv": b"0,1\n7,1\n0012,1\n",
            f"{OCC}/F001_T2.csv": b"0,1\n7,1\n12,0\n",
            "2D images/F001/T1/0007.jpg": b"",
            "2D images/F001/T1/0012.jpg": b"",
            "2D images/F001/T2/7.jpg": b"",
            "2D images/F001/T2/12.jpg": b"",
        }
    )
    assert what(look(root, every_frame=1), "path", "frame", "au01", "reason") == [
        ("2D images/F001/T1/0007.jpg", 7, True, None),
        ("2D images/F001/T1/0012.jpg", 12, True, None),
        ("2D images/F001/T2/12.jpg", 12, False, None),
        ("2D images/F001/T2/7.jpg", 7, True, None),
    ]


def test_of_two_copies_of_a_frame_the_shallower_is_taken(plant):
    root = plant(
        {f"{OCC}/F001_T1.csv": b"0,1\n7,1\n", "F001/T1/7.jpg": b"", "A/F001/T1/7.jpg": b"", "F001/T1/07.jpg": b""}
    )
    assert what(look(root), "path", "reason") == [("F001/T1/07.jpg", None)]


def test_a_coded_frame_without_an_image_is_a_row_named_as_its_sequence_names_frames(plant):
    root = plant(
        {
            f"{OCC}/F001_T1.csv": b"0,1\n7,1\n8,5\n",
            f"{OCC}/F001_T2.csv": b"0,1\n7,1\n8,0\n",
            f"{OCC}/F002_T1.csv": b"0,1\n7,1\n",
            "2D/F001/T1/0007.jpg": b"",
            "2D/F001/T2/7.jpg": b"",
        }
    )
    assert what(look(root, every_frame=1), "path", "subject", "frame", "au01", "reason") == [
        ("2D/F001/T1/0007.jpg", "F001", 7, True, None),
        ("2D/F001/T1/0008.jpg", "F001", 8, None, "missing_file"),
        ("2D/F001/T2/7.jpg", "F001", 7, True, None),
        ("2D/F001/T2/8.jpg", "F001", 8, False, "missing_file"),
        ("2D/F002/T1/7.jpg", "F002", 7, True, "missing_file"),
    ]


def test_a_bad_cell_is_null_and_spares_the_others_and_a_line_without_a_frame_is_counted(plant, caplog):
    root = plant(
        {
            f"{OCC}/F001_T1.csv": b'0,1,2,99\n1,1,7,3\n2,0\n3,"1,0\n4,,1\nx,1,1\n,0,0\n5, 1 ,0,0,0,0\n5,0,0\n',
            **{f"F001/T1/{frame}.jpg": b"" for frame in range(1, 6)},
        }
    )
    with caplog.at_level(logging.WARNING):
        frame = look(root, every_frame=1)
    assert what(frame, "frame", "au01", "au02", "reason") == [
        (1, True, None, "bad_label"),
        (2, False, None, "bad_label"),
        (3, None, False, "bad_label"),
        (4, None, True, "bad_label"),
        (5, True, False, None),
    ]
    assert [record.getMessage() for record in caplog.records] == [
        f"2 of 8 lines of {root / OCC} name no image, first 'F001 T1 x 1 1'"
    ]


def test_an_intensity_never_changes_presence_and_9_is_unknown(plant):
    """Naive: intensity 0 is absent, above 0 present, and 9 above all the most intense."""
    root = plant(
        {
            f"{OCC}/F001_T1.csv": b"0,6,12\n1,1,9\n2,0,1\n3,1,0\n4,0,0\n",
            f"{INT}/AU06/F001_T1_AU06.csv": b"1,0\n2,4\n3,9\n9,5\n",
            f"{INT}/AU12/F001_T1_AU12.csv": b"1,2\n2,9\n3,1\n4,0\n",
            **{f"F001/T1/{frame}.jpg": b"" for frame in range(1, 5)},
        }
    )
    rows = look(root, every_frame=1)
    assert what(rows, "frame", "au06", "au06_intensity", "au12", "au12_intensity", "reason") == [
        (1, True, 0, None, 2, None),
        (2, False, 4, True, None, None),
        (3, True, None, False, 1, None),
        (4, False, None, False, 0, None),
    ]


def test_a_bad_intensity_is_null_and_the_first_of_two_counts_and_other_files_are_passed_over(plant, caplog):
    root = plant(
        {
            f"{OCC}/f001_t1.csv": b"0,17\n" + b"".join(b"%d,1\n" % frame for frame in range(1, 8)),
            f"{INT}/au17/f001_t1_au17.CSV": b"frame,intensity\n1,6\n2,\n3,x\n4,2.5\n5, 2 \n5,3\n6,-1\n\n",
            f"{INT}/AU17/F001_T2_AU17.csv": b"1,7\n",
            f"{INT}/AU04/F001_T1_AU04.csv": b"7,3\n",  # not one of the five
            f"{INT}/AU17/readme.txt": b"",
            f"{INT}/readme.csv": b"",
            **{f"F001/T1/{frame}.jpg": b"" for frame in range(1, 8)},
        }
    )
    with caplog.at_level(logging.WARNING):
        rows = look(root, every_frame=1)
    assert what(rows, "frame", "au17", "au17_intensity", "au04_intensity", "reason") == [
        (1, True, None, None, "bad_label"),
        (2, True, None, None, "bad_label"),
        (3, True, None, None, "bad_label"),
        (4, True, None, None, "bad_label"),
        (5, True, 2, None, None),
        (6, True, None, None, "bad_label"),
        (7, True, None, None, None),
    ]
    assert [record.getMessage() for record in caplog.records] == [
        f"1 of 9 lines of {root / INT} name no image, first 'F001 T1 au17_intensity frame,intensity'"
    ]


@pytest.mark.parametrize(
    ("files", "warnings"),
    [
        ({}, 0),
        ({f"{INT}/": b""}, 0),
        ({INT: b"no folder"}, 0),
        ({f"{INT}/AU06/F001_T1_AU06.csv": b""}, 1),
        ({f"{INT}/AU06/F001_T1_AU06.csv": b"\x00\xff\n"}, 2),
        ({f"{INT}/AU06/F001_T1_AU06.csv/": b""}, 1),
    ],
)
def test_intensities_may_be_missing(plant, caplog, files, warnings):
    root = plant({f"{OCC}/F001_T1.csv": b"0,6\n1,1\n", "F001/T1/1.jpg": b"", **files})
    with caplog.at_level(logging.WARNING):
        assert what(look(root), "au06", "au06_intensity", "reason") == [(True, None, None)]
    assert len(caplog.records) == warnings


@pytest.mark.parametrize("content", [b"1,0,9,9,0\n2,1,9,9,0\n", b"", b"frame,intensity\n1,3\n"])
def test_a_file_without_a_header_of_au_numbers_is_left_out_and_said(plant, caplog, content):
    root = plant({f"{OCC}/F001_T1.csv": content, f"{OCC}/F001_T2.csv": b"0,1\n1,1\n", "F001/T2/1.jpg": b""})
    with caplog.at_level(logging.WARNING):
        frame = look(root)
    assert what(frame, "path", "au01") == [("F001/T2/1.jpg", True)]
    assert len(caplog.records) == 1
    assert "F001_T1.csv" in caplog.text


@pytest.mark.parametrize(
    ("every_frame", "frames"),
    [(None, [2440, 2443, 2445, 2450, 2460]), (4, [2440, 2443, 2444, 2445, 2448, 2452, 2456, 2460])],
)
def test_of_a_sequence_every_nth_frame_is_kept_and_those_where_an_action_unit_changes(plant, every_frame, frames):
    """AU1 comes with frame 2443 and goes with 2445; that it cannot be seen in 2447 (9) is no change."""
    codes = {2443: 1, 2444: 1, 2447: 9}
    lines = "".join(f"{frame},{codes.get(frame, 0)}\n" for frame in range(2440, 2461))
    root = plant(
        {f"{OCC}/F001_T1.csv": f"0,1\n{lines}".encode(), **{f"F001/T1/{frame}.jpg": b"" for frame in range(2440, 2461)}}
    )
    more = {} if every_frame is None else {"every_frame": every_frame}
    assert look(root, **more)["frame"].to_list() == frames


def test_a_person_is_on_one_side_and_the_settings_may_overrule(plant):
    """By hash of the name F004, M006 and M018 are the test subjects among BP4D's 41."""
    subjects = [f"F{n:03}" for n in range(1, 24)] + [f"M{n:03}" for n in range(1, 19)]
    files = {f"{OCC}/{subject}_{task}.csv": b"0,1\n1,1\n" for subject in subjects for task in ("T1", "T2")}
    images = {f"{subject}/{task}/1.jpg": b"" for subject in subjects for task in ("T1", "T2")}
    root = plant({**files, **images})
    frame = look(root)
    sides = {side: set(rows["subject"]) for (side,), rows in frame.group_by("split")}
    assert sides["test"] == {"F004", "M006", "M018"}
    assert sides["train"] == set(subjects) - sides["test"]
    assert set(look(root, split="test")["split"]) == {"test"}


def test_images_out_of_the_root_are_not_followed(plant, tmp_path):
    (tmp_path / "secret.jpg").write_bytes(b"")
    root = plant({f"{OCC}/F001_T1.csv": b"0,1\n1,1\n2,1\n", "F001/T1/2.jpg": b""})
    (root / "F001/T1/1.jpg").symlink_to(tmp_path / "secret.jpg")
    assert what(look(root, every_frame=1), "path", "reason") == [
        ("F001/T1/1.jpg", "outside_root"),
        ("F001/T1/2.jpg", None),
    ]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"F001/T1/1.jpg": b""},
            "BP4D's label folder AUCoding/AU_OCC is not in ROOT; found F001 in ROOT. Cure: set root to the folder "
            "that holds BP4D's AUCoding folder and its subjects' folders.",
        ),
        (
            {f"{OCC}/readme.csv": b"", "F001/T1/1.jpg": b""},
            "BP4D's label folder has no file like F001_T1.csv; found readme.csv in ROOT/AUCoding/AU_OCC. Cure: "
            "unpack BP4D's AU_OCC files into it.",
        ),
        (
            {f"{OCC}/F001_T1.csv": b"0,1\n1,1\n", "F001/2D_T1.zip": b"", "a/b/F001/T1/1.jpg": b""},
            "BP4D has no images like F001/T1/2440.jpg in ROOT, nor one folder deeper; found AUCoding, F001, a in ROOT. "
            "Cure: unpack BP4D's 2D images so that root or one folder in it holds F001, F002 and so on.",
        ),
        (
            {f"{OCC}/F001_T1.csv": b"", "F001/T1/1.jpg": b""},
            "None of the 0 lines of ROOT/AUCoding/AU_OCC names an image. Cure: put back the label file as the "
            "database ships it (README.md, 'Sources', shows a line).",
        ),
    ],
)
def test_an_unknown_layout_says_what_was_looked_for_and_the_cure(plant, files, message):
    root = plant(files)
    with pytest.raises(SourceError, match=f"^{re.escape(message.replace('ROOT', os.fspath(root)))}$"):
        look(root)
