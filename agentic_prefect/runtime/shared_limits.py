"""Limits per minute that all workers have in common, kept as Prefect's global concurrency limits."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate
from prefect.concurrency.asyncio import rate_limit
from prefect.exceptions import ObjectNotFound

Kind = Literal["requests", "tokens"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
PREFIX: Final = "agentic"
BURST_S: Final = 10
"""A limit's slots are those of this many seconds; what is taken comes back at the rate per minute. More is taken bit by
bit."""
MOST_LIMITS: Final = 200


@dataclass(frozen=True, slots=True)
class SharedLimit:
    """One limit of one connection."""

    connection: str
    kind: Kind
    per_minute: int


class PrefectLimits:
    """Holds the requests of all workers back through the Prefect server, which is asked before each request.

    Limits are read once; those that are set later hold from the next run on.
    """

    def __init__(self) -> None:
        self._limits: dict[str, int] | None = None
        """A minute, by name."""

    async def acquire(self, connection: str, tokens: int) -> None:
        """Wait until one request of so many tokens may be sent; one above the whole limit waits a minute."""
        limits = await self._known()
        for kind, amount in zip(KINDS, (1, tokens), strict=True):
            per_minute = limits.get(_name(connection, kind))
            if per_minute is not None:
                await _take(_name(connection, kind), min(amount, per_minute), most_at_once=_slots(per_minute))

    async def hold(self, connection: str, seconds: float) -> None:
        """Let no worker send anything for so long: the limit counts as taken up until then."""
        name = _name(connection, "requests")
        if name not in await self._known():
            return
        async with get_client() as client:
            found = await client.read_global_concurrency_limit_by_name(name)
            taken = found.limit - 1 + math.ceil(seconds * found.slot_decay_per_second)
            await client.update_global_concurrency_limit(name, GlobalConcurrencyLimitUpdate(active_slots=taken))

    async def _known(self) -> dict[str, int]:
        if self._limits is None:
            self._limits = {_name(each.connection, each.kind): each.per_minute for each in await shared_limits()}
        return self._limits


async def shared_limits() -> Sequence[SharedLimit]:
    """The limits that are set, by connection."""
    async with get_client() as client:
        found = await client.read_global_concurrency_limits(limit=MOST_LIMITS, offset=0)
    limits: list[SharedLimit] = []
    for each in found:
        prefix, _, rest = each.name.partition(":")
        connection, _, kind = rest.rpartition(":")
        if prefix == PREFIX and connection and kind in KINDS:
            limits.append(SharedLimit(connection, kind, round(each.slot_decay_per_second * 60)))
    return sorted(limits, key=lambda each: (each.connection, each.kind))


async def set_shared_limit(limit: SharedLimit) -> None:
    """Set a limit, or change it."""
    async with get_client() as client:
        await client.upsert_global_concurrency_limit_by_name(
            _name(limit.connection, limit.kind), _slots(limit.per_minute), limit.per_minute / 60
        )


async def remove_shared_limits(connection: str) -> int:
    """Remove the limits of a connection; how many there were."""
    removed = 0
    async with get_client() as client:
        for kind in KINDS:
            try:
                await client.delete_global_concurrency_limit_by_name(_name(connection, kind))
                removed += 1
            except ObjectNotFound:
                continue
    return removed


async def _take(name: str, amount: int, *, most_at_once: int) -> None:
    for taken in range(0, amount, most_at_once):
        await rate_limit(name, occupy=min(amount - taken, most_at_once), strict=True)


def _name(connection: str, kind: Kind) -> str:
    return f"{PREFIX}:{connection}:{kind}"


def _slots(per_minute: int) -> int:
    return max(1, per_minute * BURST_S // 60)
