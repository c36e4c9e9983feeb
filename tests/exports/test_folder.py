"""Exports: whole files in LLaVA's shape, beside the crops that they name."""

import json
from pathlib import Path

import pytest

from seke_pipeline.emotion.tables import RECORDS
from seke_pipeline.exports.folder import write_export
from seke_pipeline.exports.llava import llava

ROWS = [
    {
        "record_id": f"{face}-{task}",
        "face_id": face,
        "source": "db",
        "split": "train",
        "task": task,
        "image": f"db/{face}.jpg",
        "question": "Which action units are active?",
        "answer": "AU6 (cheek raiser), AU12 (lip corner puller).",
    }
    for face, task in (("a", "action_units"), ("b", "action_units"))
]


class Disk:
    """Writes files, and remembers in which order."""

    def __init__(self) -> None:
        self.order: list[str] = []

    def put(self, path: Path, body: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        self.order.append(path.name)


def test_a_record_is_one_conversation_with_one_image() -> None:
    assert json.loads(llava(RECORDS.frame(ROWS[:1]))) == [
        {
            "id": "a-action_units",
            "image": "db/a.jpg",
            "conversations": [
                {"from": "human", "value": "<image>\nWhich action units are active?"},
                {"from": "gpt", "value": "AU6 (cheek raiser), AU12 (lip corner puller)."},
            ],
        }
    ]


def test_no_records_are_an_empty_list() -> None:
    assert json.loads(llava(RECORDS.frame([]))) == []


def test_every_image_named_stands_in_the_folder_before_the_records_do(tmp_path: Path) -> None:
    disk = Disk()
    crops = [("db/a.jpg", b"crop a"), ("db/b.jpg", b"crop b")]
    files = write_export(tmp_path, RECORDS.frame(ROWS), crops, disk.put)

    told = json.loads((tmp_path / "llava.json").read_text())
    assert [(tmp_path / "images" / one["image"]).read_bytes() for one in told] == [b"crop a", b"crop b"]
    assert files == [tmp_path / "llava.json"]
    assert disk.order == ["a.jpg", "b.jpg", "llava.json"]


def test_a_second_export_writes_changed_crops_and_not_the_others(tmp_path: Path) -> None:
    write_export(tmp_path, RECORDS.frame(ROWS), [("db/a.jpg", b"old"), ("db/b.jpg", b"same")], Disk().put)
    disk = Disk()
    write_export(tmp_path, RECORDS.frame(ROWS), [("db/a.jpg", b"new"), ("db/b.jpg", b"same")], disk.put)

    assert disk.order == ["a.jpg", "llava.json"]
    assert (tmp_path / "images/db/a.jpg").read_bytes() == b"new"


def test_a_record_whose_image_is_not_exported_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"db/b\.jpg"):
        write_export(tmp_path, RECORDS.frame(ROWS), [("db/a.jpg", b"crop a")], Disk().put)
    assert not (tmp_path / "llava.json").exists()
