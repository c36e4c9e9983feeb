"""The face detector of the settings."""

from typing import Any

import dagster as dg

from seke_pipeline.resources.settings import Settings
from seke_pipeline.vision import Detector, VisionSettings, open_detector


class VisionResource(dg.ConfigurableResource[VisionSettings]):
    """The `[vision]` section as Dagster shows it."""

    section: dict[str, Any]

    @classmethod
    def of(cls, settings: Settings) -> "VisionResource":
        """The resource for these settings."""
        return cls(section=settings.vision.model_dump(mode="json", exclude_none=True))

    def create_resource(self, context: dg.InitResourceContext) -> VisionSettings:
        """The section, checked."""
        return VisionSettings.model_validate(self.section)


class DetectorResource(dg.ConfigurableResource[Detector]):
    """The detector, opened when a run needs it."""

    section: dict[str, Any]

    @classmethod
    def of(cls, settings: Settings) -> "DetectorResource":
        """The resource for these settings."""
        return cls(section=settings.vision.model_dump(mode="json", exclude_none=True))

    def create_resource(self, context: dg.InitResourceContext) -> Detector:
        """The open detector.

        Raises:
            DetectorError: its package or model file is missing.
        """
        return open_detector(VisionSettings.model_validate(self.section))
