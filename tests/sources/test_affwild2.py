import logging
import os
import re

import pytest
from polars.testing import assert_frame_equal

from seke_pipeline.sources import SourceSettings, scan
from seke_pipeline.sources.errors import SourceError

LICENCE = "Aff-Wild2: by agreement with its authors; non-commercial research only, no redistribution."
VA = "valence,arousal"
EXPR = "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other"
AU = "AU1,AU2,AU4,AU6,AU7,AU10,AU12,AU15,AU23,AU24,AU25,AU26"
AUS = ("au01", "au02", "au04", "au06", "au07", "au10", "au12", "au15", "au23", "au24", "au25", "au26")
ABAW3 = {"va": "VA_Estimation_Challenge", "expr": "EXPR_Classification_Challenge", "au": "AU_Detection_Challenge"}


def look(root, **more):
    return scan(SourceSettings(name="affwild2", kind="affwild2", root=root, **more))


def what(frame, *columns):
    return frame.select(columns).rows()


def labels(challenge, side, video, header, *lines, base="Third_ABAW_Annotations"):
    return {f"{base}/{ABAW3.get(challenge, challenge)}/{side}/{video}.txt": "\n".join([header, *lines, ""]).encode()}


def crops(video, *frames, folder="cropped_aligned"):
    return {f"{folder}/{video}/{frame:05}.jpg": b"jpeg" for frame in frames}


def test_the_whole_table_of_three_challenges_that_overlap(plant, listed):
    """Line k after the header is {k:05d}.jpg; what the challenges say of a frame is merged."""
    root = plant(
        {
            **labels(
                "va", "Train_Set", "1-30-1280x720", VA, "0.297,0.312", "-5,-5", "-0.5,-5", "-5,-5", "0.1,0.2", "0.3,0.4"
            ),
            **labels("expr", "Train_Set", "1-30-1280x720", EXPR, "0", "4", "-1", "-1", "7"),
            **labels(
                "au", "Train_Set", "1-30-1280x720", AU, *["0,0,1,0,0,0,-1,0,0,0,1,0"] * 2, *[",".join(["-1"] * 12)] * 4
            ),
            # frame 5 has no crop: no face was found in it
            **crops("1-30-1280x720", 1, 2, 3, 4, 6),
            "cropped_aligned/1-30-1280x720/.DS_Store": b"",
            **labels("expr", "Validation_Set", "video5", EXPR, "7"),
            **crops("video5", 1, folder="cropped_aligned_new_50_vids"),
            **crops("video6", 1),  # nobody labelled it
        }
    )
    shared = {"source": "affwild2", "edition": "challenges", "licence": LICENCE}
    first = {"video": "1-30-1280x720", "subject": "1-30-1280x720", "split": "train"}
    coded = {**dict.fromkeys(AUS, False), "au04": True, "au25": True, "au12": None}  # naive: -1 is active, or is not
    folder = "cropped_aligned/1-30-1280x720"
    expected = listed(
        [
            # naive, the header counted as line 1: frame 1 has no values and frame 2 these
            {
                "path": f"{folder}/00001.jpg", "frame": 1, "expression": "neutral", "valence": 0.297, "arousal": 0.312,
                **coded, **first, **shared,
            },
            {"path": f"{folder}/00002.jpg", "frame": 2, "expression": "happiness", **coded, **first, **shared},
            # frames 3 and 4: nobody gave a value (naive: a valence of -0.5 or -5). Frame 5: no crop.
            # naive, the n-th crop is the n-th line: 00006.jpg has the values of line 5
            {"path": f"{folder}/00006.jpg", "frame": 6, "valence": 0.3, "arousal": 0.4, **first, **shared},
            # Other is a word of a coder, but none of the eight: listed, and unknown
            {
                "path": "cropped_aligned_new_50_vids/video5/00001.jpg", "frame": 1, "video": "video5",
                "subject": "video5", "split": "test", **shared,
            },
        ]
    )  # fmt: skip
    assert_frame_equal(look(root, every_frame=1).drop("image_id"), expected.drop("image_id"))


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (0, "neutral"), (1, "anger"), (2, "disgust"), (3, "fear"), (4, "happiness"), (5, "sadness"), (6, "surprise"),
        (7, None),
    ],
)  # fmt: skip
def test_the_codes_are_aff_wild2s_own(plant, code, word):
    root = plant({**labels("expr", "Train_Set", "a", EXPR, str(code)), **crops("a", 1)})
    assert what(look(root), "expression", "reason") == [(word, None)]


