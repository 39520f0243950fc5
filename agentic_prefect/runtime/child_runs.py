"""Runs of deployments that do the work of tasks: made once, watched, called off."""

import asyncio
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterIdempotencyKey,
)
from prefect.client.schemas.objects import FlowRun, StateType, TaskRunResult
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.states import Cancelling, Pending
from prefect.tasks import Task

from agentic_prefect.errors import InvalidRequest, PlanInvalid
from agentic_prefect.patience import patiently
from agentic_prefect.runtime.deployments import Deployment

FIRST_LOOK_S: Final = 0.25
"""How soon the server is asked how the runs are that somebody waits for; all of a plan's together."""
LOOK_S: Final = 2.0
"""How often it is asked in the end, when nothing has changed for a while; for each page of runs."""
PAGE: Final = 200
"""How many runs the server tells of at once."""
LOST: Final = frozenset({StateType.FAILED, StateType.CRASHED, StateType.CANCELLED, StateType.CANCELLING})
"""States of runs from which nothing is to be expected any more."""
_KEYS: Final = 20
"""How many runs of the same work are looked for at once."""
DEEPEST: Final = 5
"""How many runs may lie above one that makes runs of deployments."""
MOST_SAID: Final = 2000
"""Characters of a refusal that are kept."""


@dataclass(frozen=True, slots=True)
class Order:
    """A run that is wanted."""

    deployment: Deployment
    name: str
    """What the run is called."""
    key: str
    """Stands for the work: the same work, within one lineage, has the same key."""
    parameters: Mapping[str, Any]
    run_id: UUID
    """The plan's run, of which it is a part."""
    task_run_id: UUID | None
    """The task run whose work it does."""
    tags: tuple[str, ...] = ()
    refused: int = 0
    """How many completed runs of this work put out what was not accepted."""


@dataclass(frozen=True, slots=True)
class Vacancy:
    """Where a run belongs that is still to be made."""

    number: int
    """How many runs of the same work there are then."""
    resume: str
    """The run that it goes on from; empty when there is none."""


class ChildRuns:
    """The runs of deployments that belong to one run of a plan."""

    def __init__(self) -> None:
        # A server on SQLite refuses several new runs at once for a moment, and Prefect's client then waits for seconds.
        self.turn = asyncio.Lock()
        """To be held while a run is looked for and made."""
        self._awaited: dict[UUID, tuple[UUID | None, asyncio.Future[FlowRun]]] = {}
        """The runs that somebody waits for -> the state that is known, and where the next one goes."""
        self._watcher: asyncio.Task[None] | None = None
        self._levels: int | None = None

    async def require_shallow(self, run_id: UUID) -> None:
        """Make sure that runs of deployments are not nested without end; asked once.

        Raises:
            PlanInvalid: `DEEPEST` runs lie above the one that is about to make another.
        """
        async with self.turn:
            if self._levels is None:
                self._levels = await patiently(lambda: _levels_above(run_id))
        if self._levels >= DEEPEST:
            raise PlanInvalid(
                f"{self._levels} runs lie above this one, and it is to make another. A deployment whose plan runs it "
                f"again would never come to an end; runs may be nested {DEEPEST} deep."
            )

    async def find(self, order: Order) -> FlowRun | Vacancy:
        """The run that an earlier process made of this work, or where the next one belongs.

        Runs that ended badly are passed over. After one of a plan the next goes on from it, so that what it finished
        is not paid again.
        """
        lost, refused = "", order.refused
        for first in itertools.count(1, _KEYS):
            numbers = range(first, first + _KEYS)
            known = await patiently(lambda numbers=numbers: _made_before(order, numbers))
            for number in numbers:
                run = known.get(_key(order, number))
                if run is None:
                    return Vacancy(number, lost if order.deployment.runs_plan else "")
                if _state_type(run) in LOST:
                    lost = str(run.id) if run.run_count else lost
                elif _state_type(run) is StateType.COMPLETED and refused:
                    refused -= 1
                else:
                    return run
        raise AssertionError("the loop has no end")

    async def make(self, order: Order, place: Vacancy) -> FlowRun:
        """Make the run; doing it twice makes one.

        Raises:
            InvalidRequest: The server does not accept the parameters.
            PlanInvalid: The deployment has been deleted.
        """
        parameters = {**order.parameters, **({"resume": place.resume} if place.resume else {})}
        try:
            return await patiently(lambda: _create(order, _key(order, place.number), parameters))
        except ObjectNotFound as error:
            raise PlanInvalid(f"The deployment {order.deployment.name!r} has just been deleted.") from error
        except (httpx.HTTPStatusError, ObjectAlreadyExists) as error:
            response = cast("httpx.HTTPStatusError", getattr(error, "http_exc", error)).response
            raise InvalidRequest(
                f"The server takes no run of deployment {order.deployment.name!r} with this input: "
                f"{_detail(response)} The task's `input` gives {_what(order.deployment)}."
            ) from error

    async def changed(self, run: FlowRun) -> FlowRun:
        """The run, once it is in another state than `run` shows."""
        future = asyncio.get_running_loop().create_future()
        self._awaited[run.id] = (run.state.id if run.state else None, future)
        if self._watcher is None or self._watcher.done():
            self._watcher = asyncio.create_task(self._watch(), name="agentic:child-runs")
            self._watcher.add_done_callback(self._watched)
        try:
            return await future
        finally:
            self._awaited.pop(run.id, None)
            if not self._awaited:
                self._watcher.cancel()
                self._watcher = None

    async def cancel(self, run_id: UUID, why: str) -> None:
        """Have the run end; one that has not begun ends at once."""
        async with get_client() as client:
            await client.set_flow_run_state(run_id, Cancelling(message=why))

    async def _watch(self) -> None:
        pause_s = FIRST_LOOK_S
        while self._awaited:
            await asyncio.sleep(pause_s)
            ids = list(self._awaited)
            pages = [ids[first : first + PAGE] for first in range(0, len(ids), PAGE)]
            told = [self._take_in(page, await patiently(lambda page=page: _read(page))) for page in pages]
            pause_s = FIRST_LOOK_S if any(told) else min(pause_s * 1.5, LOOK_S * len(pages))

    def _watched(self, watcher: asyncio.Task[None]) -> None:
        """Whoever waits hears why nothing more is heard."""
        error = None if watcher.cancelled() else watcher.exception()
        if error is not None:
            for _, future in self._awaited.values():
                if not future.done():
                    future.set_exception(error)

    def _take_in(self, asked: Iterable[UUID], runs: Mapping[UUID, FlowRun]) -> bool:
        """Whether anybody heard something new."""
        heard = False
        for run_id in asked:
            waits = self._awaited.get(run_id)
            if waits is None or waits[1].done():
                continue
            (seen, future), run = waits, runs.get(run_id)
            if run is None:
                future.set_exception(PlanInvalid(f"The run {run_id} has been deleted while it was waited for."))
            elif run.state is not None and run.state.id != seen:
                future.set_result(run)
            heard = heard or future.done()
        return heard


