"""A time limit that does not run while something waits."""

import asyncio
from contextlib import ExitStack

import pytest

from agentic_prefect.llm.deadline import Deadline


async def test_what_takes_too_long_is_ended() -> None:
    """As with any time limit."""
    deadline = Deadline(0.01)
    with pytest.raises(TimeoutError):
        async with deadline:
            await asyncio.Event().wait()

    assert deadline.expired


async def test_it_stands_still_until_the_last_wait_has_ended() -> None:
    """Of several waits at once none of the earlier ones lets it go on; then as much is left as before."""
    async with Deadline(3600) as deadline:
        first, second, third = (ExitStack() for _ in range(3))
        first.enter_context(deadline.standing_still())
        left_s = deadline.left_s
        second.enter_context(deadline.standing_still())
        first.close()
        third.enter_context(deadline.standing_still())
        second.close()
        still = (deadline.stands_still, deadline.left_s)
        third.close()
        after = deadline.stands_still

    assert still == (True, left_s)
    assert after is False
    assert deadline.left_s is not None
    assert left_s is not None
    assert 0 < deadline.left_s <= left_s


async def test_a_wait_after_another_adds_nothing() -> None:
    """Waits one after the other each stop it, and without a limit there is nothing to stop."""
    async with Deadline(None) as deadline:
        with deadline.standing_still():
            pass
        with deadline.standing_still():
            during = deadline.left_s

    assert (during, deadline.left_s, deadline.expired) == (None, None, False)


async def test_a_wait_in_which_the_time_is_up_ends_with_it() -> None:
    """Who begins to wait while it is being ended does not bring it back."""
    deadline = Deadline(0.01)

    async def work() -> None:
        async with deadline:
            try:
                await asyncio.Event().wait()
            finally:
                with deadline.standing_still():
                    pass

    with pytest.raises(TimeoutError):
        await work()

    assert deadline.expired
