import io
import logging
import os
import pickle
import re

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from seke_pipeline.sources import SourceSettings, affectnet, scan
from seke_pipeline.sources.ask import Ask
from seke_pipeline.sources.errors import SourceError

LICENCE = "AffectNet: by agreement with its authors; non-commercial research only, no redistribution."
HEADER = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
MARKS = ";".join(f"{number}.5" for number in range(136))
OLD = "Manually_Annotated_Images"


def look(root, **more):
    return scan(SourceSettings(name="affectnet", kind="affectnet", root=root, **more))


def what(frame, *columns):
    return frame.select(columns or ("path", "expression", "valence", "arousal", "reason")).rows()


def csv(*lines):
    return "\n".join([HEADER, *lines, ""]).encode()


def line(path, expression, valence, arousal, box="134,134,899,899"):
    return f"{path},{box},{MARKS},{expression},{valence},{arousal}"


def npy(value):
    buffer = io.BytesIO()
    np.save(buffer, np.array(value))
    return buffer.getvalue()


def coded(id_, side="train_set", **values):
    return {f"{side}/annotations/{id_}_{word}.npy": npy(value) for word, value in values.items()}


def test_the_whole_table_of_2017(plant, listed):
    root = plant(
        {
            "training.csv": csv(
                line("689/737db2483489148d783ef278f43f486c0a97e140fc4b6b61b84363ca.jpg", 1, 0.785714, -0.0555556),
                line("392/c4db2f9b7e4b422d14b6e038f0cdc3ecee239b55326e9181ee4520f9.JPG", 0, -0.017253, 0.004313),
                line("468/21772b68dc8c2a11678c8739eca33adb6ccc658600e4da2224080603.png", 10, -2, -2),
                line("103/None.jpg", 8, 0.1, 0.2),
                line("103/Uncertain.jpg", 9, -2, -2),
            ),
            "validation.csv": csv(line("103/val.bmp", 7, -0.5, 1)),
            f"{OLD}/689/737db2483489148d783ef278f43f486c0a97e140fc4b6b61b84363ca.jpg": b"",
            f"{OLD}/392/c4db2f9b7e4b422d14b6e038f0cdc3ecee239b55326e9181ee4520f9.JPG": b"",
            f"{OLD}/468/21772b68dc8c2a11678c8739eca33adb6ccc658600e4da2224080603.png": b"",
            f"{OLD}/103/None.jpg": b"",
            f"{OLD}/103/Uncertain.jpg": b"",
            f"{OLD}/103/val.bmp": b"",
            f"{OLD}/103/unlisted.jpg": b"an image without a label is not listed",
            "automatically_annotated.csv": csv(line("103/unlisted.jpg", 3, 0.5, 0.5)),
        }
    )
    box = {"box_left_px": 134.0, "box_top_px": 134.0, "box_right_px": 1033.0, "box_bottom_px": 1033.0}  # x, y, w, h
    shared = {"source": "affectnet", "edition": "2017_csv", "licence": LICENCE, **box}
    rows = [
        ("103/None.jpg", "train", None, 0.1, 0.2),
        # naive: -2 is very unpleasant and calm, 9 is a tenth expression
        ("103/Uncertain.jpg", "train", None, None, None),
        ("103/val.bmp", "test", "contempt", -0.5, 1.0),
        ("392/c4db2f9b7e4b422d14b6e038f0cdc3ecee239b55326e9181ee4520f9.JPG", "train", "neutral", -0.017253, 0.004313),
        ("468/21772b68dc8c2a11678c8739eca33adb6ccc658600e4da2224080603.png", "train", None, None, None),
        # naive, with the integers of CK+: anger
        (
            "689/737db2483489148d783ef278f43f486c0a97e140fc4b6b61b84363ca.jpg",
            "train",
            "happiness",
            0.785714,
            -0.0555556,
        ),
    ]
    expected = listed(
        {"path": f"{OLD}/{name}", "split": split, "expression": word, "valence": valence, "arousal": arousal, **shared}
        for name, split, word, valence, arousal in rows
    )
    assert_frame_equal(look(root).drop("image_id"), expected.drop("image_id"))


