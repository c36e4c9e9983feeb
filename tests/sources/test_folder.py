import logging
import os
import re

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from seke_pipeline.sources import SourceSettings, scan
from seke_pipeline.sources.errors import SourceError


def look(root, labels=None, **more):
    labels = labels and root / labels
    return scan(SourceSettings(name="photos", kind="folder", root=root, labels=labels, **more))


def what(frame, *columns):
    return frame.select(columns).rows()


def test_without_labels_every_image_is_listed_and_taught(plant, listed):
    root = plant(
        {
            "b.PNG": b"",
            "a/deep/c d.jpeg": b"",
            "é.webp": b"",
            ".hidden.jpg": b"",
            ".cache/x.jpg": b"",
            "__MACOSX/._a.jpg": b"",
            "a/Thumbs.db": b"",
            "notes.txt": b"",
            "empty/": b"",
        }
    )
    shared = {
        "source": "photos",
        "edition": "folder",
        "split": "train",
        "licence": "the user's own; not stated",
    }
    paths = [("4114f677ec401e37", "a/deep/c d.jpeg"), ("ec33b1a4c3f0bc6f", "b.PNG"), ("c2e27088ee7488af", "é.webp")]
    assert_frame_equal(look(root), listed({"image_id": key, "path": path, **shared} for key, path in paths))


CSV = (
    "\ufeffpath,Expression,valence,arousal,AU1,au_04,au12,AU27,subject,remark\r\n"
    'a.jpg,happy,0.5,-1,1,0,,1,anna,"says ""no"", twice"\r\n'
    "b.jpg,Sadness,,,,,,,anna,\r\n"
    "\r\n"
    "c.jpg,NaN,nan,null,NA,,true,,,\r\n"
    "d.jpg, ,1,0.0,0.0,1.0,False,,ben,\r\n"
)


def test_the_whole_table_of_partial_labels(plant, listed):
    root = plant({"labels.csv": CSV.encode(), **{f"{name}.jpg": b"" for name in "abcde"}})
    shared = {
        "source": "photos",
        "edition": "folder with labels",
        "split": "train",
        "licence": "the user's own; not stated",
    }
    expected = listed(
        {"image_id": key, "path": path, **labels, **shared}
        for key, path, labels in [
            (
                "b7161293c7721242",
                "a.jpg",
                {
                    "subject": "anna", "expression": "happiness", "valence": 0.5, "arousal": -1.0,
                    "au01": True, "au04": False,
                },
            ),
            ("baa449ab9d8d7bf0", "b.jpg", {"subject": "anna", "expression": "sadness"}),
            ("37f81a4d46c749d5", "c.jpg", {"au12": True}),
            (
                "5e9b22cbfd900176",
                "d.jpg",
                {
                    "subject": "ben", "valence": 1.0, "arousal": 0.0,
                    "au01": False, "au04": True, "au12": False,
                },
            ),
            ("3dd74a27a034f3e9", "e.jpg", {}),
        ]
    )  # fmt: skip
    assert_frame_equal(look(root, "labels.csv"), expected)


def test_a_parquet_table_says_the_same_as_a_csv(plant):
    root = plant({"labels.csv": CSV.encode(), **{f"{name}.jpg": b"" for name in "abcde"}})
    table = pl.DataFrame(
        {
            "path": ["a.jpg", "b.jpg", "c.jpg", "d.jpg"],
            "expression": pl.Series(["happiness", "sadness", None, None], dtype=pl.Categorical),
            "valence": pl.Series([0.5, None, float("nan"), 1], dtype=pl.Float32),
            "arousal": pl.Series([-1, None, None, 0], dtype=pl.Int8),
            "au01": pl.Series([1, None, None, 0], dtype=pl.UInt8),
            "AU4": [0.0, float("nan"), None, 1.0],
            "AU12": [None, None, True, False],
            "subject": ["anna", "anna", None, "ben"],
            "image": [{"bytes": b"\xff\xd8"}] * 4,
            "thumbnail": [b"\xff\xd8"] * 4,
        }
    )
    table.write_parquet(root / "labels.parquet")
    assert_frame_equal(look(root, "labels.parquet"), look(root, "labels.csv"))


