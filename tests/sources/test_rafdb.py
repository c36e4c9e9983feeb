import logging
import os
import re

import pytest
from polars.testing import assert_frame_equal

from seke_pipeline.sources import SourceSettings, scan
from seke_pipeline.sources.errors import SourceError

LABELS = "basic/EmoLabel/list_patition_label.txt"
ORIGINAL = "basic/Image/original"
ALIGNED = "basic/Image/aligned"


def look(root, **more):
    return scan(SourceSettings(name="rafdb", kind="rafdb", root=root, **more))


def what(frame, *columns):
    return frame.select(columns or ("path", "split", "expression", "reason")).rows()


def test_the_whole_table_of_the_original_layout(plant, listed):
    """Seven codes of RAF-DB's own; 5 digits in train, 4 in test; BOM, CRLF, blank lines, no last line end."""
    names = [f"train_0000{n}.jpg" for n in range(1, 7)] + ["test_0001.jpg"]
    root = plant(
        {
            LABELS: b"\xef\xbb\xbftrain_00001.jpg 1\r\ntrain_00002.jpg 2\r\n\r\ntrain_00003.jpg 3\r\n"
            b"train_00004.jpg 4\r\ntrain_00005.jpg 5\r\n   \r\ntrain_00006.jpg 6\r\ntest_0001.jpg 7",
            **{f"{ORIGINAL}/{name}": b"jpeg" for name in names},
            f"{ORIGINAL}/.DS_Store": b"\0",
            f"{ORIGINAL}/._train_00001.jpg": b"\0",
            f"{ORIGINAL}/train_00099.jpg": b"an image without a label is not listed",
        }
    )
    shared = {
        "source": "rafdb",
        "edition": "basic, original",
        "licence": "RAF-DB: non-commercial research only.",
    }
    rows = [
        ("2583289aadbb87f2", "test", "test_0001.jpg", "neutral"),
        ("a83d44a441d91617", "train", "train_00001.jpg", "surprise"),
        ("8648c6baad1a6897", "train", "train_00002.jpg", "fear"),
        ("44b494ddc93e5136", "train", "train_00003.jpg", "disgust"),
        ("2b4a665e784140c8", "train", "train_00004.jpg", "happiness"),
        ("e91073b933d1788f", "train", "train_00005.jpg", "sadness"),
        ("ffb25542a971b8a4", "train", "train_00006.jpg", "anger"),
    ]
    expected = listed(
        {"image_id": key, "split": split, "path": f"{ORIGINAL}/{name}", "expression": word, **shared}
        for key, split, name, word in rows
    )
    assert_frame_equal(look(root), expected)


def test_aligned_images_are_joined_by_their_own_names(plant):
    root = plant(
        {
            LABELS: b"train_00001.jpg 5\ntest_0001.jpg 4\n",
            f"{ALIGNED}/train_00001_aligned.jpg": b"",
            f"{ALIGNED}/test_0001_aligned.jpg": b"",
        }
    )
    frame = look(root)
    assert what(frame) == [
        (f"{ALIGNED}/test_0001_aligned.jpg", "test", "happiness", None),
        (f"{ALIGNED}/train_00001_aligned.jpg", "train", "sadness", None),
    ]
    assert set(frame["edition"]) == {"basic, aligned"}


@pytest.mark.parametrize(
    ("original", "chosen"),
    [
        ({f"{ORIGINAL}/train_00001.jpg": b""}, f"{ORIGINAL}/train_00001.jpg"),
        ({f"{ORIGINAL}/.DS_Store": b""}, f"{ALIGNED}/train_00001_aligned.jpg"),
    ],
)
def test_the_original_images_are_preferred_where_there_are_any(plant, original, chosen):
    root = plant({LABELS: b"train_00001.jpg 5\n", f"{ALIGNED}/train_00001_aligned.jpg": b"", **original})
    assert what(look(root), "path", "reason") == [(chosen, None)]


def test_the_root_may_be_basic_itself(plant):
    root = plant({LABELS: b"train_00001.jpg 6\n", f"{ORIGINAL}/train_00001.jpg": b""}) / "basic"
    assert what(look(root)) == [("Image/original/train_00001.jpg", "train", "anger", None)]


