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
    root: Path | str = Field(
        description="The folder that the database was unpacked into, or s3://bucket/prefix; ~ is the home."
    )
    edition: str | None = Field(
        None,
        description="Which release or layout is read; auto or none: what is found. affectnet: 2017_csv, 2021_npy; "
        "ckplus: full, last_three_frames; disfa: frames, left_videos, right_videos; affwild2: challenges, "
        "challenges_in_videos, multi_task.",
    )
    every_frame: int | None = Field(
        None,
        ge=1,
        description="Of videos' frames, every how manieth is kept, beside those where an action unit changes; 1 keeps "
        "all, none is the kind's own (10 for bp4d, disfa and affwild2, 1 for affwild2's multi_task).",
    )
    labels: Path | str | None = Field(
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
    def _on_disk_or_in_s3(cls, place: Path | str | None) -> Path | str | None:
        """A path, but for `s3://…`, which stays the text it is: a path would lose a slash."""
        in_s3 = isinstance(place, str) and place.startswith("s3://")
        return place if place is None or in_s3 else Path(place).expanduser()

    @field_validator("edition")
    @classmethod
    def _any_found(cls, edition: str | None) -> str | None:
        return None if edition == "auto" else edition

    @model_validator(mode="after")
    def _means_something(self) -> Self:
        reader = READERS[self.kind]
        if self.labels is not None and not reader.takes_labels:
            raise ValueError(f"kind {self.kind} reads the database's own labels: remove the key labels")
        if self.every_frame is not None and not reader.of_videos:
            raise ValueError(f"kind {self.kind} has no videos to take frames from: remove the key every_frame")
        if self.edition is not None and self.edition not in reader.editions:
            known = ", ".join(("auto", *reader.editions))
            raise ValueError(f"kind {self.kind} has no edition {self.edition!r}: use one of {known}")
        return self