def test_what_is_out_of_range_or_no_word_is_null_with_a_reason_and_spares_the_rest(plant):
    rows = ["4,0.5,1,1", "happy,1.01,1,1", "happy,high,1,1", "happy,0.5,2,0", "happy,0.5,1,-1", "joy,inf,,0"]
    lines = "\n".join(f"{n}.jpg,{row}" for n, row in enumerate(rows))
    root = plant(
        {
            "l.csv": f"path,expression,valence,AU6,AU12\n{lines}".encode(),
            **{f"{n}.jpg": b"" for n in range(6)},
        }
    )
    frame = look(root, "l.csv")
    assert what(frame, "path", "expression", "valence", "au06", "au12", "reason") == [
        ("0.jpg", None, 0.5, True, True, "bad_label"),
        ("1.jpg", "happiness", None, True, True, "bad_label"),
        ("2.jpg", "happiness", None, True, True, "bad_label"),
        ("3.jpg", "happiness", 0.5, None, False, "bad_label"),
        ("4.jpg", "happiness", 0.5, True, None, "bad_label"),
        ("5.jpg", "happiness", None, None, False, "bad_label"),
    ]


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("neutral Neutral", "neutral"),
        ("happiness happy HAPPY joy", "happiness"),
        ("sadness sad", "sadness"),
        ("surprise surprised", "surprise"),
        ("fear fearful afraid", "fear"),
        ("disgust disgusted", "disgust"),
        ("anger angry", "anger"),
        ("contempt contemptuous", "contempt"),
    ],
)
def test_words_for_expressions(plant, words, meaning):
    lines = "\n".join(f"{word}.jpg,{word}" for word in words.split())
    root = plant({"l.csv": f"path,expression\n{lines}".encode(), **{f"{w}.jpg": b"" for w in words.split()}})
    assert set(what(look(root, "l.csv"), "expression", "reason")) == {(meaning, None)}


def test_the_split_is_by_person_else_by_path_and_what_nobody_labelled_is_taught(plant):
    """anna hashes to train and F004 to test; of the paths 11, 12 and 55 hash to test."""
    lines = ["a1.jpg,anna,1", "a2.jpg,anna,", "f1.jpg,F004,1", "f2.jpg,F004,", "1.jpg,,1", "11.jpg,,1", "12.jpg,,"]
    table = "path,subject,au01\n" + "\n".join(lines)
    names = [line.partition(",")[0] for line in lines]
    root = plant({"l.csv": table.encode(), **dict.fromkeys(names, b""), "55.jpg": b""})
    assert dict(what(look(root, "l.csv"), "path", "split")) == {
        "a1.jpg": "train",
        "a2.jpg": "train",
        "f1.jpg": "test",
        "f2.jpg": "test",
        "1.jpg": "train",
        "11.jpg": "test",
        "55.jpg": "train",
        "12.jpg": "train",
    }
    assert set(look(root, "l.csv", split="test")["split"]) == {"test"}
    assert set(look(root, "l.csv", split="train")["split"]) == {"train"}
    assert set(look(root, split="test")["split"]) == {"test"}


def test_the_table_may_name_the_split(plant):
    lines = [
        "1.jpg,F004,train",
        "2.jpg,anna,Test",
        "3.jpg,anna,validation",
        "4.jpg,anna,",
        "5.jpg,F004,fold3",
        "6.jpg,,test",
    ]
    table = "path,subject,split\n" + "\n".join(lines)
    root = plant({"l.csv": table.encode(), **{f"{n}.jpg": b"" for n in range(1, 7)}})
    assert what(look(root, "l.csv"), "path", "split", "reason") == [
        ("1.jpg", "train", None),
        ("2.jpg", "test", None),
        ("3.jpg", "test", None),
        ("4.jpg", "train", None),
        ("5.jpg", "test", "bad_label"),
        ("6.jpg", "test", None),
    ]


