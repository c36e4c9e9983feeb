"""The client of S3, and the border where what boto3 raises becomes an `OSError`.

Nothing here is imported from boto3 before it is needed: it is an extra.
"""

import errno
import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from seke_pipeline.sources.errors import SourceError

CONNECTIONS = 32
"""Requests at once."""
_MISSING = frozenset({"404", "NoSuchKey", "NoSuchBucket", "NotFound"})
_DENIED = frozenset({"401", "403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"})


def client() -> Any:  # boto3 has no types
    """The client for the address that the environment names now.

    Raises:
        SourceError: boto3 is not installed.
    """
    return _client_of(os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"))


@cache
def _client_of(endpoint: str | None) -> Any:
    """One client a process and address: making one takes 50 ms, and it may be used from many threads."""
    config = _library("botocore.config").Config(max_pool_connections=CONNECTIONS)
    return _library("boto3").client("s3", endpoint_url=endpoint, config=config)


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise SourceError(
            "A source in S3 needs boto3, which is not installed",
            cure='run `pip install -c constraints.txt -e ".[s3]"`',
        ) from error


@contextmanager
def os_errors(place: object) -> Iterator[None]:
    """The border: what boto3 raises becomes an `OSError` that names the place."""
    exceptions = _library("botocore.exceptions")
    try:
        yield
    except exceptions.ClientError as error:
        code = str(error.response["Error"]["Code"])
        number = errno.ENOENT if code in _MISSING else errno.EACCES if code in _DENIED else errno.EIO
        raise OSError(number, f"{os.strerror(number)}: {code}", str(place)) from error
    except exceptions.BotoCoreError as error:
        raise OSError(errno.EIO, str(error), str(place)) from error
