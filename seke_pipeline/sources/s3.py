"""A folder or file in S3, with the few methods of `pathlib.Path` that readers use.

Address and keys come from the environment, as boto3 reads it: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
`AWS_PROFILE`, and `AWS_ENDPOINT_URL` for a store that is not Amazon's. What the store refuses is an `OSError`.
"""

import errno
import io
import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, BinaryIO, Self

from seke_pipeline.sources.errors import OutsideRootError
from seke_pipeline.sources.s3_client import client, os_errors

SCHEME = "s3://"


@dataclass(frozen=True)
class S3Object:
    """One object of a listing.

    Attributes:
        path: its key below the folder that was listed.
        size: bytes.
        tag: the store's hash of its content.
    """

    path: str
    size: int
    tag: str

    @property
    def mark(self) -> str:
        """Another text when it changed."""
        return f"{self.path}/{self.size}/{self.tag}"


@dataclass(frozen=True, order=True)
class S3Path:
    """A place in a bucket: a folder (a prefix of keys), an object, or nothing.

    Attributes:
        bucket: the bucket.
        key: names between `/`, without one at either end; "" is the bucket itself.
    """

    bucket: str
    key: str = ""

    @classmethod
    def of(cls, address: str) -> Self:
        """The place at `s3://bucket/key`."""
        bucket, _, key = address.removeprefix(SCHEME).partition("/")
        return cls(bucket, key.strip("/"))

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}".rstrip("/")

    def __truediv__(self, name: str) -> Self:
        return type(self)(self.bucket, posixpath.join(self.key, name).strip("/"))

    @property
    def name(self) -> str:
        """The last name."""
        return posixpath.basename(self.key)

    @property
    def stem(self) -> str:
        """The last name without its suffix."""
        return posixpath.splitext(self.name)[0]

    @property
    def suffix(self) -> str:
        """The last name's suffix with its dot, or ""."""
        return posixpath.splitext(self.name)[1]

    @property
    def parent(self) -> Self:
        """The folder it lies in."""
        return type(self)(self.bucket, posixpath.dirname(self.key))

    def is_file(self) -> bool:
        """Whether there is an object. Costs a request."""
        try:
            self.stat()
        except FileNotFoundError:
            return False
        return True

    def is_dir(self) -> bool:
        """Whether there is any object below. Costs a request."""
        with os_errors(self):
            found = client().list_objects_v2(Bucket=self.bucket, Prefix=self._below(), MaxKeys=1)
        return bool(found["KeyCount"])

    def iterdir(self) -> Iterator[Self]:
        """What lies directly in this folder.

        Raises:
            FileNotFoundError: nothing does.
        """
        below = self._below()
        for page in self._pages(Delimiter="/"):
            folders = (one["Prefix"] for one in page.get("CommonPrefixes", ()))
            objects = (one["Key"] for one in page.get("Contents", ()) if one["Key"] != below)
            for key in (*folders, *objects):
                yield type(self)(self.bucket, key.rstrip("/"))

    def objects(self) -> Iterator[S3Object]:
        """Every object below this folder, in the order of the keys, by one listing.

        Raises:
            FileNotFoundError: there is none.
        """
        start = len(self._below())
        for page in self._pages():
            for one in page.get("Contents", ()):
                yield S3Object(one["Key"][start:], one["Size"], one["ETag"])

    def stat(self) -> S3Object:
        """Size and tag of this object.

        Raises:
            FileNotFoundError: there is none.
        """
        with os_errors(self):
            head = client().head_object(Bucket=self.bucket, Key=self.key)
        return S3Object(self.name, head["ContentLength"], head["ETag"])

    def read_bytes(self) -> bytes:
        """The object's content.

        Raises:
            FileNotFoundError: there is no such object.
            OSError: it cannot be read.
        """
        return self.head(None)

    def head(self, at_most: int | None) -> bytes:
        """The first bytes of the object's content.

        Raises:
            FileNotFoundError: there is no such object.
            OSError: it cannot be read.
        """
        with os_errors(self):
            content: bytes = client().get_object(Bucket=self.bucket, Key=self.key)["Body"].read(at_most)
        return content

    def open(self, size: int) -> BinaryIO:
        """The object as a file that can be read in places.

        Args:
            size: its bytes.
        """
        return io.BufferedReader(_S3File(self, size), 2**20)

    def span(self, start: int, end: int) -> bytes:
        """The bytes from start up to, not with, end.

        Raises:
            OSError: they cannot be read.
        """
        with os_errors(self):
            answer = client().get_object(Bucket=self.bucket, Key=self.key, Range=f"bytes={start}-{end - 1}")
            content: bytes = answer["Body"].read()
        return content

    def copy_to(self, file: IO[bytes]) -> None:
        """Write the object's content to a file, a piece at a time.

        Raises:
            FileNotFoundError: there is no such object.
            OSError: it cannot be read.
        """
        with os_errors(self):
            for piece in client().get_object(Bucket=self.bucket, Key=self.key)["Body"].iter_chunks(2**20):
                file.write(piece)

    def reason_of(self, path: str) -> str | None:
        """Why the object at a relative path cannot be read: `outside_root`, `missing_file`, or None when it can."""
        try:
            self.locate(path).stat()
        except OutsideRootError:
            return "outside_root"
        except FileNotFoundError:
            return "missing_file"
        return None

    def locate(self, path: str) -> Self:
        """The place of a relative path that may not be trusted.

        Raises:
            OutsideRootError: it leads out of this folder.
            FileNotFoundError: no object can have this name.
        """
        inside = posixpath.normpath(path) if path else ""
        if "\0" in path or not inside:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), f"{self}/{path}")
        if inside.startswith(("/", "../")) or inside == "..":
            raise OutsideRootError(f"{path!r} leads out of {self}")
        return self / inside

    def _below(self) -> str:
        return f"{self.key}/" if self.key else ""

    def _pages(self, **options: str) -> Iterator[dict[str, Any]]:
        with os_errors(self):
            pages = (
                client().get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self._below(), **options)
            )
            for number, page in enumerate(pages):
                if number == 0 and page["KeyCount"] == 0:
                    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self))
                yield page


class _S3File(io.RawIOBase):
    """An object as a file of Python; every read is a request."""

    def __init__(self, place: S3Path, size: int) -> None:
        self._place, self._size, self._at = place, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        end = min(self._at + len(buffer), self._size)
        found = self._place.span(self._at, end) if end > self._at else b""
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)
