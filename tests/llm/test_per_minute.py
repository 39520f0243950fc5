"""A limit on how much is taken a minute."""

import asyncio
import threading
import time

import pytest

from agentic_prefect.llm.per_minute import PerMinute


class Clock:
    """Time that passes while somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.now_s += seconds


def times_of(most: int, *amounts: int) -> list[float]:
    """When each of the amounts is taken, in seconds, all asked for at once."""
    clock = Clock()
    limit = PerMinute(most, clock=clock, sleep=clock.sleep)

    async def take(amount: int) -> float:
        await limit.take(amount)
        return round(clock.now_s, 6)

    async def every() -> list[float]:
        return await asyncio.gather(*map(take, amounts))

    return asyncio.run(every())


CASES = [
    ("a burst of ten seconds, then the rate", 60, (1,) * 12, [0.0] * 10 + [1.0, 2.0]),
    ("less than one in ten seconds", 3, (1, 1, 1), [0.0, 20.0, 40.0]),
    ("as much as there is at once", 6000, (1000, 1000), [0.0, 10.0]),
    ("more than there is at once is owed", 6000, (5000, 5000, 5000), [0.0, 50.0, 100.0]),
    ("a small one after a large one", 6000, (5000, 100), [0.0, 41.0]),
    ("a large one waits until nothing is owed", 6000, (100, 5000), [0.0, 1.0]),
    ("more than the whole limit takes a minute", 6000, (100_000, 1000), [0.0, 60.0]),
]


@pytest.mark.parametrize(("most", "amounts", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_times(most: int, amounts: tuple[int, ...], expected: list[float]) -> None:
    """What is taken in a long time is never more than the limit allows, whatever the amounts."""
    assert times_of(most, *amounts) == expected


async def test_who_is_cancelled_takes_nothing() -> None:
    """Nor does it keep its place in the queue."""
    clock, sleeps = Clock(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        if not sleeps.is_set():
            sleeps.set()
            await asyncio.Event().wait()
        await clock.sleep(seconds)

    limit = PerMinute(6, clock=clock, sleep=sleep)
    await limit.take(1)
    second, third = (asyncio.create_task(limit.take(1)) for _ in range(2))
    await sleeps.wait()
    second.cancel()
    await third

    assert (second.cancelled(), round(clock.now_s, 6), limit.has_room(1)) == (True, 10.0, False)


def test_threads_share_it() -> None:
    """Each with an event loop of its own; the rate holds for all of them together."""
    limit, taken = PerMinute(600), list[float]()

    async def take() -> None:
        for _ in range(35):
            await limit.take(1)
            taken.append(time.monotonic())

    threads = [threading.Thread(target=asyncio.run, args=(take(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken.sort()

    assert len(taken) == 105
    assert taken[-1] - taken[0] >= 0.4  # whoever was let through may have looked at its clock a while later
