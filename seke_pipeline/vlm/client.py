"""The client: one request in, as many replies as it wants out, however the endpoint behaves.

What lives here: the loop that sends, learns, waits and tries again. What stays out: the connection
(`exchange.py`), what a failure means (`failure.py`), how long to wait (`pacing.py`), what to ask (`annotate.py`).
"""

import asyncio
import logging
from dataclasses import replace
from functools import lru_cache
from typing import Self

import numpy as np

from seke_pipeline.vlm.budget import Purse
from seke_pipeline.vlm.capabilities import Capabilities, refused_parameter
from seke_pipeline.vlm.errors import EndpointDown, VlmError
from seke_pipeline.vlm.exchange import Exchange
from seke_pipeline.vlm.failure import Failure
from seke_pipeline.vlm.pacing import Circuit, Pace, Patience
from seke_pipeline.vlm.picture import data_url
from seke_pipeline.vlm.reply import Reply
from seke_pipeline.vlm.request import Request
from seke_pipeline.vlm.settings import VlmSettings
from seke_pipeline.vlm.together import together

_LOG = logging.getLogger(__name__)


class Vlm:
    """An OpenAI-compatible endpoint, for one run. Use it as an async context manager.

    Args:
        settings: where it is and how hard it may be asked.
        base_url: address to use instead of the settings', for the embedded stand-in.
        rng: makes the jitter of retries; unseeded unless given, as processes should not wait in step.

    Raises:
        VlmError: the settings say `demo`, but no stand-in's address was given.

    Attributes:
        settings: as given.
        purse: what the run may spend and has spent.
        takes: what the endpoint was found to take so far.
    """

    def __init__(
        self, settings: VlmSettings, base_url: str | None = None, *, rng: np.random.Generator | None = None
    ) -> None:
        self._base_url = base_url or settings.base_url
        if self._base_url == "demo":
            raise VlmError(
                "the embedded stand-in is not running",
                cure="start it, or set SEKE_VLM_BASE_URL to the address of an endpoint",
            )
        self.settings = settings
        self.purse = Purse(settings.budget_usd)
        self.takes = Capabilities()
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._pace = Pace(rng or np.random.default_rng(), settings.first_backoff_s)
        self._circuit = Circuit()
        # Arms that show the same picture share its encoding; bounded, as faces pass through.
        self._data_url = lru_cache(maxsize=4 * settings.concurrency)(data_url)
        self._exchange: Exchange | None = None

    async def __aenter__(self) -> Self:
        self._exchange = Exchange(self.settings, self._base_url)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._exchange is not None:
            await self._exchange.close()
            self._exchange = None

    async def ask(self, request: Request) -> list[Reply]:
        """Ask one question.

        Args:
            request: the question and how many answers it wants.

        Returns:
            Exactly `request.n` replies; those that failed for good carry a fault.

        Raises:
            VlmError: the run cannot go on: `KeyRefused`, `ModelUnknown`, `QuotaSpent`, `EndpointDown`.
        """
        try:
            image_url = self._data_url(request.picture, request.question.arm.picture)
        except OSError as error:
            note = f"the crop cannot be turned: {type(error).__name__}"
            return [Reply(fault="client_error", note=note)] * request.n
        at_once = request.n if self.takes.n else 1
        replies = await self._send(request, at_once, image_url)
        if len(replies) < at_once:
            self._take_down(replace(self.takes, n=False), "it gives fewer answers than n")
        missing = max(0, request.n - len(replies))
        more = await together(*(self._send(request, 1, image_url) for _ in range(missing)))
        return [*replies, *(reply for sent in more for reply in sent[:1])][: request.n]

    async def _send(self, request: Request, n: int, image_url: str) -> list[Reply]:
        """Send until it is answered or given up.

        Returns:
            At least one reply, and as many as the endpoint gave for `n`.
        """
        patience = Patience(self._circuit, self.settings.max_retries)
        while True:
            takes = self.takes
            wanted = n if takes.n else 1
            outcome = await self._attempt(request, takes, wanted, image_url)
            if not isinstance(outcome, Failure):
                return outcome
            if self._learn(takes, outcome):
                continue
            if outcome.may_pass and patience.lasts(outcome.is_limit):
                await self._wait(outcome, patience.failed)
                continue
            if outcome.may_pass:
                self._give_up(outcome, patience.answered_before)
            return [Reply(fault=outcome.fault, note=outcome.note)] * wanted

    async def _attempt(self, request: Request, takes: Capabilities, n: int, image_url: str) -> list[Reply] | Failure:
        """Send once, when there is a slot and no pause is on."""
        assert self._exchange is not None, "use Vlm as an async context manager"
        async with self._slots:
            await self._pace.ready()
            outcome = await self._exchange.post(request.body(takes, n, image_url))
        if not isinstance(outcome, Failure) or not outcome.may_pass:
            self._circuit.arrived()
        return outcome

    def _learn(self, takes: Capabilities, failure: Failure) -> bool:
        """Whether a refusal named a parameter that the next try can do without."""
        if failure.status not in (400, 422) or failure.fault != "client_error":
            return False
        refused = refused_parameter(failure.note, failure.param)
        if refused is None or takes.without(refused) == takes:
            return False
        if self.takes == takes:  # else another request has learnt meanwhile: try with that first
            self._take_down(takes.without(refused), failure.note)
        return True

    def _take_down(self, takes: Capabilities, why: str) -> None:
        if takes != self.takes:
            _LOG.info("the endpoint takes less than was asked (%s); from now on %s", why, takes)
            self.takes = takes

    async def _wait(self, failure: Failure, tries: int) -> None:
        """Wait as the endpoint asks, with all other requests, and by oneself where it does not say."""
        if failure.wait_s:
            self._pace.pause(failure.wait_s)  # the next try waits in `ready`
        if not (failure.wait_s and failure.is_limit):
            await asyncio.sleep(self._pace.backoff_s(tries))

    def _give_up(self, failure: Failure, answered_before: int) -> None:
        """Leave a request that used up its retries.

        Raises:
            EndpointDown: nobody else got through either.
        """
        if self._circuit.gave_up(answered_before, failure.says_down):
            address = self._exchange.address if self._exchange else self._base_url
            raise EndpointDown(
                f"{address} does not answer after {self.settings.max_retries} retries ({failure.note})",
                cure="see that SEKE_VLM_BASE_URL is right and the endpoint is up; then run again",
            )