def test_the_naming_of_abaw1_and_the_names_of_later_editions(plant):
    """ABAW1 had 8 action units and no Other; the columns are found by the header."""
    names = {"base": "annotations"}
    root = plant(
        {
            **labels("VA_Set", "Training_Set", "a", VA, "0.5,0.25", **names),
            **labels("AU_Set", "Training_Set", "a", "AU1,AU2,AU4,AU6,AU12,AU15,AU20,AU25", "1,0,0,0,1,0,1,0", **names),
            **labels(
                "EXPR_Set", "Validation_Set", "b", "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise", "6", **names
            ),
            **crops("a", 1),
            **crops("b", 1),
        }
    )
    # naive, ABAW3's 12 columns: the 1 of AU12 is AU7's, that of AU20 AU12's
    assert what(look(root), "video", "split", "expression", "valence", "au07", "au12", "au20") == [
        ("a", "train", None, 0.5, None, True, True),
        ("b", "test", "surprise", None, None, None, None),
    ]
    later = plant(
        {**labels("EXPR_Recognition_Challenge", "Train_Set", "c", EXPR, "6", base="new/6th ABAW Annotations")}
    )
    assert what(look(_with_crops(later / "new")), "video", "expression") == [("c", "surprise")]


def _with_crops(root):
    (root / "Faces/cropped_aligned/c").mkdir(parents=True)
    (root / "Faces/cropped_aligned/c/00001.jpg").write_bytes(b"")
    return root


def test_a_video_that_any_challenge_validates_on_is_test_with_both_its_people(plant):
    root = plant(
        {
            # train for VA, validation for AU: naive, the split of the first file that lists it
            **labels("va", "Train_Set", "video1", VA, "0.1,0.1"),
            **labels("au", "Validation_Set", "video1", AU, ",".join(["0"] * 12)),
            # one video, two people, two sides: naive, video2 is taught and asked about
            **labels("expr", "Train_Set", "video2_left", EXPR, "1"),
            **labels("expr", "Validation_Set", "video2_right", EXPR, "2"),
            **labels("expr", "Train_Set", "video3", EXPR, "3"),
            **labels("expr", "Train_Set", "left_video4", EXPR, "3"),
            **crops("video1", 1),
            **crops("video2_left", 1),
            **crops("video2_right", 1),
            **crops("video3", 1),
            **crops("left_video4", 1),
        }
    )
    assert what(look(root), "path", "video", "subject", "split") == [
        ("cropped_aligned/left_video4/00001.jpg", "left_video4", "left_video4", "train"),
        ("cropped_aligned/video1/00001.jpg", "video1", "video1", "test"),
        ("cropped_aligned/video2_left/00001.jpg", "video2", "video2", "test"),
        ("cropped_aligned/video2_right/00001.jpg", "video2", "video2", "test"),
        ("cropped_aligned/video3/00001.jpg", "video3", "video3", "train"),
    ]


def test_every_10th_line_is_kept_and_those_where_an_action_unit_changes(plant):
    lines = ["0" + ",0" * 11] * 4 + ["1" + ",0" * 11] * 19
    root = plant({**labels("au", "Train_Set", "a", AU, *lines), **crops("a", *range(1, 11), *range(12, 24))})
    # line 11 is chosen and has no crop; its neighbour does not stand in for it, or a later crop would move the choice
    assert look(root)["frame"].to_list() == [1, 5, 21]
    assert look(root, every_frame=5)["frame"].to_list() == [1, 5, 6, 16, 21]
    assert look(root, every_frame=1).height == 22


def test_a_blank_line_is_a_frame_and_a_bad_cell_spares_the_others(plant):
    lines = ["0.1,0.2", "", "0.3,x", "1.5,0.5", "nan,0", "0.5", " 0.6 , 0.7 "]
    content = b"\xef\xbb\xbf" + "\r\n".join([VA, *lines]).encode()
    root = plant({"annotations/VA_Set/Training_Set/a.txt": content, **crops("a", *range(1, 9))})
    # naive, blank lines dropped: 0.3 is frame 2's
    assert what(look(root, every_frame=1), "frame", "valence", "arousal", "reason") == [
        (1, 0.1, 0.2, None),
        (3, 0.3, None, "bad_label"),
        (4, None, 0.5, "bad_label"),
        (5, None, 0.0, "bad_label"),
        (6, 0.5, None, "bad_label"),
        (7, 0.6, 0.7, None),
    ]


