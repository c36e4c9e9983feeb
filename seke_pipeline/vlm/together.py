"""Several coroutines at once, and no task left over: the first error ends the others and comes out bare."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def together(*coroutines: Coroutine[Any, Any, T]) -> list[T]:
    """Run coroutines at once.

    Returns:
        Their results, in the order of the arguments.

    Raises:
        Exception: the first error of any of them, when all others are cancelled and have ended.
    """
    if len(coroutines) == 1:  # spares a task per request
        return [await coroutines[0]]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(coroutine) for coroutine in coroutines]
    except BaseExceptionGroup as errors:
        first = errors.exceptions[0]
    else:
        return [task.result() for task in tasks]
    raise first
