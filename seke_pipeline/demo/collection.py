"""The drawn collection: two databases in their own layouts, one photograph, and the truth about what was drawn.

    rafdb/basic/...   bp4d/AUCoding/..., bp4d/F001/...   photos/astronaut.png   truth.parquet   .drawn.json

What lives here: what is drawn when, and the stamp that keeps a drawn collection. Layouts are `rafdb.py`, `bp4d.py`.
"""

import hashlib
import importlib.util
import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import polars as pl

from seke_pipeline.demo.bp4d import draw_bp4d
from seke_pipeline.demo.errors import DemoError
from seke_pipeline.demo.face import DRAWING_VERSION
from seke_pipeline.demo.layouts import DrawnFace
from seke_pipeline.demo.rafdb import draw_rafdb
from seke_pipeline.demo.settings import DemoSettings
from seke_pipeline.emotion.labels import FIELDS
from seke_pipeline.emotion.tables import IMAGES

COLLECTION_VERSION = 1
"""Raise it when the collection changes but the faces do not; `DRAWING_VERSION` is theirs."""

TRUTH_SCHEMA = pl.Schema({name: IMAGES.schema[name] for name in ("source", "path", *FIELDS)})
"""Columns of truth.parquet: where the picture is, and all 20 fields of its labelled face."""

_STAMP = ".drawn.json"
_PARTS = ("rafdb", "bp4d", "photos", "truth.parquet")


def draw_collection(root: Path, settings: DemoSettings, on_image: Callable[[], None] = lambda: None) -> None:
    """Draw the collection, unless these settings' collection is there already.

    A collection of other settings, or one left half drawn, is removed and drawn anew; files that were not drawn here
    are never removed. The same settings give the same bytes.

    Args:
        root: folder for the collection; made when missing.
        settings: what to draw.
        on_image: called after each picture.

    Raises:
        DemoError: when the folder holds something that was not drawn here, or the photograph is not installed.
    """
    wanted = _stamp_of(settings)
    stamp = _read_stamp(root)
    if stamp == {"collection": wanted, "complete": True} and all(
        (root / part).exists() for part in _expected(settings)
    ):
        return
    _make_room(root, ours=stamp is not None)
    _write_stamp(root, wanted, complete=False)
    faces = [*draw_rafdb(root / "rafdb", settings, on_image), *draw_bp4d(root / "bp4d", settings, on_image)]
    if settings.photographs:
        _copy_photograph(root / "photos")
        on_image()
    _truth(faces).write_parquet(root / "truth.parquet")
    _write_stamp(root, wanted, complete=True)


def pictures_of(settings: DemoSettings) -> int:
    """How many pictures a collection has, and how often `draw_collection` calls `on_image`."""
    frames = settings.bp4d_subjects * settings.bp4d_frames
    return settings.rafdb_train + settings.rafdb_test + frames + int(settings.photographs)


def _truth(faces: Iterable[DrawnFace]) -> pl.DataFrame:
    rows = [{"source": face.source, "path": face.path, **face.truth.to_row()} for face in faces]
    return pl.DataFrame(rows, schema=TRUTH_SCHEMA).sort("source", "path")


def _expected(settings: DemoSettings) -> tuple[str, ...]:
    return _PARTS if settings.photographs else tuple(part for part in _PARTS if part != "photos")


def _copy_photograph(folder: Path) -> None:
    """scikit-image's portrait of Eileen Collins (NASA, public domain), which its wheel carries."""
    package = importlib.util.find_spec("skimage")
    places = package.submodule_search_locations if package is not None else None
    photograph = Path(places[0]) / "data" / "astronaut.png" if places else None
    if photograph is None or not photograph.is_file():
        raise DemoError(
            "The demonstration's photograph comes with scikit-image, which is not installed",
            cure="install seke_pipeline[demo], or set photographs = false",
        )
    folder.mkdir()
    (folder / photograph.name).write_bytes(photograph.read_bytes())


def _stamp_of(settings: DemoSettings) -> str:
    drawn = settings.model_dump(mode="json", exclude={"noise"})
    text = json.dumps([DRAWING_VERSION, COLLECTION_VERSION, drawn], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _read_stamp(root: Path) -> object:
    """What the stamp says; None when nothing was drawn here, something else when it cannot be read."""
    try:
        return json.loads((root / _STAMP).read_text())
    except FileNotFoundError:
        return None
    except ValueError:
        return {}


def _write_stamp(root: Path, collection: str, *, complete: bool) -> None:
    (root / _STAMP).write_text(json.dumps({"collection": collection, "complete": complete}) + "\n")


def _make_room(root: Path, *, ours: bool) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for part in (root / name for name in _PARTS if (root / name).exists()):
        if not ours:
            raise DemoError(
                f"{part} is there already, and was not drawn by this demonstration",
                cure="choose another folder for the demonstration's collection",
            )
        shutil.rmtree(part) if part.is_dir() else part.unlink()