def test_bad_codes_are_null_and_spare_the_others(plant):
    root = plant(
        {
            **labels("expr", "Train_Set", "a", EXPR, "8", "4.0", "1"),
            **labels("au", "Train_Set", "a", AU, "2" + ",0" * 11, "1,1", "9" + ",1" * 11),
            **crops("a", 1, 2, 3),
        }
    )
    assert what(look(root, every_frame=1), "frame", "expression", "au01", "au02", "au26", "reason") == [
        (1, None, None, False, False, "bad_label"),
        (2, "happiness", True, True, None, "bad_label"),
        (3, "anger", None, True, True, "bad_label"),
    ]


def test_a_file_without_its_header_is_left_out_and_said(plant, caplog):
    """Naive: its first line is taken for the header, and every label is a frame early."""
    root = plant(
        {
            **labels("va", "Train_Set", "a", "0.1,0.2", "0.3,0.4"),
            **labels("expr", "Train_Set", "a", EXPR, "1"),
            **labels("va", "Train_Set", "b", ""),
            **crops("a", 1, 2),
            **crops("b", 1),
        }
    )
    with caplog.at_level(logging.WARNING):
        assert what(look(root, every_frame=1), "frame", "expression", "valence") == [(1, "anger", None)]
    assert "VA_Estimation_Challenge/Train_Set/a.txt begins with '0.1,0.2'" in caplog.text
    assert "VA_Estimation_Challenge/Train_Set/b.txt begins with ''" in caplog.text


def multi_task(*lines, header="image,valence,arousal,expression,aus"):
    return "\n".join([header, *lines, ""]).encode()


@pytest.mark.parametrize("header", ["image,valence,arousal,expression,aus", f"image,valence,arousal,expression,{AU}"])
def test_the_multi_task_challenge(plant, listed, header):
    """One name in the header for 12 cells. Naive, as a table of 5 columns: 11 action units are cut off."""
    root = plant(
        {
            "training_set_annotations.txt": multi_task(
                "video1/00011.jpg,0.117,0.27,0,0,0,0,0,0,0,1,0,0,0,1,0",
                "video1/00012.jpg,-5,-5,-1" + ",-1" * 12,
                "video2_left/00001.jpg,-5.0,-5.0,7" + ",-1" * 12,
                "video3/00002.jpg,0.5,0.5,4" + ",0" * 12,
                header=header,
            ),
            "validation_set_annotations.txt": multi_task("video2_right/00001.jpg,-5,-5,-1" + ",1" * 12, header=header),
            **crops("video1", 11, 12),
            **crops("video2_left", 1, folder="cropped_aligned_new_50_vids"),
            **crops("video2_right", 1),
        }
    )
    shared = {"source": "affwild2", "edition": "multi_task", "licence": LICENCE}
    second = {"frame": 1, "video": "video2", "subject": "video2", "split": "test", **shared}
    expected = listed(
        [
            {
                "path": "cropped_aligned/video1/00011.jpg", "frame": 11, "video": "video1", "subject": "video1",
                "split": "train", "expression": "neutral", "valence": 0.117, "arousal": 0.27,
                **dict.fromkeys(AUS, False), "au12": True, "au25": True, **shared,
            },
            {"path": "cropped_aligned/video2_right/00001.jpg", **dict.fromkeys(AUS, True), **second},
            {
                "path": "cropped_aligned/video3/00002.jpg", "frame": 2, "video": "video3", "subject": "video3",
                "split": "train", "expression": "happiness", "valence": 0.5, "arousal": 0.5,
                **dict.fromkeys(AUS, False), "reason": "missing_file", **shared,
            },
            {"path": "cropped_aligned_new_50_vids/video2_left/00001.jpg", **second},
        ]
    )  # fmt: skip
    assert_frame_equal(look(root).drop("image_id"), expected.drop("image_id"))


