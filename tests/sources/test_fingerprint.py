import os

import pytest

from seke_pipeline.sources import SourceSettings, fingerprint
from seke_pipeline.sources.errors import SourceError

FILES = {
    "videos/v1/00001.jpg": b"",
    "videos/v1/00002.jpg": b"",
    "labels/v1.txt": b"valence,arousal\n0.1,0.2\n0.1,0.2\n",
    "annotations/0_exp.npy": b"six",
    "clip.avi": b"film",
    "empty/": b"",
}


def _look(root, **values):
    return fingerprint(SourceSettings.model_validate({"name": "s", "kind": "folder", "root": root, **values}))


def test_nothing_changed(plant):
    root = plant(FILES)
    assert _look(root) == _look(root)


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "videos/v1/00003.JPG").touch(),
        lambda root: (root / "videos/v1/00002.jpg").unlink(),
        lambda root: (root / "videos/v1/00002.jpg").rename(root / "videos/v1/00003.jpg"),
        lambda root: (root / "videos/v1").rename(root / "videos/v2"),
        lambda root: (root / "videos/v1/00002.jpg").rename(root / "videos/00002.jpg"),
        lambda root: (root / "labels/v1.txt").write_bytes(FILES["labels/v1.txt"] + b"0.1,0.2\n"),
        lambda root: os.utime(root / "labels/v1.txt", ns=(1, 1)),
        lambda root: (root / "annotations/0_exp.npy").write_bytes(b"seven"),
        lambda root: (root / "clip.avi").write_bytes(b"another"),
        lambda root: (root / "new").mkdir(),
        lambda root: (root / "empty").rmdir(),
        lambda root: (root / "linked.jpg").symlink_to("videos/v1/00001.jpg"),
        lambda root: os.mkfifo(root / "pipe.jpg"),
    ],
)
def test_what_scan_would_see_changes_it(plant, change):
    root = plant(FILES)
    before = _look(root)
    change(root)
    assert _look(root) != before


def test_an_image_that_becomes_something_else_changes_it(plant):
    root = plant(FILES)
    before = _look(root)
    (root / "videos/v1/00001.jpg").unlink()
    (root / "videos/v1/00001.jpg").mkdir()
    as_folder = _look(root)
    (root / "videos/v1/00001.jpg").rmdir()
    (root / "videos/v1/00001.jpg").symlink_to("00002.jpg")
    assert len({before, as_folder, _look(root)}) == 3


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "videos/v1/00001.jpg").write_bytes(b"another picture"),
        lambda root: os.utime(root / "videos/v1/00001.jpg", ns=(1, 1)),
        lambda root: (root / "videos/.DS_Store").write_bytes(b"x"),
        lambda root: (root / "videos/.thumbs").mkdir(),
    ],
)
def test_what_scan_does_not_see_is_no_change(plant, change):
    root = plant(FILES)
    before = _look(root)
    change(root)
    assert _look(root) == before


def test_labels_behind_a_link_and_beside_the_root_are_watched(plant, tmp_path):
    root = plant(FILES)
    for place in ("elsewhere/deep", "beside"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "elsewhere/deep/v1.txt").write_bytes(b"1")
    (root / "more").symlink_to(tmp_path / "elsewhere")
    (root / "one.txt").symlink_to(tmp_path / "beside/one.txt")
    labels = tmp_path / "labels.csv"
    seen = [_look(root, labels=labels)]
    for file in (tmp_path / "elsewhere/deep/v1.txt", tmp_path / "beside/one.txt", labels):
        file.write_bytes(b"other")
        seen.append(_look(root, labels=labels))
    assert len(set(seen)) == 4


def test_a_link_to_a_folder_that_vanished_is_left_to_scan(plant, tmp_path):
    root = plant(FILES)
    (tmp_path / "elsewhere").mkdir()
    (root / "more").symlink_to(tmp_path / "elsewhere")
    before = _look(root)
    (tmp_path / "elsewhere").rmdir()
    assert _look(root) not in (before, "")


def test_a_ring_of_linked_folders_ends(plant):
    root = plant(FILES)
    (root / "videos/up").symlink_to(root)
    (root / "videos/v1/up").symlink_to("..")
    assert _look(root) == _look(root)


@pytest.mark.parametrize("values", [{"name": "t"}, {"split": "test"}, {"licence": "mine"}, {"kind": "bp4d"}])
def test_other_settings_are_another_look(plant, values):
    root = plant(FILES)
    assert _look(root, **values) != _look(root)


def test_a_root_that_is_not_there_is_told_with_the_cure(tmp_path):
    with pytest.raises(SourceError, match=r"Source s cannot be read: .*gone.* \(No such file or directory\)\. Cure: "):
        _look(tmp_path / "gone")
