"""The VLLM endpoint: the user's own, or the demo's stand-in, started for as long as a run needs it."""

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from seke_pipeline.demo import Annotator, DemoSettings
from seke_pipeline.emotion.method import MethodSettings
from seke_pipeline.resources.progress import Advance
from seke_pipeline.resources.settings import Settings
from seke_pipeline.storage.lake import lake_errors
from seke_pipeline.vlm import Annotation, FaceToAsk, Journal, Progress, Vlm, VlmSettings, annotate

DEMO_ENDPOINT = "demo"
_KEY = "SEKE_VLM_API_KEY"


@dataclass(frozen=True)
class Endpoint:
    """A VLLM that faces can be shown to.

    Attributes:
        settings: the `[vlm]` section; its `base_url` is what the user wrote.
        base_url: where the requests go.
    """

    settings: VlmSettings
    base_url: str

    def annotate(
        self,
        faces: Sequence[FaceToAsk],
        journal: Path,
        method: MethodSettings,
        on_progress: Callable[[Progress], None],
    ) -> Annotation:
        """Ask about the faces until every missing field is settled or its budget is spent.

        Raises:
            LakeError: the journal cannot be written, for the disk is full.
            VlmError: the endpoint cannot be used, the budget is spent, or too many answers were faulty; the
                journal keeps all that arrived, and the next call asks only for the rest.
        """
        with lake_errors(journal):
            return asyncio.run(self._annotate(faces, journal, method, on_progress))

    async def _annotate(
        self,
        faces: Sequence[FaceToAsk],
        journal: Path,
        method: MethodSettings,
        on_progress: Callable[[Progress], None],
    ) -> Annotation:
        with Journal(journal) as answers:
            async with Vlm(self.settings, self.base_url) as vlm:
                return await annotate(faces, vlm, answers, method, on_progress)


def asking(advance: Advance) -> Callable[[Progress], None]:
    """Tell a meter what the client tells: faces done, answers and money so far."""

    def tell(seen: Progress) -> None:
        money = "" if seen.cost_usd is None else f", ${seen.cost_usd:.4f}"
        advance(seen.faces_done, f"{seen.answers} answers{money}")

    return tell


class EndpointResource(dg.ConfigurableResource[Endpoint]):
    """The `[vlm]` section as Dagster shows it; the key is read from the environment, in the run, and never shown."""

    section: dict[str, Any]
    demo: dict[str, Any]
    cache: str

    @classmethod
    def of(cls, settings: Settings) -> "EndpointResource":
        """The resource for these settings."""
        return cls(
            section=settings.vlm.model_dump(mode="json", exclude={"api_key"}, exclude_none=True),
            demo=(settings.demo.drawing if settings.demo else DemoSettings()).model_dump(
                mode="json", exclude_none=True
            ),
            cache=str(settings.lake / "demo"),
        )

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Endpoint]:
        """The endpoint; the demo's stand-in runs while the context is open."""
        settings = VlmSettings.model_validate(self.section | {"api_key": os.environ.get(_KEY)})
        if settings.base_url != DEMO_ENDPOINT:
            yield Endpoint(settings, settings.base_url)
            return
        demo = DemoSettings.model_validate(self.demo)
        with Annotator(demo.noise, Path(self.cache)) as stand_in:
            yield Endpoint(settings, stand_in.base_url)