def test_the_whole_table_of_2021(plant, listed):
    """Text of numbers in numpy's arrays without a dimension, as AffectNet ships them; true numbers too."""
    root = plant(
        {
            "train_set/images/0.jpg": b"",
            **coded(0, exp="6", val="-0.492063", aro="0.531746", lnd=np.zeros(136)),
            "train_set/images/17.jpg": b"",
            # naive, np.load(...) == 7: False, for '7' is text
            **coded(17, exp="7", val="-2.0", aro="-2"),
            "train_set/images/2.jpg": b"",
            **coded(2, exp=4, val=0.25, aro=np.float32(0.5)),
            "train_set/images/3.jpg": b"nobody labelled it",
            "val_set/images/5.png": b"",
            **coded(5, "val_set", exp="1.0", val="1", aro="0"),
        }
    )
    shared = {"source": "affectnet", "edition": "2021_npy", "licence": LICENCE}
    rows = [
        ("train_set/images/0.jpg", "train", "anger", -0.492063, 0.531746),
        ("train_set/images/17.jpg", "train", "contempt", None, None),
        ("train_set/images/2.jpg", "train", "fear", 0.25, 0.5),
        ("val_set/images/5.png", "test", "happiness", 1.0, 0.0),
    ]
    expected = listed(
        {"path": path, "split": split, "expression": word, "valence": valence, "arousal": arousal, **shared}
        for path, split, word, valence, arousal in rows
    )
    assert_frame_equal(look(root).drop("image_id"), expected.drop("image_id"))


def test_the_bytes_of_an_annotation_are_those_of_affectnet():
    """A `<U9` scalar: 128 bytes of header, 4 bytes a letter."""
    content = npy("-0.492063")
    assert content[:59].rstrip(b":") == b"\x93NUMPY\x01\x00v\x00{'descr': '<U9', 'fortran_order': False, 'shape'"
    assert content[128:] == "-0.492063".encode("utf-32-le")


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (0, "neutral"), (1, "happiness"), (2, "sadness"), (3, "surprise"), (4, "fear"), (5, "disgust"), (6, "anger"),
        (7, "contempt"), (8, None), (9, None), (10, None),
    ],
)  # fmt: skip
def test_the_codes_are_affectnets_own(plant, code, word):
    root = plant({"training.csv": csv(line("1/a.jpg", code, 0, 0)), f"{OLD}/1/a.jpg": b""})
    assert what(look(root), "expression", "reason") == [(word, None)]


def test_a_faulty_record_is_a_bad_label_and_spares_the_others(plant, caplog):
    root = plant(
        {
            "training.csv": csv(
                line("1/a.jpg", 11, 0.5, 0.25),
                line("1/b.jpg", "", 0.5, "nan"),
                line("1/c.jpg", 3, -1.5, 0.25),
                f"1/d.jpg,1,1,9,9,{MARKS},4",
                line("", 4, 0, 0),
                "<<<<<<< HEAD",
                line("1/e.jpg", 3, -0.0, 0.25),
            ).replace(b"\n", b"\r\n"),
            **{f"{OLD}/1/{name}.jpg": b"" for name in "abcde"},
        }
    )
    with caplog.at_level(logging.WARNING):
        frame = look(root)
    assert what(frame, "path", "expression", "valence", "arousal", "reason") == [
        (f"{OLD}/1/a.jpg", None, 0.5, 0.25, "bad_label"),
        (f"{OLD}/1/b.jpg", None, 0.5, None, "bad_label"),
        (f"{OLD}/1/c.jpg", "surprise", None, 0.25, "bad_label"),
        (f"{OLD}/1/d.jpg", "fear", None, None, "bad_label"),
        (f"{OLD}/1/e.jpg", "surprise", 0.0, 0.25, None),
    ]
    assert "2 of 7 lines" in caplog.text


@pytest.mark.parametrize(
    ("content", "bad"),
    [
        (npy("8.5"), True),
        (npy("happy"), True),
        (npy(["3"]), False),
        (npy(["3", "4"]), True),
        (npy(b"3"), True),
        (npy(""), True),
        (b"", True),
        (b"\x93NUMPY\x01\x00\xff\xff{", True),
        (b"3", True),
        (b"\x93NUMPY" + b"\xff" * 200, True),
    ],
)
def test_an_annotation_that_is_no_value_is_a_bad_label_and_spares_the_others(plant, content, bad):
    root = plant(
        {"train_set/images/0.jpg": b"", "train_set/annotations/0_exp.npy": content, **coded(0, val="0.5", aro="-2")}
    )
    expected = (None, 0.5, None, "bad_label") if bad else ("surprise", 0.5, None, None)
    assert what(look(root), "expression", "valence", "arousal", "reason") == [expected]


class _Trap:
    def __reduce__(self):
        return os.mkdir, ("hacked",)


def test_a_pickle_in_an_annotation_is_not_opened(plant, tmp_path, monkeypatch):
    """np.load(allow_pickle=True), as public loaders have it, would run what the file says."""
    monkeypatch.chdir(tmp_path)
    buffer = io.BytesIO()
    np.save(buffer, np.array(_Trap(), dtype=object), allow_pickle=True)
    assert pickle.dumps(_Trap())
    root = plant({"train_set/images/0.jpg": b"", "train_set/annotations/0_exp.npy": buffer.getvalue()})
    assert what(look(root), "expression", "reason") == [(None, "bad_label")]
    assert not (tmp_path / "hacked").exists()