def test_names_in_the_multi_task_file_do_not_lead_out_of_the_root(plant, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/00001.jpg").write_bytes(b"")
    root = plant(
        {
            "training_set_annotations.txt": multi_task(
                "../../a/00001.jpg,0,0,0" + ",0" * 12, "nonsense", "b/00001.jpg,0,0,0" + ",0" * 12
            ),
            **crops("b", 1),
        }
    )
    assert what(look(root), "path", "reason") == [
        ("../a/00001.jpg", "outside_root"),
        ("cropped_aligned/b/00001.jpg", None),
    ]


def test_the_challenges_go_before_the_multi_task_file_and_the_settings_may_choose(plant):
    root = plant(
        {
            **labels("expr", "Train_Set", "a", EXPR, "1"),
            "annotations/training_set_annotations.txt": multi_task("a/00001.jpg,0.5,0.5,2" + ",0" * 12),
            **crops("a", 1),
        }
    )
    assert what(look(root), "expression", "edition") == [("anger", "challenges")]
    assert what(look(root, edition="multi_task"), "expression", "edition") == [("disgust", "multi_task")]


def test_videos_are_listed_frame_by_frame_where_there_are_no_crops(plant, caplog):
    root = plant(
        {
            **labels("expr", "Train_Set", "video1", EXPR, "1", "-1", "2"),
            **labels("expr", "Train_Set", "video2_left", EXPR, "1"),
            "batch1/video1.mp4": b"",
            "batch2/video2.avi": b"",
        }
    )
    with caplog.at_level(logging.WARNING):
        frame = look(root, every_frame=1)
    assert what(frame, "path", "frame", "expression", "edition") == [
        ("batch1/video1.mp4#000000", 1, "anger", "challenges_in_videos"),
        ("batch1/video1.mp4#000002", 3, "disgust", "challenges_in_videos"),
    ]
    # naive: both people's labels are of whichever face is the larger
    assert "1 of 2 labelled videos are not in" in caplog.text


@pytest.mark.parametrize(
    ("files", "more", "message"),
    [
        (
            {**crops("a", 1)},
            {},
            "Aff-Wild2 has neither label files in folders like VA_Estimation_Challenge/Train_Set or "
            "VA_Set/Training_Set (challenges) nor training_set_annotations.txt (multi_task) in ROOT, nor one folder "
            "deeper; found cropped_aligned in ROOT. Cure: unpack Aff-Wild2's annotations into root, and set edition to "
            "what lies there or auto.",
        ),
        (
            {**labels("expr", "Train_Set", "a", EXPR, "1"), "batch1.zip": b""},
            {},
            "Aff-Wild2 has neither crops like cropped_aligned/<video>/00001.jpg nor videos with labels in ROOT, nor "
            "one folder deeper; found Third_ABAW_Annotations, batch1.zip in ROOT. Cure: unpack cropped_aligned, or the "
            "videos, into root.",
        ),
        (
            {**labels("expr", "Train_Set", "a", EXPR, "1"), **crops("b", 1)},
            {},
            "No crop in ROOT has a label; there are labels of a, crops of b. Cure: put annotations and crops of one "
            "release of Aff-Wild2 into root.",
        ),
        (
            {
                **labels("expr", "Train_Set", "a", EXPR, "1"),
                **labels("EXPR_Set", "Training_Set", "a", EXPR, "1", base="annotations"),
                **crops("a", 1),
            },
            {},
            "Aff-Wild2 has two sets of EXPR labels: ROOT/Third_ABAW_Annotations/EXPR_Classification_Challenge and "
            "ROOT/annotations/EXPR_Set. Cure: keep the release that you want in root and move the other out of it.",
        ),
        (
            {"training_set_annotations.txt": b"image,valence\na/00001.jpg,1\n", **crops("a", 1)},
            {},
            "The label file ROOT/training_set_annotations.txt begins with 'image,valence' and not with "
            "'image,valence,arousal,expression,aus'. Cure: put back the file as Aff-Wild2 ships it.",
        ),
    ],
)
def test_an_unknown_layout_says_what_was_looked_for_and_the_cure(plant, files, more, message):
    root = plant(files)
    with pytest.raises(SourceError, match=f"^{re.escape(message.replace('ROOT', os.fspath(root)))}$"):
        look(root, **more)
