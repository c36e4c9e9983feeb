"""Plants the true layouts of the databases, byte for byte and in small."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from seke_pipeline.emotion.tables import IMAGES

Plant = Callable[[Mapping[str, bytes]], Path]
Listed = Callable[[Iterable[Mapping[str, Any]]], pl.DataFrame]


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """Writes files (path → bytes) below a new root; a path that ends in / is an empty folder."""

    def write(files: Mapping[str, bytes]) -> Path:
        root = tmp_path / "root"
        root.mkdir(exist_ok=True)
        for path, content in files.items():
            target = root / path
            if path.endswith("/"):
                target.mkdir(parents=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return root

    return write


@pytest.fixture
def listed() -> Listed:
    """Rows as `scan` gives them: the columns of IMAGES without shard."""
    return lambda rows: IMAGES.frame(rows).drop("shard")
