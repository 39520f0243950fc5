"""A plan never waits for an end that does not come: however a task's work ends, the plan hears of it."""

import asyncio
import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest
from prefect import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.filesystems import LocalFileSystem
from prefect.settings import PREFECT_DEFAULT_RESULT_STORAGE_BLOCK, temporary_settings

from agentic_prefect.errors import CriticalError, ErrorCode
from agentic_prefect.models.events import Event, TaskStatusChanged
from agentic_prefect.models.run_record import RunRecord
from agentic_prefect.models.status import PlanStatus, TaskStatus
from agentic_prefect.ports import Work
from agentic_prefect.testing.builders import make_plan
from tests.runtime.conftest import Bench, Scripted, task_runs

pytestmark = [pytest.mark.prefect]

TWO = make_plan({"id": "a"}, {"id": "b"})
WITHIN_S = 120.0
"""Within which a plan ends, however loaded the machine is; one that waits for nothing never does."""


@dataclass
class Unreadable(Scripted):
    """A kind that raises something of its own when it looks at the work of `a`."""

    def fingerprint(self, work: Work) -> str:
        """What else the output depends on."""
        if work.task_id == "a":
            raise KeyError("HOME_OF_NOBODY")
        return ""


class Gated(LocalFileSystem):
    """A storage that writes nothing before it is let."""

    _block_type_name = "Gated folder"
    _block_type_slug = "gated-folder"

    async def awrite_path(self, path: str, content: bytes) -> str:
        """Write, once it may."""
        Gate.asked.set()
        await Gate.may_write.wait()
        return await super().awrite_path(path, content)


class Gate:
    """What holds the storage: it is asked to write, and it may."""

    asked: asyncio.Event
    may_write: asyncio.Event


@dataclass
class Opener:
    """Lets the storage write as soon as a task was cancelled."""

    name: str = "opener"
    heard: list[str] = field(default_factory=list)

    def on_event(self, event: Event) -> None:
        """Hear of it."""
        if isinstance(event, TaskStatusChanged) and event.new is TaskStatus.CANCELLED:
            self.heard.append(event.task_id)
            Gate.may_write.set()


async def test_a_run_that_is_stopped_before_it_begins_is_cancelled(bench: Bench) -> None:
    """Tasks that are cancelled before their first step end like any other, and say why."""
    bench.stop.request("somebody pressed Ctrl-C")

    async with asyncio.timeout(WITHIN_S):
        result = await bench.run(TWO)

    assert result.status is PlanStatus.CANCELLED
    assert [(each.status, each.reason) for each in result.results.values()] == [
        (TaskStatus.CANCELLED, "somebody pressed Ctrl-C")
    ] * 2
    assert bench.kind.calls == []


async def test_work_that_cannot_be_made_fails_its_task_alone(bench: Bench) -> None:
    """Whatever is raised while the work is put together is what the task fails of; the others go on."""
    bench.kind = Unreadable()

    async with asyncio.timeout(WITHIN_S):
        result = await bench.run(TWO)
    error = result.results["a"].error

    assert result.status is PlanStatus.PARTIAL_FAILURE
    assert error is not None
    assert (error.code, error.type, error.message) == (ErrorCode.UNEXPECTED, "KeyError", "'HOME_OF_NOBODY'")
    assert (result.results["b"].output, bench.kind.calls) == ("b", ["b"])


async def test_a_task_that_prefect_does_not_let_begin_fails_in_the_open(bench: Bench) -> None:
    """A limit of no place at all for a tag is refused by the server; the task fails of that, the others go on."""
    tag = f"nobody-{uuid.uuid4().hex[:8]}"
    async with get_client() as client:
        await client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=f"tag:{tag}", limit=0))

    async with asyncio.timeout(WITHIN_S):
        result = await bench.run(make_plan({"id": "a", "tags": [tag]}, {"id": "b"}))
    error = result.results["a"].error

    assert result.status is PlanStatus.PARTIAL_FAILURE
    assert error is not None
    assert error.code is ErrorCode.UNEXPECTED
    assert tag in error.message
    assert (result.results["b"].status, bench.kind.calls) == (TaskStatus.COMPLETED, ["b"])


async def test_a_finished_output_is_stored_although_the_run_is_cancelled(bench: Bench, tmp_path: Any) -> None:
    """What is halted while its output is being stored is completed, and whoever goes on does not pay for it again."""
    plan = make_plan({"id": "paid"}, {"id": "critical"}, {"id": "waits"})
    Gate.asked, Gate.may_write = asyncio.Event(), asyncio.Event()
    block: Any = Gated(basepath=str(tmp_path / "kept"))
    name = f"gated-{uuid.uuid4().hex[:8]}"
    await block.save(name)
    opener = Opener()
    bench.others.append(opener)

    async def fails(_: Work) -> Any:
        await Gate.asked.wait()
        raise CriticalError("stop everything")

    async def waits(_: Work) -> Any:
        await asyncio.Event().wait()

    with temporary_settings({PREFECT_DEFAULT_RESULT_STORAGE_BLOCK: f"gated-folder/{name}"}):
        async with asyncio.timeout(WITHIN_S):
            halted = await bench.run(plan, critical=fails, waits=waits)
        bench.kind.behaviours = {}
        bench.kind.calls.clear()
        again = await bench.run(plan, record=RunRecord(lineage=halted.run_id))
    runs = await task_runs(halted.run_id, 3)

    assert {name: each.status.value for name, each in halted.results.items()} == {
        "paid": "completed",
        "critical": "failed",
        "waits": "cancelled",
    }
    assert opener.heard == ["waits"]
    assert runs["paid"].state_name == "Completed"
    assert again.results["paid"].cached
    assert sorted(bench.kind.calls) == ["critical", "waits"]
