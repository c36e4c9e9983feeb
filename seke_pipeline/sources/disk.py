"""A root on this machine's disk: walked fast, and looked into without leaving it.

Millions of names pass here, so the loops use `os.scandir`'s entries and plain text, not a `Path` for each.
"""

import logging
import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from seke_pipeline.sources.errors import OutsideRootError

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
SMALL_FILE_BYTES = 65_536
"""A file of one image's labels is far smaller."""
_PAGE_BYTES = 4_096

_log = logging.getLogger(__name__)


def is_image(name: str) -> bool:
    """Whether a file's name ends as images' names do."""
    return name.lower().endswith(IMAGE_SUFFIXES)


def images_below(root: Path, under: str) -> Iterator[tuple[str, str | None]]:
    """Relative path of every file with an image's name in the folder `under` a root, and why it cannot be read.

    Raises:
        OSError: a folder cannot be looked into.
    """
    plain = None if (root / under).resolve().is_relative_to(root.resolve()) else "outside_root"
    folders = [under]
    while folders:
        folder = folders.pop()
        start = f"{folder}/" if folder else ""
        for entry in entries(root / folder):
            path = start + entry.name
            if entry.is_dir(follow_symlinks=False):
                folders.append(path)
            elif not is_image(entry.name):
                _warn_of_linked_folder(entry)
            elif not _is_text(path):
                # it cannot stand in a table: it is listed as near as can be, not found
                yield os.fsencode(path).decode("utf-8", "replace"), "missing_file"
            else:
                yield path, plain if entry.is_file(follow_symlinks=False) else reason_of(root, path)


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder, without hidden names, in the disk's order."""
    with os.scandir(folder) as found:
        return [entry for entry in found if not entry.name.startswith(".")]


def marks(root: Path, unread: tuple[str, ...] = ()) -> Iterator[str]:
    """What can be told of a root without reading files: one text a folder, another one when it changed.

    Images by name, all other files by size and time of change. Linked folders are entered, since labels may lie
    there; none is entered twice. A folder that cannot be looked into is left to `scan` to complain of.

    Args:
        root: the folder.
        unread: endings of names of files that nobody reads; they count by name too.

    Raises:
        OSError: the root itself cannot be looked into.
    """
    seen: set[tuple[int, int]] = set()
    by_name = (*IMAGE_SUFFIXES, *unread)
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            names, inner = _marked(f"{root}/{folder}", by_name, seen)
        except OSError:
            if not folder:
                raise
            names, inner = ["unreadable"], []
        folders += sorted(f"{folder}{name}/" for name in inner)
        yield "\0".join([folder, *sorted(names)])


def mark_of(file: Path) -> str:
    """What can be told of one file without reading it."""
    try:
        info = file.stat()
    except OSError:
        return "missing"
    return f"{info.st_size}/{info.st_mtime_ns}"


def locate(root: Path, path: str) -> Path:
    """The regular file at a path that may not be trusted, links resolved.

    Raises:
        OutsideRootError: the path, or the link it names, leads out of the root.
        FileNotFoundError: there is no regular file.
    """
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


def reason_of(root: Path, path: str) -> str | None:
    """Why the image at this path cannot be read: `outside_root`, `missing_file`, or None when it can."""
    try:
        locate(root, path)
    except OutsideRootError:
        return "outside_root"
    except OSError:
        return "missing_file"
    return None


def searcher(root: Path) -> Callable[[str], str | None]:
    """`reason_of` for many paths of one root: a folder is resolved once, not for each of its files."""
    base = root.resolve()

    @lru_cache(4096)
    def folder_of(name: str) -> str | None:
        try:
            folder = (base / name).resolve()
        except (RuntimeError, ValueError):
            return None
        return str(folder) if folder.is_relative_to(base) else None

    def search(path: str) -> str | None:
        parent, _, name = path.rpartition("/")
        folder = None if path.startswith("/") or name in ("", ".", "..") or "\0" in name else folder_of(parent)
        if folder is not None and not os.access(f"{folder}/{name}", os.F_OK, follow_symlinks=False):
            return "missing_file"  # most that are sought are not there, and an exception for each is slow
        return reason_of(root, path)

    return search


def content(path: str) -> bytes:
    """The content of a small file, without the cost of Python's file objects; b"" if it is no such file.

    Raises:
        OSError: it is not there, or cannot be read.
    """
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # or a pipe of that name would be waited for
    try:
        found = os.read(file, _PAGE_BYTES)  # nearly always all: making room for more costs more than reading
        return small(found + os.read(file, SMALL_FILE_BYTES) if len(found) == _PAGE_BYTES else found)
    except IsADirectoryError:
        return b""
    finally:
        os.close(file)


def small(found: bytes) -> bytes:
    """The same bytes; none if they are more than `SMALL_FILE_BYTES`."""
    return found if len(found) <= SMALL_FILE_BYTES else b""


def _marked(folder: str, by_name: tuple[str, ...], seen: set[tuple[int, int]]) -> tuple[list[str], list[str]]:
    """The mark of each thing in a folder, in the disk's order; the names of the folders among them.

    A folder that was seen before holds nothing new.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)  # from here, names need not be looked up from the root
    try:
        place = os.fstat(handle)
        if (place.st_dev, place.st_ino) in seen:
            return [], []
        seen.add((place.st_dev, place.st_ino))
        return _marks_in(handle, by_name)
    finally:
        os.close(handle)


def _marks_in(handle: int, by_name: tuple[str, ...]) -> tuple[list[str], list[str]]:
    names, inner = [], []
    with os.scandir(handle) as found:
        for entry in found:
            name = entry.name
            if name.startswith("."):
                continue
            if not entry.is_file(follow_symlinks=False):
                names.append(_mark(entry, handle))
                if entry.is_dir():
                    inner.append(name)
            elif name.lower().endswith(by_name):
                names.append(name)
            else:
                info = entry.stat(follow_symlinks=False)
                names.append(f"{name}/{info.st_size}/{info.st_mtime_ns}")
    return names, inner


def _mark(entry: os.DirEntry[str], handle: int) -> str:
    """A link by what it names and that one's size and time of change; a folder, pipe or the like by its name."""
    if not entry.is_symlink():
        return f"{entry.name}/"
    try:
        info = os.stat(entry.name, dir_fd=handle)
    except OSError:
        return f"{entry.name}/{os.readlink(entry.name, dir_fd=handle)}/missing"
    return f"{entry.name}/{os.readlink(entry.name, dir_fd=handle)}/{info.st_size}/{info.st_mtime_ns}"


def _warn_of_linked_folder(entry: os.DirEntry[str]) -> None:
    if entry.is_symlink() and entry.is_dir():
        _log.warning("%s is a link to a folder and is not entered", entry.path)


def _is_text(path: str) -> bool:
    """Whether a name is UTF-8; the disk's other names hold lone surrogates in Python."""
    try:
        return path.isascii() or bool(path.encode())
    except UnicodeEncodeError:
        return False
