"""A limit on how many are under way at once."""

import asyncio
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from agentic_prefect.llm.in_flight import Slots


@asynccontextmanager
async def one_of(slots: Slots) -> AsyncGenerator[None]:
    """A slot for as long as the body takes."""
    await slots.take()
    try:
        yield
    finally:
        slots.give_back()


async def test_those_that_wait_are_served_in_their_order() -> None:
    """The first to come is the first to go."""
    slots, order = Slots(1), list[int]()

    async def one(number: int) -> None:
        async with one_of(slots):
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(one(number) for number in range(5)))

    assert (order, slots.has_room) == ([0, 1, 2, 3, 4], True)


async def test_who_is_cancelled_takes_no_slot_along() -> None:
    """A slot is there again, whether its waiter was cancelled in the queue or just when it was handed over."""
    slots, ended = Slots(1), list[str]()

    async def one(name: str, until: asyncio.Event) -> None:
        async with one_of(slots):
            await until.wait()
            ended.append(name)

    done, first = asyncio.Event(), asyncio.Event()
    tasks = {name: asyncio.create_task(one(name, first if name == "a" else done)) for name in "abcd"}
    await asyncio.sleep(0)
    tasks["b"].cancel()
    first.set()
    await tasks["a"]
    tasks["c"].cancel()  # the slot is on its way to it
    done.set()
    await asyncio.wait(tasks.values())

    assert (ended, slots.has_room) == (["a", "d"], True)


def test_threads_share_the_slots() -> None:
    """Event loops of several threads never have more under way than there are slots, and all come to their end."""
    slots, lock = Slots(2), threading.Lock()
    now = most = done = 0

    async def work() -> None:
        nonlocal now, most, done
        async with one_of(slots):
            with lock:
                now += 1
                most = max(most, now)
            await asyncio.sleep(0)
            with lock:
                now -= 1
                done += 1

    async def several() -> None:
        await asyncio.gather(*(work() for _ in range(20)))

    threads = [threading.Thread(target=lambda: asyncio.run(asyncio.wait_for(several(), 30))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (done, most <= 2, slots.has_room) == (80, True, True)