def test_a_line_whose_code_is_none_is_a_bad_label_and_one_without_a_name_is_counted(plant, caplog):
    names = ["train_00001", "train_00002", "train_00003", "test_0001"]
    root = plant(
        {
            LABELS: b"train_00001.jpg 8\ntrain_00002.jpg\ntrain_00003.jpg happy 4\n<<<<<<< HEAD\n"
            b"\xff\xfe\n5\ntest_0001.jpg\t 4 \n",
            **{f"{ORIGINAL}/{name}.jpg": b"" for name in names},
        }
    )
    with caplog.at_level(logging.WARNING):
        frame = look(root)
    assert what(frame, "path", "expression", "reason") == [
        (f"{ORIGINAL}/test_0001.jpg", "happiness", None),
        (f"{ORIGINAL}/train_00001.jpg", None, "bad_label"),
        (f"{ORIGINAL}/train_00002.jpg", None, "bad_label"),
        (f"{ORIGINAL}/train_00003.jpg", None, "bad_label"),
    ]
    assert [record.getMessage() for record in caplog.records] == [
        f"3 of 7 lines of {root / LABELS} name no image, first '<<<<<<< HEAD'"
    ]


def test_a_labelled_image_that_is_not_there_keeps_its_row_and_its_label(plant):
    root = plant({LABELS: b"train_00001.jpg 5\ntrain_00002.jpg 9\n", f"{ORIGINAL}/train_00003.jpg": b""})
    assert what(look(root)) == [
        (f"{ORIGINAL}/train_00001.jpg", "train", "sadness", "missing_file"),
        (f"{ORIGINAL}/train_00002.jpg", "train", None, "missing_file"),
    ]


def test_names_and_links_that_lead_out_of_the_root_are_not_followed(plant, tmp_path):
    outside = tmp_path / "train_00009.jpg"
    outside.write_bytes(b"secret")
    label_lines = f"../../../../train_00009.jpg 1\n{outside} 2\ntrain_00008.jpg 3\ntrain_00001.jpg 4\n"
    root = plant({LABELS: label_lines.encode(), f"{ORIGINAL}/train_00001.jpg": b""})
    (root / ORIGINAL / "train_00008.jpg").symlink_to(outside)
    assert what(look(root), "path", "reason") == [
        ("../train_00009.jpg", "outside_root"),
        (str(outside), "outside_root"),
        (f"{ORIGINAL}/train_00001.jpg", None),
        (f"{ORIGINAL}/train_00008.jpg", "outside_root"),
    ]


def test_of_two_lines_for_one_image_the_first_counts(plant):
    root = plant({LABELS: b"train_00001.jpg 5\ntrain_00001.jpg 4\n", f"{ORIGINAL}/train_00001.jpg": b""})
    assert what(look(root), "expression") == [("sadness",)]


def test_the_settings_may_overrule_split_and_licence(plant):
    root = plant({LABELS: b"train_00001.jpg 5\n", f"{ORIGINAL}/train_00001.jpg": b""})
    frame = look(root, split="test", licence="by agreement of 2026-01-01")
    assert what(frame, "split", "licence") == [("test", "by agreement of 2026-01-01")]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"basic/Image/original/train_00001.jpg": b"", "notes.txt": b""},
            "RAF-DB's label file basic/EmoLabel/list_patition_label.txt is not in ROOT; found basic, notes.txt in "
            "ROOT. Cure: set root to the folder that holds RAF-DB's folder 'basic', with EmoLabel unpacked in it.",
        ),
        (
            {LABELS: b"train_00001.jpg 5\n", "basic/Image/original.zip": b""},
            "RAF-DB has no images in basic/Image/original or basic/Image/aligned; found original.zip in "
            "ROOT/basic/Image. Cure: unpack RAF-DB's original.zip or aligned.zip into basic/Image.",
        ),
        (
            {LABELS: b"train_00001.jpg 5\n"},
            "RAF-DB has no images in basic/Image/original or basic/Image/aligned; found ROOT/basic/Image: No such "
            "file or directory. Cure: unpack RAF-DB's original.zip or aligned.zip into basic/Image.",
        ),
        (
            {LABELS: b"\0\0\n\xff\n", f"{ORIGINAL}/train_00001.jpg": b""},
            f"None of the 2 lines of ROOT/{LABELS} names an image. Cure: put back the label file as the database "
            "ships it (README.md, 'Sources', shows a line).",
        ),
        (
            {LABELS: b"", f"{ORIGINAL}/train_00001.jpg": b""},
            f"The label file ROOT/{LABELS} cannot be read: empty CSV. Cure: check that it is whole and that this "
            "user may read it.",
        ),
    ],
)
def test_an_unknown_layout_says_what_was_looked_for_and_the_cure(plant, files, message):
    root = plant(files)
    with pytest.raises(SourceError, match=f"^{re.escape(message.replace('ROOT', os.fspath(root)))}$"):
        look(root)