def test_an_annotation_that_is_not_there_is_unknown_and_an_image_that_is_not_there_is_a_row(plant):
    root = plant({"val_set/images/1.jpg": b"", **coded(1, "val_set", exp="2"), **coded(2, "val_set", exp="2", val="0")})
    assert what(look(root)) == [
        ("val_set/images/1.jpg", "sadness", None, None, None),
        ("val_set/images/2.jpg", "sadness", 0.0, None, "missing_file"),
    ]


def test_where_the_labelled_face_is_in_a_photo_of_2017(plant):
    root = plant(
        {
            "Manually_annotated_file_lists/validation.csv": csv(
                line("1/a.jpg", 3, 0, 0, box="134,20,899,900"), line("1/b.jpg", 3, 0, 0, box="0,0,NULL,0")
            ),
            f"{OLD}/1/a.jpg": b"",
            f"{OLD}/1/b.jpg": b"",
        }
    )
    rows = affectnet.read(root, Ask())
    box = [f"box_{edge}_px" for edge in ("left", "top", "right", "bottom")]
    assert what(rows, "path", *box) == [
        (f"{OLD}/1/a.jpg", 134.0, 20.0, 1033.0, 920.0),
        (f"{OLD}/1/b.jpg", None, None, None, None),
    ]


def test_names_that_lead_out_of_the_root_are_not_followed(plant, tmp_path):
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(b"")
    root = plant({"training.csv": csv(line("../../secret.jpg", 3, 0, 0), line(secret, 3, 0, 0)), f"{OLD}/1/a.jpg": b""})
    (root / OLD / "1/b.jpg").symlink_to(secret)
    assert what(look(root), "path", "reason") == [("../secret.jpg", "outside_root"), (str(secret), "outside_root")]


def test_the_settings_may_choose_the_edition(plant):
    root = plant(
        {
            "training.csv": csv(line("1/a.jpg", 1, 0, 0)),
            f"{OLD}/1/a.jpg": b"",
            "train_set/images/0.jpg": b"",
            **coded(0, exp="2"),
        }
    )
    assert what(look(root), "edition", "expression") == [("2017_csv", "happiness")]
    assert what(look(root, edition="2021_npy"), "edition", "expression") == [("2021_npy", "sadness")]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"train_set/images/0.jpg": b""},
            "AffectNet has neither training.csv or validation.csv (2017_csv) nor train_set/annotations or "
            "val_set/annotations (2021_npy) in ROOT; found train_set in ROOT. Cure: set root to the folder that "
            "AffectNet was unpacked into, and edition to what lies there or auto.",
        ),
        (
            {"training.csv": csv(line("1/a.jpg", 1, 0, 0)), "Manually_Annotated.part01.rar": b""},
            "AffectNet has no images in Manually_Annotated_Images in ROOT; found Manually_Annotated.part01.rar, "
            "training.csv in ROOT. Cure: unpack AffectNet's manually annotated images into Manually_Annotated_Images.",
        ),
        (
            {"train_set/annotations/0_lnd.npy": b"", "train_set/images/0.jpg": b""},
            "AffectNet has no labels like 123_exp.npy; found 0_lnd.npy in ROOT/train_set/annotations. Cure: unpack "
            "AffectNet's annotations into it.",
        ),
        (
            coded(0, exp="1"),
            "AffectNet has no images in ROOT/train_set/images; found annotations in ROOT/train_set. Cure: unpack "
            "AffectNet's images into train_set/images, or remove train_set.",
        ),
        (
            {"training.csv": b"1/a.jpg,1,1,9,9,1;2,3,0,0\n", f"{OLD}/1/a.jpg": b""},
            "ROOT/training.csv has no column",
        ),
    ],
)
def test_an_unknown_layout_says_what_was_looked_for_and_the_cure(plant, files, message):
    root = plant(files)
    with pytest.raises(SourceError, match=f"^{re.escape(message.replace('ROOT', os.fspath(root)))}"):
        look(root)


def test_labels_of_many_images_are_read_in_order(plant):
    """More than one chunk of names would be 65,536; the order of files is that of names, not of the disk."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 8, 300)
    files = {}
    for number, code in enumerate(codes):
        files |= {f"train_set/images/{number}.jpg": b"", **coded(number, exp=str(code), val=str(number / 1000))}
    frame = look(plant(files)).with_columns(number=pl.col("path").str.extract(r"(\d+)\.jpg").cast(pl.Int64))
    words = {code: word for code, word in affectnet.CODES.items() if word}
    by_number = frame.sort("number")
    assert by_number["expression"].cast(pl.String).to_list() == [words[code] for code in codes.tolist()]
    assert by_number["valence"].to_list() == [number / 1000 for number in range(300)]
