"""The border of this room: what a user can mend about a source."""

from seke_pipeline.errors import SekeError


class SourceError(SekeError):
    """A source's folder or label file is missing, empty, unreadable or of an unknown layout."""


class OutsideRootError(PermissionError):
    """A path, or the link it names, leads out of its source's root."""