def test_paths_are_read_as_people_write_them_and_not_followed_out_of_the_root(plant, tmp_path):
    (tmp_path / "secret.jpg").write_bytes(b"")
    root = plant({f"in/{name}.jpg": b"" for name in "abcd"})
    (root / "in/link.jpg").symlink_to(tmp_path / "secret.jpg")
    (root / "in/near.jpg").symlink_to("a.jpg")
    paths = [
        "./in//a.jpg", "in\\b.jpg", f"{root}/in/c.jpg", "in/../in/d.jpg", "in/d.jpg", "in/gone.jpg",
        "../secret.jpg", f"{tmp_path}/secret.jpg", "in/../../secret.jpg", "",
    ]  # fmt: skip
    pl.DataFrame({"path": paths, "au01": [1] * 4 + [0] * 6}).write_csv(root / "l.csv")
    assert what(look(root, "l.csv"), "path", "au01", "reason") == [
        ("../secret.jpg", False, "outside_root"),
        (f"{tmp_path}/secret.jpg", False, "outside_root"),
        ("in/a.jpg", True, None),
        ("in/b.jpg", True, None),
        ("in/c.jpg", True, None),
        ("in/d.jpg", True, None),
        ("in/gone.jpg", False, "missing_file"),
        ("in/link.jpg", None, "outside_root"),
        ("in/near.jpg", None, None),
    ]


def test_absolute_paths_through_a_link_to_the_root_are_in_it(plant, tmp_path):
    root = plant({"a.jpg": b"", "b.jpg": b""})
    alias = tmp_path / "alias"
    alias.symlink_to(root)
    (root / "l.csv").write_text(f"path,au01\n{alias}/a.jpg,1\n{root}/b.jpg,0\n")
    assert what(look(alias, "l.csv"), "path", "au01") == [("a.jpg", True), ("b.jpg", False)]


def test_a_name_with_a_pattern_in_it_is_a_name(plant):
    root = plant({"[1] *?/a.jpg": b"", "[1] *?/l.csv": b"path,au01\na.jpg,1\n"}) / "[1] *?"
    pl.read_csv(root / "l.csv", glob=False).write_parquet(root / "l.parquet")
    for labels in ("l.csv", "l.parquet"):
        assert what(look(root, labels), "path", "au01") == [("a.jpg", True)]


def test_no_type_is_guessed_persons_007_and_7_are_two(plant):
    root = plant({"1.jpg": b"", "2.jpg": b"", "l.csv": b"path,subject\n1.jpg,007\n2.jpg,7\n"})
    assert what(look(root, "l.csv"), "subject") == [("007",), ("7",)]


def test_columns_without_a_meaning_are_named_in_the_log(plant, caplog):
    root = plant({"a.jpg": b"", "l.csv": b"path,valance,AU27\na.jpg,0.5,1\n"})
    with caplog.at_level(logging.WARNING):
        look(root, "l.csv")
    assert [record.getMessage() for record in caplog.records] == [
        f"columns of {root / 'l.csv'} that mean nothing here: AU27, valance"
    ]


@pytest.mark.parametrize(
    ("files", "labels", "message"),
    [
        (
            {"notes.txt": b"", ".DS_Store": b""},
            None,
            "There are no images in ROOT; found .DS_Store, notes.txt in ROOT. Cure: put .jpg, .png, .webp, .bmp or "
            ".tif files into it, or set root to the folder that has them.",
        ),
        (
            {"a.jpg": b""},
            "l.csv",
            "There is no label file ROOT/l.csv; found a.jpg in ROOT. Cure: set labels to a .csv or .parquet file, "
            "or remove the key.",
        ),
        (
            {"a.jpg": b"", "l.csv": b"file;expression\na.jpg;happy\n"},
            "l.csv",
            "ROOT/l.csv has no column path; found file;expression. Cure: name the column with the images' paths "
            "'path', and separate columns with commas.",
        ),
        (
            {"a.jpg": b"", "l.csv": b"path,AU1,au_01\na.jpg,1,0\n"},
            "l.csv",
            "Columns AU1 and au_01 of ROOT/l.csv are the same field. Cure: remove one of them.",
        ),
        (
            {"a.jpg": b"", "l.csv": b"path,AU1\n,1\n,0\n"},
            "l.csv",
            "None of the 2 lines of ROOT/l.csv names an image. Cure: put back the label file as the database ships "
            "it (README.md, 'Sources', shows a line).",
        ),
        (
            {"a.jpg": b"", "l.parquet": b"PAR1 but torn in two"},
            "l.parquet",
            "The label file ROOT/l.parquet cannot be read: parquet: File out of specification: The file must end "
            "with PAR1 or PARE. Cure: check that it is whole and that this user may read it.",
        ),
    ],
)
def test_what_cannot_be_read_says_what_was_found_and_the_cure(plant, files, labels, message):
    root = plant(files)
    with pytest.raises(SourceError, match=f"^{re.escape(message.replace('ROOT', os.fspath(root)))}$"):
        look(root, labels)
