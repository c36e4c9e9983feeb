"""What the settings say about how a source is to be read: `rows.Reader.read` gets it beside the root."""

from dataclasses import dataclass

from seke_pipeline.sources.files import Root


@dataclass(frozen=True)
class Ask:
    """How a source is to be read.

    Attributes:
        labels: the table of partial labels (kind folder).
        edition: one of the reader's editions; None takes the first that is found.
        every_frame: of a video, every how manieth frame is kept; None leaves it to the reader.
    """

    labels: Root | None = None
    edition: str | None = None
    every_frame: int | None = None