def _key(order: Order, number: int) -> str:
    return f"{order.key}-{number}"


def _state_type(run: FlowRun) -> StateType | None:
    return run.state.type if run.state is not None else None


async def _levels_above(run_id: UUID) -> int:
    """How many runs a run is part of, one within the other; no more than `DEEPEST` are counted."""
    async with get_client() as client:
        for levels in range(DEEPEST):
            parent = (await client.read_flow_run(run_id)).parent_task_run_id
            above = (await client.read_task_run(parent)).flow_run_id if parent is not None else None
            if above is None:
                return levels
            run_id = above
    return DEEPEST


async def _made_before(order: Order, numbers: Iterable[int]) -> dict[str, FlowRun]:
    """The runs that were made of this work, by their keys."""
    flow = order.deployment.name.partition("/")[0]
    keys = [_key(order, number) for number in numbers]
    async with get_client() as client:
        found = await client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])),
            flow_run_filter=FlowRunFilter(idempotency_key=FlowRunFilterIdempotencyKey(any_=keys)),
        )
    return {run.idempotency_key or "": run for run in found}


async def _create(order: Order, key: str, parameters: Mapping[str, Any]) -> FlowRun:
    """Make the run; the same key makes none that is there."""
    deployment = order.deployment
    # As for a subflow: a task run stands for it in the graph of the plan's run, and leads to it.
    stand_in = Task(name=deployment.name, fn=_nothing, version=deployment.version or None)
    stand_in.task_key = f"{__name__}.{deployment.name}"
    async with get_client() as client:
        shown = await client.create_task_run(
            task=stand_in,
            flow_run_id=order.run_id,
            dynamic_key=key,
            name=order.name,
            state=Pending(),
            task_inputs={"__parents__": [TaskRunResult(id=order.task_run_id)]} if order.task_run_id else {},
        )
        return await client.create_flow_run_from_deployment(
            deployment.id,
            parameters=dict(parameters),
            name=order.name,
            tags=order.tags,
            idempotency_key=key,
            parent_task_run_id=shown.id,
        )


async def _read(ids: list[UUID]) -> dict[UUID, FlowRun]:
    async with get_client() as client:
        runs = await client.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=ids)), limit=len(ids))
    return {run.id: run for run in runs}


def _nothing() -> None:
    """What stands for a run in the graph does nothing itself."""


def _detail(response: httpx.Response) -> str:
    """What the server says about a request that it refuses."""
    try:
        said: object = response.json().get("detail") or response.text
    except ValueError:
        said = response.text
    return f"{str(said)[:MOST_SAID].rstrip('.')}."


def _what(deployment: Deployment) -> str:
    return "the inputs of its plan" if deployment.runs_plan else "the parameters of its flow"
