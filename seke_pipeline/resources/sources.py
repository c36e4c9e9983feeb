"""The collection: the sources of the settings, looked at, dealt to shards, and read in place."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
import polars as pl

from seke_pipeline.emotion.tables import LISTING
from seke_pipeline.errors import SettingsError
from seke_pipeline.resources.settings import Settings
from seke_pipeline.sources import SourceSettings, deal, read_image, scan
from seke_pipeline.storage.lake import Lake
from seke_pipeline.storage.manifest import Recipe


@dataclass(frozen=True)
class Collection:
    """The user's sources.

    Attributes:
        sources: name → settings of every source.
        shard_size: images at most in a shard.
    """

    sources: Mapping[str, SourceSettings]
    shard_size: int

    def look(self, lake: Lake) -> dict[str, str]:
        """Scan every source, deal new images to new shards, and keep the listing in the lake.

        Returns:
            Shard key → data version of its rows, over all sources, sorted.

        Raises:
            SekeError: there is no source, or one cannot be read.
        """
        if not self.sources:
            raise SettingsError(
                "The settings name no source of images",
                cure="add a [[sources]] table to seke.toml (README.md)",
            )
        versions: dict[str, str] = {}
        for source in self.sources.values():
            listed = self._look_at(source, lake)
            versions |= {str(key): content_hash(rows) for (key,), rows in listed.group_by("shard")}
        return dict(sorted(versions.items()))

    def listed(self, lake: Lake, shard: str) -> pl.DataFrame:
        """The rows of one shard as last looked at."""
        return lake.scan(LISTING).filter(pl.col("shard") == shard).sort("image_id").collect()

    def read(self, source: str, path: str) -> bytes:
        """The bytes of an image, in place.

        Raises:
            OSError: it is missing, not a regular file, or lies outside the source's root.
        """
        return read_image(self.sources[source].root, path)

    def _look_at(self, source: SourceSettings, lake: Lake) -> pl.DataFrame:
        known = lake.read(LISTING, [source.name]) if lake.manifest(LISTING, source.name) else None
        listed = deal(scan(source), known, self.shard_size)
        lake.write(LISTING, source.name, listed, Recipe("1", source.model_dump(mode="json", exclude_none=True)))
        return listed


class SourcesResource(dg.ConfigurableResource[Collection]):
    """The sources as Dagster shows them: each with its kind and root."""

    sources: list[dict[str, Any]]
    shard_size: int

    @classmethod
    def of(cls, settings: Settings) -> "SourcesResource":
        """The resource for these settings."""
        return cls(
            sources=[source.model_dump(mode="json", exclude_none=True) for source in settings.sources],
            shard_size=settings.collection.shard_size,
        )

    def create_resource(self, context: dg.InitResourceContext) -> Collection:
        """The collection, unread."""
        sources = [SourceSettings.model_validate(one) for one in self.sources]
        return Collection({source.name: source for source in sources}, self.shard_size)


def content_hash(rows: pl.DataFrame) -> str:
    """Hash of rows, whatever their order and however they lie in memory."""
    # CSV, for the bytes of Arrow's own formats differ between a frame and an equal slice of a larger one.
    text = rows.sort("image_id").write_csv(quote_style="non_numeric")
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
