"""The server goes away while people are asked, and comes back."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from agentic_prefect.errors import Refused
from agentic_prefect.interventions import inbox
from agentic_prefect.interventions.prefect_gate import PrefectGate
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.result import PlanResult
from agentic_prefect.models.status import PlanStatus
from agentic_prefect.plans.answers import Answer
from agentic_prefect.ports import Work
from agentic_prefect.runtime.links import run_url
from agentic_prefect.testing.builders import make_plan
from tests.interventions.test_asking import question
from tests.runtime.conftest import Bench, eventually
from tests.runtime.test_plan_flow import fails

pytestmark = [pytest.mark.prefect]


class Line:
    """The line to a server, which can be cut."""

    def __init__(self, api_url: str) -> None:
        self._there = urlsplit(api_url)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._port = 0

    @property
    def api_url(self) -> str:
        """The server's address at the near end."""
        return f"http://127.0.0.1:{self._port}/api"

    async def join(self) -> None:
        """Let the server be reached."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Let nothing through any more."""
        assert self._server is not None
        self._server.close()
        for each in self._open:
            each.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._there.hostname, self._there.port)
        self._open |= {writer, far_writer}
        await asyncio.gather(_pour(reader, far_writer), _pour(far_reader, writer))
        self._open -= {writer, far_writer}


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while some := await reader.read(65536):
            writer.write(some)
            await writer.drain()
    writer.close()


@pytest.fixture
async def line(prefect_server: str) -> AsyncGenerator[Line]:
    """A line to the session's server."""
    line = Line(prefect_server)
    await line.join()
    yield line
    # Prefect sends events on until the process ends, which waits for a line that is no more.
    await cast("Awaitable[object]", EventsWorker.drain_all(timeout=60))
    line.cut()


@pytest.fixture
def far() -> Bench:
    """A bench whose plans ask through Prefect."""
    return Bench(gate=PrefectGate(lambda: datetime.now(UTC), run_url))


def begin(bench: Bench, line: Line, plan: Plan, **behaviours: Any) -> asyncio.Task[PlanResult]:
    """A run that reaches the server by the line alone, and whose client gives up after two seconds."""
    with temporary_settings({PREFECT_API_URL: line.api_url, PREFECT_CLIENT_MAX_RETRIES: 1}):
        return asyncio.create_task(bench.run(plan, **behaviours))


async def noticed(caplog: pytest.LogCaptureFixture, times: int) -> None:
    """Wait until so many find that the server is away."""

    async def look() -> bool:
        return sum("does not answer" in record.getMessage() for record in caplog.records) >= times

    await eventually(look)


async def test_questions_outlast_the_server(far: Bench, line: Line, caplog: pytest.LogCaptureFixture) -> None:
    """What is asked when the server goes away is still asked when it is back, and is answered then."""
    plan = make_plan(
        {"id": "a", "on_failure": {"ask_human": {"default": "abort"}}},
        {"id": "ok", "kind": "human", "description": "Go?"},
    )
    run = begin(far, line, plan, a=fails(Refused("no")))
    asked = [await question(far, each) for each in ("a", "ok")]
    line.cut()
    await noticed(caplog, 2)
    await line.join()
    await inbox.respond(asked[0], Answer("supply_output", output="by hand", by="ann"))
    await inbox.respond(asked[1], Answer("approve", by="bea"))
    result = await run

    assert (result.status, result.results["a"].output) == (PlanStatus.COMPLETED, "by hand")
    assert [each.by for name in ("a", "ok") for each in result.results[name].decisions] == ["ann", "bea"]


async def test_a_question_is_asked_when_the_server_is_back(
    far: Bench, line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    """What is to be asked while the server is away is asked as soon as it is back."""

    async def lost(_: Work) -> None:
        line.cut()
        raise Refused("no")

    run = begin(far, line, make_plan({"id": "a", "on_failure": "ask_human"}), a=lost)
    await noticed(caplog, 1)
    await line.join()
    await inbox.respond(await question(far, "a"), Answer("supply_output", output="by hand", by="ann"))
    result = await run

    assert (result.output, [each.by for each in result.results["a"].decisions]) == ("by hand", ["ann"])


@pytest.mark.parametrize("opened", [True, False], ids=["asked before", "never asked"])
async def test_the_deadline_holds_without_the_server(far: Bench, line: Line, opened: bool) -> None:
    """A deadline that passes while the server is away takes the default, whether the question was opened or not."""

    async def lost(_: Work) -> None:
        if not opened:
            line.cut()
        raise Refused("no")

    async def asked() -> bool:
        return "agentic.intervention.requested" in far.observer.names("a") or await expired()

    async def expired() -> bool:
        return "agentic.intervention.expired" in far.observer.names("a")

    policy = {"ask_human": {"deadline_s": 5 if opened else 2, "default": "skip"}}
    run = begin(far, line, make_plan({"id": "a", "on_failure": policy}), a=lost)
    if opened:
        await eventually(asked)
        line.cut()
    await eventually(expired)
    await line.join()
    result = await run

    assert (result.results["a"].status, [each.by for each in result.results["a"].decisions]) == (
        "skipped",
        ["deadline"],
    )
