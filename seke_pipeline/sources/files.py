"""The files under a source's root: which images lie there, and how one is read safely.

A label file comes from elsewhere, so a path in it is not to be trusted: nothing here follows `..`, an
absolute path or a link out of the root. What a label file says is `label_file.py`'s business.
"""

import logging
import os
import posixpath
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from seke_pipeline.emotion.tables import IMAGES
from seke_pipeline.sources.errors import OutsideRootError

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
REASON = IMAGES.schema["reason"]

_log = logging.getLogger(__name__)


def list_images(root: Path, under: str = "") -> pl.DataFrame:
    """Walk the folder `under` a root.

    Hidden names (`.DS_Store`, macOS's `._a.jpg`) are skipped, linked folders are not entered.

    Args:
        root: the source's root.
        under: the folder to walk, relative to the root.

    Returns:
        path (relative to the root, `/` between names), reason (null when the file can be read).

    Raises:
        OSError: a folder cannot be looked into; it is not taken for empty.
    """
    inside = (root / under).resolve().is_relative_to(root.resolve())
    rows = [(path, None if plain and inside else reason_of(root, path)) for path, plain in _walk(root, under)]
    return pl.DataFrame(rows, schema={"path": pl.String(), "reason": REASON}, orient="row").sort("path")


def reason_of(root: Path, path: str) -> str | None:
    """Why the image at this path cannot be read: `outside_root`, `missing_file`, or None when it can."""
    try:
        _locate(root, path)
    except OutsideRootError:
        return "outside_root"
    except OSError:
        return "missing_file"
    return None


def read_image(root: Path, path: str) -> bytes:
    """The bytes of one image.

    Args:
        root: the source's root.
        path: the image's path relative to it, as `scan` gave it.

    Raises:
        OutsideRootError: the path, or the link it names, leads out of the root (an `OSError`).
        FileNotFoundError: there is no regular file.
        OSError: it cannot be read.
    """
    return _locate(root, path).read_bytes()


def relative_paths(root: Path, paths: pl.Series) -> pl.Series:
    """Bring paths as people write them to the form that `list_images` gives.

    An absolute path under the root becomes relative, a backslash becomes `/`, and `./`, `//` and `a/..` go.
    A path out of the root stays one.
    """
    text = paths.str.replace_all("\\", "/", literal=True)
    for prefix in (f"{root}/", f"{root.resolve()}/"):
        text = text.str.strip_prefix(prefix)
    odd = text.str.contains(r"//|(^|/)\.\.?(/|$)")
    return text.zip_with(~odd, text.map_elements(posixpath.normpath, return_dtype=pl.String)) if odd.any() else text


def what_lies_in(folder: Path, at_most: int = 8) -> str:
    """The names in a folder, for an error's text."""
    try:
        names = sorted(entry.name for entry in folder.iterdir())
    except OSError as error:
        return f"{folder}: {error.strerror}"
    shown = ", ".join(names[:at_most]) or "nothing"
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return f"{shown}{more} in {folder}"


def _walk(root: Path, under: str) -> Iterator[tuple[str, bool]]:
    """Relative path of every file with an image's suffix; whether it is a plain file with a UTF-8 name."""
    folders = [under]
    while folders:
        folder = folders.pop()
        for entry in _entries(root / folder):
            path = posixpath.join(folder, entry.name)
            if entry.is_dir(follow_symlinks=False):
                folders.append(path)
            elif Path(entry.name).suffix.lower() in IMAGE_SUFFIXES:
                # a name that is not UTF-8 cannot stand in a table: it is listed as near as can be, not found
                text = os.fsencode(path).decode("utf-8", "replace")
                yield text, text == path and entry.is_file(follow_symlinks=False)
            elif entry.is_symlink() and entry.is_dir():
                _log.warning("%s is a link to a folder and is not entered", entry.path)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return [entry for entry in entries if not entry.name.startswith(".")]


def _locate(root: Path, path: str) -> Path:
    """The regular file at a path, links resolved."""
    base = root.resolve()
    try:
        target = (base / path).resolve()
    except (RuntimeError, ValueError) as error:  # a ring of links; a NUL in the name
        raise FileNotFoundError(f"no file can be at {path!r}: {error}") from error
    if not target.is_relative_to(base):
        raise OutsideRootError(f"{path!r} leads out of {root}")
    if not target.is_file():
        raise FileNotFoundError(f"no regular file at {path!r} in {root}")
    return target
