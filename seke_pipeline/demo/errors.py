"""What can go wrong in the demonstration, in words for its user."""

from seke_pipeline.errors import SekeError


class DemoError(SekeError):
    """The demonstration cannot be drawn or served."""
