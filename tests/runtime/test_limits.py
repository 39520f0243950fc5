"""Limits that hold tasks back, and limits that all workers share."""

import asyncio
import time

import pytest

from agentic_prefect import PlanStatus, load_plan, run_plan
from agentic_prefect.runtime.shared_limits import PrefectLimits
from agentic_prefect.testing import Fault, Reply, ScriptedServer
from tests.cli.conftest import Command, cli

__all__ = ["cli"]

# Each test sees the limits of the whole server, so that two of them cannot run at once.
pytestmark = [pytest.mark.prefect, pytest.mark.xdist_group("limits")]


async def test_a_wait_for_others_does_not_count_against_the_time(
    openai_env: ScriptedServer, prefect_server: str
) -> None:
    """One task is refused for four seconds; another, which has three seconds of time, waits and completes."""
    openai_env.on("First", Fault.rate_limited(retry_after_s=4), Reply.text("one"))
    openai_env.on("Gate", Reply.hold())
    openai_env.on("Second", Reply.text("two"))
    plan = load_plan(
        {
            "name": "held",
            "defaults": {"model": "openai/m"},
            "tasks": [
                {"id": "a", "description": "First."},
                {"id": "gate", "description": "Gate."},
                {"id": "b", "description": "Second.", "timeout_s": 3, "retries": 0, "after": ["gate"]},
            ],
        }
    )
    running = asyncio.create_task(run_plan(plan))
    await openai_env.wait_until_async(lambda seen: seen.count >= 2 and seen.answered >= 1, timeout_s=60)
    openai_env.release()
    result = await running
    (refused, _), (second,) = openai_env.requests_matching("First"), openai_env.requests_matching("Second")

    assert result.status is PlanStatus.COMPLETED, result.reason
    assert openai_env.count == 4
    assert second.received_at - (refused.answered_at or 0) >= 3.9


def test_limits_are_set_listed_and_removed(cli: Command, prefect_server: str) -> None:
    """Each says what holds; what cannot be meant is refused."""
    done = cli("limits", "set", "house", "--requests-per-minute", 60, "--tokens-per-minute", 90_000)
    listed, as_json = cli("limits", "list"), cli("limits", "list", "-f", "json")
    nothing, odd = cli("limits", "set", "house"), cli("limits", "set", "a/b", "--requests-per-minute", 1)
    wrong, removed = cli("limits", "remove", "hose"), cli("limits", "remove", "house")
    empty = cli("limits", "list")

    assert done.out.splitlines() == ["house: 60 requests a minute", "house: 90,000 tokens a minute"]
    assert listed.out == done.out
    assert '"per_minute": 90000' in as_json.out
    assert (nothing.code, odd.code, wrong.code) == (2, 2, 2)
    assert "Did you mean 'house'?" in wrong.err
    assert removed.code == 0
    assert empty.out.startswith("No limit is set.")


def test_two_workers_share_a_limit_and_a_hold(cli: Command, prefect_server: str) -> None:
    """Of sixty a minute ten go at once, whoever sends them; what one is told holds the other back."""
    cli("limits", "set", "shared", "--requests-per-minute", 60)

    async def both() -> tuple[float, float]:
        one, other, started = PrefectLimits(), PrefectLimits(), time.monotonic()
        await asyncio.gather(*((one, other)[number % 2].acquire("shared", 1) for number in range(12)))
        spent = time.monotonic() - started
        held = time.monotonic()
        await one.hold("shared", 3)
        await other.acquire("shared", 1)
        await other.acquire("elsewhere", 1)
        return spent, time.monotonic() - held

    spent_s, held_s = asyncio.run(both())
    cli("limits", "remove", "shared")

    assert spent_s >= 0.9
    assert held_s >= 2


def test_a_large_request_takes_its_tokens_bit_by_bit(cli: Command, prefect_server: str) -> None:
    """Of six hundred a minute a hundred can be had at once; a hundred and twenty take two seconds."""
    cli("limits", "set", "large", "--tokens-per-minute", 600)

    async def take() -> float:
        limits, started = PrefectLimits(), time.monotonic()
        await limits.acquire("large", 120)
        return time.monotonic() - started

    spent_s = asyncio.run(take())
    cli("limits", "remove", "large")

    assert spent_s >= 1.9


async def test_two_plans_share_the_limit_of_a_connection(openai_env: ScriptedServer, prefect_server: str) -> None:
    """Of two plans at once with a limit of three the provider never sees four requests."""
    # U-06
    openai_env.answer_by_default(Reply.hold())
    house = {"base_url": openai_env.base_url, "model": "m", "max_in_flight": 3}
    plans = [
        load_plan(
            {
                "name": name,
                "models": {"house": house},
                "tasks": [{"id": f"t{n}", "description": "Hi.", "model": "house"} for n in range(5)],
            }
        )
        for name in ("one", "two")
    ]
    runs = [asyncio.create_task(run_plan(plan)) for plan in plans]
    for done in (3, 6, 9, 10):
        await openai_env.wait_for_requests_async(done, timeout_s=60)
        openai_env.release()
    results = await asyncio.gather(*runs)

    assert [result.status for result in results] == [PlanStatus.COMPLETED] * 2
    assert (openai_env.count, openai_env.max_in_flight) == (10, 3)


async def test_who_waits_for_another_attempt_takes_no_place(openai_env: ScriptedServer, prefect_server: str) -> None:
    """While one task waits to try again the only place of its connection serves another."""
    openai_env.on("First", Fault.server_error(), Reply.text("one"))
    plan = load_plan(
        {
            "name": "places",
            "models": {"house": {"base_url": openai_env.base_url, "model": "m", "max_in_flight": 1}},
            "defaults": {"model": "house", "retry": {"base_s": 8, "jitter_ratio": 0}},
            "tasks": [
                {"id": "a", "description": "First.", "priority": 1},
                {"id": "b", "description": "Second."},
            ],
        }
    )
    result = await run_plan(plan)
    asked = ["First" if "First" in request.prompt_text else "Second" for request in openai_env.requests]

    assert result.status is PlanStatus.COMPLETED, result.reason
    assert asked == ["First", "Second", "First"]
