"""A run in a process of its own, to be killed: `python -m tests.vlm.child URL JOURNAL FACES`."""

import asyncio
import sys
from pathlib import Path

from seke_pipeline.emotion.method import MethodSettings
from seke_pipeline.vlm import Journal, Vlm, VlmSettings, annotate
from tests.vlm.conftest import FAST, METHOD, face_of


async def run(url: str, journal: Path, count: int) -> None:
    settings = VlmSettings.model_validate({**FAST, "base_url": url, "timeout_s": 20.0})
    async with Vlm(settings) as vlm:
        await annotate([face_of(n) for n in range(count)], vlm, Journal(journal), MethodSettings.model_validate(METHOD))


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
