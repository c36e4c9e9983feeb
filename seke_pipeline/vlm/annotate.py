"""The annotation of a shard: every face is asked, round by round, until its answers agree or its budget is spent.

What lives here: the adaptive loop of method.md 2-3 over faces, arms and samples, and what the journal already
holds. What stays out: what an answer says (`samples.py`), when enough is enough (`emotion/stopping.py`).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, replace

import polars as pl

from seke_pipeline.emotion.arms import ARMS
from seke_pipeline.emotion.method import MethodSettings
from seke_pipeline.emotion.prompt import compose
from seke_pipeline.emotion.stopping import settled
from seke_pipeline.vlm.client import Vlm
from seke_pipeline.vlm.estimate import most_usd
from seke_pipeline.vlm.journal import Entry, Journal
from seke_pipeline.vlm.reply import Reply
from seke_pipeline.vlm.request import Request
from seke_pipeline.vlm.samples import FaceToAsk, Sample, cost_usd, to_samples
from seke_pipeline.vlm.tally import Progress, Tally
from seke_pipeline.vlm.together import together


@dataclass(frozen=True)
class Annotation:
    """What became of a shard.

    Attributes:
        samples: the table SAMPLES: the answers that the method used, in a fixed order.
        asked_requests: requests that this run sent; a request that was tried again counts once.
        replayed_answers: answers that the journal held.
        mended: what was wrong with the journal; None when it was sound.
    """

    samples: pl.DataFrame
    asked_requests: int
    replayed_answers: int
    mended: str | None


def _in_silence(_: Progress) -> None:
    """Nobody watches."""


async def annotate(
    faces: Sequence[FaceToAsk],
    vlm: Vlm,
    journal: Journal,
    method: MethodSettings,
    on_progress: Callable[[Progress], None] = _in_silence,
) -> Annotation:
    """Ask a VLLM for the missing fields of a shard's faces.

    Answers that the journal holds for the very request that would be sent count first, so a second run asks only
    what is missing: after a change of the prompt, everything; after a change of thresholds, at most further
    rounds. Answers that were lost on the way (timeout, server_error, client_error) are asked for again.

    Args:
        faces: a shard's faces, of different `face_id`.
        vlm: the endpoint, entered.
        journal: of this shard; closed at the end, whatever happens.
        method: arms, rounds, and when to stop.
        on_progress: called after every face.

    Raises:
        VlmError: the run ended clean; the journal holds every answer that came.
    """
    tally = Tally(len(faces), vlm.settings.price, vlm.settings.max_fault_share)
    survey = _Survey(vlm, journal, method, tally, on_progress)
    with closing(journal):
        async with _synced(journal):
            queue = iter(faces)
            workers = min(vlm.settings.concurrency, len(faces))
            answered = await together(*(survey.work(queue) for _ in range(workers)))
    samples = [sample for share in answered for sample in share]
    return Annotation(
        samples=to_samples(samples, method.arms, vlm.settings.price),
        asked_requests=tally.requests,
        replayed_answers=tally.progress.replayed,
        mended=journal.mended,
    )


@asynccontextmanager
async def _synced(journal: Journal) -> AsyncIterator[None]:
    """Bring the journal to the disk every second, also while no answer comes."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(1.0)
            journal.sync()

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating


class _Survey:
    """The faces of one run; as many are in work as requests may be in flight."""

    def __init__(
        self,
        vlm: Vlm,
        journal: Journal,
        method: MethodSettings,
        tally: Tally,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self._vlm = vlm
        self._journal = journal
        self._method = method
        self._tally = tally
        self._on_progress = on_progress

    async def work(self, queue: Iterator[FaceToAsk]) -> list[Sample]:
        """Take faces from the queue until it is empty."""
        samples: list[Sample] = []
        for face in queue:
            of_face = await self._face(face) if face.known.missing() else []
            self._on_progress(self._tally.face_done(of_face))
            samples += of_face
        return samples

    async def _face(self, face: FaceToAsk) -> list[Sample]:
        """The rounds of one face."""
        samples: list[Sample] = []
        for number, arms in enumerate(self._method.rounds):
            answered = await together(*(self._arm(face, number, arm) for arm in arms))
            arrived = [Sample.of(face, entry) for entries in answered for entry in entries]
            samples += arrived
            if self._is_over(samples, arrived):
                break
        return samples

    def _is_over(self, samples: Sequence[Sample], arrived: Sequence[Sample]) -> bool:
        """Whether a face needs no further round."""
        if not any(sample.entry.is_answer for sample in arrived):
            return True  # nothing came through for this face: the next run asks again
        faults = sum(sample.answer.fault is not None for sample in samples)
        if faults > self._method.max_fault_share * self._method.budget:
            return True  # too many faults already, however the rest turn out
        asked = samples[0].entry.asked
        remaining = self._method.budget - len(samples)
        answers = [sample.answer.labels for sample in samples]
        return set(settled(answers, asked, remaining, self._method)) == set(asked)

    async def _arm(self, face: FaceToAsk, number: int, arm: str) -> list[Entry]:
        """The answers of one arm: those on record, and the missing ones asked for now."""
        request = self._request(face, arm)
        recorded = self._journal.recorded(face.face_id, arm, request.hash)
        held = {n: entry for n, entry in recorded.items() if n < request.n and entry.is_answer}
        missing = [n for n in range(request.n) if n not in held]
        self._tally.replayed(list(held.values()))
        at_once = request.n if self._vlm.takes.n else 1
        batches = [missing[first : first + at_once] for first in range(0, len(missing), at_once)]
        asked = await together(*(self._ask(face, number, request, batch) for batch in batches))
        return [*held.values(), *(entry for entries in asked for entry in entries)]

    def _request(self, face: FaceToAsk, arm: str) -> Request:
        settings = self._vlm.settings
        return Request(
            question=compose(face.known, ARMS[arm], self._method),
            picture=face.crop,
            model=settings.model,
            temperature=self._method.temperature,
            n=self._method.samples_per_arm,
            max_tokens=settings.max_output_tokens,
            detail=settings.image_detail,
        )

    async def _ask(self, face: FaceToAsk, number: int, request: Request, samples: Sequence[int]) -> list[Entry]:
        """Send one request within the budget and write its answers down before anything else happens."""
        price = self._vlm.settings.price
        to_send = replace(request, n=len(samples))
        async with self._vlm.purse.reserve(most_usd(to_send, price)) as pay:
            replies = await self._vlm.ask(to_send)
            entries = [
                _entry(face, number, request, sample, reply) for sample, reply in zip(samples, replies, strict=True)
            ]
            for entry in entries:
                self._journal.append(entry)
            pay(cost_usd(entries, price) or 0.0)
        self._tally.asked(entries)
        return entries


def _entry(face: FaceToAsk, number: int, request: Request, sample: int, reply: Reply) -> Entry:
    return Entry(
        face_id=face.face_id,
        arm=request.question.arm.name,
        round=number,
        sample=sample,
        request_hash=request.hash,
        model=request.model,
        prompt_version=request.question.version,
        asked=request.question.asked,
        **vars(reply),
    )
