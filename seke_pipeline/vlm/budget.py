"""The purse: no request is sent that could cost more than what is left of the run's budget."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from seke_pipeline.vlm.errors import BudgetSpent


class Purse:
    """What the run may spend and has spent.

    Args:
        budget_usd: what the run may spend; None for no limit.
    """

    def __init__(self, budget_usd: float | None) -> None:
        self._budget_usd = budget_usd
        self._reserved: dict[object, float] = {}
        self._settled = asyncio.Event()
        self.spent_usd = 0.0

    @asynccontextmanager
    async def reserve(self, most_usd: float) -> AsyncIterator[Callable[[float], None]]:
        """Set money aside for one request; the block calls what it is given with the true price.

        Where others' reservations are in the way, this waits until they are settled: the error comes only
        when nothing is in flight.

        Args:
            most_usd: what the request can cost at most.

        Raises:
            BudgetSpent: what is left would not pay for the request.
        """
        ticket = object()
        if self._budget_usd is not None:
            await self._set_aside(ticket, most_usd, self._budget_usd)
        try:
            yield self._pay
        finally:
            self._release(ticket)

    async def _set_aside(self, ticket: object, most_usd: float, budget_usd: float) -> None:
        while self.spent_usd + sum(self._reserved.values()) + most_usd > budget_usd:
            if not self._reserved:
                raise BudgetSpent(
                    f"{self.spent_usd:.4f} of {budget_usd:g} USD are spent, and the next request can cost "
                    f"{most_usd:.4f}",
                    cure="raise SEKE_VLM_BUDGET_USD, or leave it at that; a re-run asks only what is missing",
                )
            await self._settled.wait()
        self._reserved[ticket] = most_usd

    def _pay(self, cost_usd: float) -> None:
        self.spent_usd += cost_usd

    def _release(self, ticket: object) -> None:
        self._reserved.pop(ticket, None)
        self._settled.set()
        self._settled = asyncio.Event()
