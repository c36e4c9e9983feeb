"""The lake: one Parquet file per partition, put in place by a rename, known by its manifest.

Readers go by manifests, so they never see half a partition; a reader that has the old file open keeps it.
The layout is `<root>/<table>/<kind>=<key>/part.parquet` with `manifest.json` beside it.
"""

import errno
import fcntl
import hashlib
import io
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from seke_pipeline.emotion.tables import Table
from seke_pipeline.errors import SekeError
from seke_pipeline.storage.manifest import Manifest, Recipe

_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,127}")


class LakeError(SekeError):
    """The lake cannot be read or written."""


class Lake:
    """A folder of tables.

    Args:
        root: the folder; it is made at the first write.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, table: Table, partition: str, frame: pl.DataFrame, recipe: Recipe) -> Manifest:
        """Put one partition in place; what stood there before is replaced as a whole.

        Raises:
            LakeError: the key is not `[a-z0-9_-]+`, or the disk is full or refuses.
        """
        body = _parquet_bytes(table.conform(frame))
        manifest = Manifest(
            table=table.name,
            partition=partition,
            rows=frame.height,
            data_version=hashlib.blake2b(body, digest_size=16).hexdigest(),
            schema=_schema_of(table),
            recipe=recipe.digest,
            made_from={
                "code_version": recipe.code_version,
                "settings": dict(recipe.settings),
                "inputs": dict(recipe.inputs),
            },
        )
        folder = self._folder(table, partition)
        replace_file(folder / "part.parquet", body)
        replace_file(folder / "manifest.json", manifest.to_json().encode())
        return manifest

    def read(
        self, table: Table, partitions: Iterable[str] | None = None, columns: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Read whole partitions (all of them by default) as one frame; none gives an empty, typed frame.

        Raises:
            LakeError: a partition was never made.
        """
        names = table.schema.names() if columns is None else list(columns)
        frames = [_columns_of(path, table, names) for path in self.files(table, partitions)]
        return pl.concat(frames) if frames else table.frame([]).select(names)

    def scan(self, table: Table) -> pl.LazyFrame:
        """All partitions of a table, lazily: for a few columns of much."""
        files = self.files(table)
        if not files:
            return table.frame([]).lazy()
        # A partition that an older release wrote lacks the columns that came since: they are null until it is remade.
        return pl.scan_parquet(
            files,
            schema=table.schema,
            hive_partitioning=False,
            glob=False,
            missing_columns="insert",
            extra_columns="ignore",
        )

    def journal(self, name: str) -> Path:
        """Where the answers of a shard, or of an exam, are kept as they arrive."""
        path = self.root / "journal" / f"{name}.jsonl"
        with lake_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def files(self, table: Table, partitions: Iterable[str] | None = None) -> list[Path]:
        """The Parquet files of partitions that exist.

        Raises:
            LakeError: a partition was never made.
        """
        wanted = self.partitions(table) if partitions is None else list(partitions)
        for key in wanted:
            if self.manifest(table, key) is None:
                raise LakeError(
                    f"The lake holds no partition {key!r} of {table.name!r}",
                    cure=f"materialize {table.name} for {key} first",
                )
        return [self._folder(table, key) / "part.parquet" for key in wanted]

    def manifest(self, table: Table, partition: str) -> Manifest | None:
        """The manifest of a partition, or None when it does not exist."""
        path = self._folder(table, partition) / "manifest.json"
        return Manifest.from_json(path.read_text()) if path.is_file() else None

    def partitions(self, table: Table) -> list[str]:
        """Keys of the partitions that exist, sorted."""
        found = (self.root / table.name).glob(f"{table.partitioned_by}=*/manifest.json")
        return sorted(path.parent.name.partition("=")[2] for path in found)

    def is_current(self, table: Table, partition: str, recipe: Recipe) -> bool:
        """Whether the partition exists, was made by this very recipe, and has today's columns."""
        manifest = self.manifest(table, partition)
        return manifest is not None and manifest.recipe == recipe.digest and manifest.schema == _schema_of(table)

    def data_version(self, table: Table, partition: str) -> str:
        """Hash of the partition's content; `missing` when it does not exist."""
        manifest = self.manifest(table, partition)
        return manifest.data_version if manifest else "missing"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep every other main job away from this lake for as long as the context is open.

        Raises:
            LakeError: another one has it. The lock goes with its process, however that ends.
        """
        path = self.root / "main_job.lock"
        with lake_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("a")
        with file:
            if not _locked(file.fileno()):
                raise LakeError(
                    f"Another main job is at work on {self.root}", cure="wait until it has ended, or stop it"
                )
            yield

    def note(self, name: str, text: str) -> None:
        """Keep what is to be remembered of a thing that is no table, such as the recipe's digest of the report."""
        replace_file(self.root / "made" / name, text.encode())

    def noted(self, name: str) -> str | None:
        """The text last kept under a name."""
        path = self.root / "made" / name
        return path.read_text() if path.is_file() else None

    def _folder(self, table: Table, partition: str) -> Path:
        if not _KEY.fullmatch(partition):
            raise LakeError(
                f"{partition!r} is no partition key", cure="use lower-case letters, digits, '_' and '-' only"
            )
        return self.root / table.name / f"{table.partitioned_by}={partition}"


def replace_file(path: Path, body: bytes) -> None:
    """Write a file beside its place, durably, and move it there: readers see the old or the new, whole.

    Raises:
        LakeError: the disk is full, or refuses.
    """
    with lake_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            with temporary.open("wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def lake_errors(path: Path) -> Iterator[None]:
    """Map the operating system's refusals to an error that says the cure."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise LakeError(
                f"The disk is full: {path} could not be written",
                cure="free space or point SEKE_LAKE to a larger disk, then run again: what is done is kept",
            ) from error
        raise LakeError(
            f"{path} could not be written ({error.strerror})",
            cure="give yourself the right to write there or point SEKE_LAKE elsewhere, then run again",
        ) from error


def _columns_of(path: Path, table: Table, names: Sequence[str]) -> pl.DataFrame:
    """Only the named columns of a file, in the table's types; what an older release did not write is null."""
    held = pl.scan_parquet(path, glob=False, hive_partitioning=False)
    kept = [name for name in held.collect_schema().names() if name in names]
    return table.conform(held.select(kept).collect()).select(names)


def _schema_of(table: Table) -> dict[str, str]:
    return {name: str(dtype) for name, dtype in table.schema.items()}


def _parquet_bytes(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.rechunk().write_parquet(buffer, compression="zstd", statistics=True)
    return buffer.getvalue()
