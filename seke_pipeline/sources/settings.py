"""The settings of one source: a `[[sources]]` table of `seke.toml`."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from seke_pipeline.sources.registry import READERS, Kind


class SourceSettings(BaseModel):
    """One source database, or a folder of one's own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_]*$",
        description="Names the source in tables and shards; changing it makes every image a new one.",
    )
    kind: Kind = Field(description="Which database it is: how its folders and labels are read.")
    root: Path = Field(description="The folder that the database was unpacked into; ~ is the home.")
    labels: Path | None = Field(
        None,
        description="CSV or Parquet file with a column path and any of the 20 fields (kind folder only).",
    )
    licence: str | None = Field(
        None, description="Terms of the images in a sentence; none takes the words of the kind."
    )
    split: Literal["auto", "train", "test"] = Field(
        "auto",
        description="Where new images go; auto: the database's own split, else 9:1 by a hash of the person. "
        "An image that was dealt before stays where it is, and so do new images of its person.",
    )

    @field_validator("name")
    @classmethod
    def _not_all(cls, name: str) -> str:
        if name == "all":
            raise ValueError("'all' names the sources together in FEAB's scores: choose another name")
        return name

    @field_validator("root", "labels")
    @classmethod
    def _at_home(cls, path: Path | None) -> Path | None:
        return path and path.expanduser()

    @model_validator(mode="after")
    def _labels_are_read(self) -> Self:
        if self.labels is not None and not READERS[self.kind].takes_labels:
            raise ValueError(f"kind {self.kind} reads the database's own labels: remove the key labels")
        return self
