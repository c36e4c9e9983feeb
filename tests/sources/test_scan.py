from pathlib import Path

import pytest
from pydantic import ValidationError

from seke_pipeline.sources import SourceSettings, scan
from seke_pipeline.sources.errors import SourceError
from seke_pipeline.sources.registry import READERS


def test_every_kind_of_the_registry_can_be_set():
    """The settings learn a new kind from the registry alone."""
    assert set(READERS) == {"rafdb", "affectnet", "ckplus", "bp4d", "disfa", "affwild2", "folder"}
    assert [SourceSettings(name="s", kind=kind, root=Path()).kind for kind in READERS] == list(READERS)
    assert SourceSettings.model_json_schema()["properties"]["kind"]["enum"] == list(READERS)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "fer2013"}, "Input should be 'rafdb', .* or 'folder'"),
        ({"name": "RAF-DB"}, "String should match pattern"),
        ({"name": "../x"}, "String should match pattern"),
        ({"labels": "l.csv"}, "kind rafdb reads the database's own labels: remove the key labels"),
        ({"split": "val"}, "Input should be 'auto', 'train' or 'test'"),
        ({"rooot": "/data"}, "Extra inputs are not permitted"),
    ],
)
def test_wrong_settings_are_refused(values, message):
    with pytest.raises(ValidationError, match=message):
        SourceSettings.model_validate({"name": "raf", "kind": "rafdb", "root": "/data", **values})


def test_home_is_understood():
    settings = SourceSettings(name="s", kind="folder", root=Path("~/photos"), labels=Path("~/l.csv"))
    assert (settings.root, settings.labels) == (Path.home() / "photos", Path.home() / "l.csv")


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize(("root", "why"), [("gone", "No such file or directory"), ("file", "Not a directory")])
def test_a_root_that_is_no_folder_is_named_with_the_cure(tmp_path, kind, root, why):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SourceError) as caught:
        scan(SourceSettings(name="mine", kind=kind, root=tmp_path / root))
    assert str(caught.value) == (
        f"Source mine cannot be read: {tmp_path / root} ({why}). "
        "Cure: set root of source mine to a folder that exists, and let this user read all of it."
    )


def test_a_relative_root_is_the_same_source(tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.jpg").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    relative = scan(SourceSettings(name="s", kind="folder", root=Path("photos")))
    assert relative.equals(scan(SourceSettings(name="s", kind="folder", root=tmp_path / "photos")))
