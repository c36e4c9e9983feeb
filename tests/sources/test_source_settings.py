from pathlib import Path

import pytest
from pydantic import ValidationError

from seke_pipeline.sources import SourceSettings


def settings(**values):
    return SourceSettings.model_validate({"name": "mine", "root": "/data", **values})


@pytest.mark.parametrize(
    ("kind", "edition", "every_frame"),
    [
        ("affectnet", "2021_npy", None),
        ("ckplus", "last_three_frames", None),
        ("disfa", "right_videos", 5),
        ("affwild2", "multi_task", 1),
        ("bp4d", None, 25),
    ],
)
def test_editions_and_sampling_can_be_set(kind, edition, every_frame):
    chosen = settings(kind=kind, edition=edition, every_frame=every_frame)
    assert (chosen.edition, chosen.every_frame, chosen.root) == (edition, every_frame, Path("/data"))


def test_auto_is_whichever_edition_is_found():
    assert settings(kind="rafdb", edition="auto") == settings(kind="rafdb")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"kind": "affectnet", "edition": "2017"},
            "kind affectnet has no edition '2017': use one of auto, 2017_csv, 2021_npy",
        ),
        ({"kind": "folder", "edition": "frames"}, "kind folder has no edition 'frames': use one of auto"),
        (
            {"kind": "ckplus", "every_frame": 2},
            "kind ckplus has no videos to take frames from: remove the key every_frame",
        ),
        ({"kind": "bp4d", "every_frame": 0}, "greater than or equal to 1"),
    ],
)
def test_what_a_kind_does_not_have_is_refused(values, message):
    with pytest.raises(ValidationError, match=message):
        settings(**values)
