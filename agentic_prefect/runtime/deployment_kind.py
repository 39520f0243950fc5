"""The kind `deployment`: a task whose work is a run of a deployment, wherever a worker takes it up."""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping
from contextlib import suppress
from typing import Any, Final, cast
from uuid import UUID, uuid4

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, StateType, WorkPool
from prefect.context import TaskRunContext
from prefect.exceptions import MissingContextError, ObjectNotFound
from prefect.logging import get_run_logger

from agentic_prefect.agents.calling import checked_output
from agentic_prefect.errors import AgenticError, BudgetExceeded, ErrorCode, InvalidRequest, PlanInvalid
from agentic_prefect.llm.ledger import Ledger
from agentic_prefect.models.schema_echo import EchoImpossible, echo
from agentic_prefect.patience import patiently
from agentic_prefect.plans.deployment_name import forbidden
from agentic_prefect.plans.lineage import Lineage
from agentic_prefect.policies.redaction import SHORTEST_KNOWN
from agentic_prefect.ports import Work
from agentic_prefect.runtime.caching import canonical_json, digest
from agentic_prefect.runtime.child_results import plan_result, seen, value, where
from agentic_prefect.runtime.child_runs import ChildRuns, Order, Vacancy
from agentic_prefect.runtime.deployments import Deployment, find_deployment
from agentic_prefect.runtime.plan_kind import output_of
from agentic_prefect.runtime.services import current_disclosure

CALL_OFF_S: Final = 5.0
"""How long it is tried to cancel a run that is no longer needed."""
STANDING: Final = frozenset({StateType.SCHEDULED, StateType.PENDING, StateType.PAUSED})
"""States in which nobody works on a run."""
REFUSALS: Final = frozenset({ErrorCode.INVALID_OUTPUT, ErrorCode.VERIFICATION_FAILED})
"""Errors of attempts whose run completed."""


class DeploymentKind:
    """Has the work done by a run of the deployment that the task's `call` names, and waits for it.

    Args:
        lineage: Whose finished runs may be taken over.
        ledger_of: Out of which budget a task is paid.
        allowed: The deployments that may be run, as `FLOW/DEPLOYMENT` with `*` for any text.
    """

    def __init__(self, lineage: Lineage, ledger_of: Callable[[Work], Ledger], *, allowed: Collection[str]) -> None:
        self._lineage, self._ledger_of, self._allowed = lineage, ledger_of, allowed
        self._runs = ChildRuns()
        self._found: dict[str, Deployment] = {}
        self._told: set[str] = set()
        """The pools whose workers are waited for, and the tasks with doubtful input, of which that was said."""

    async def execute(self, work: Work) -> Any:
        """What the run puts out: a plan's output, or what the flow returned, as JSON data.

        Raises:
            PlanInvalid: There is no such deployment, a plan may not run it, or the input is no mapping.
            InvalidRequest: The server does not accept the input.
            SubPlanFailed: The plan ended other than completed; `CriticalError` and `BudgetExceeded` as for a sub-plan.
            DeploymentRunFailed: The run ended other than completed and left no result; `DeploymentRunCrashed` where
                another run goes on from it.
            ResultUnreadable: It completed, and what it put out cannot be read here.
            InvalidOutput: That does not have the form that the task asks for.
        """
        ledger = self._ledger_of(work)
        if used_up := ledger.used_up():
            raise BudgetExceeded(f"{used_up} No run of deployment {work.task.call!r} was made for {work.task_id!r}.")
        with work.waiting(""):
            deployment = await patiently(lambda: asyncio.to_thread(self._deployment_of, work))
            await self._runs.require_shallow(UUID(work.run_id))
        order = self._order(work, deployment)
        found: FlowRun | Vacancy | None = None
        try:
            with work.waiting(""):
                async with self._runs.turn:
                    found = await self._runs.find(order)
                    run = found = await self._made(order, found)
            _log().info("%s does the work of %s. %s", seen(run, deployment), work.task_id, where(run))
            run = await self._until_it_ends(run, work, deployment)
        except asyncio.CancelledError:
            if found is not None:
                await _undisturbed(self._call_off(order, found, work))
            raise
        if deployment.runs_plan:
            result = await plan_result(run, deployment)
            work.trail.spent(result.usage)
            ledger.book(result.usage)
            output = output_of(result, called=seen(run, deployment), see=where(run))
        else:
            output = await value(run, deployment)
        return checked_output(output, work.output, said_by=f"The deployment {deployment.name!r}")

    def fingerprint(self, work: Work) -> str:
        """What else the output depends on: the deployment as it is by now, and thereby the plan that it runs."""
        try:
            deployment = self._deployment_of(work)
        except httpx.HTTPError:  # like nothing that is stored; the task itself waits for the server and finds its run
            return f"unknown {uuid4()}"
        return canonical_json([str(deployment.id), deployment.version, deployment.parameters])

    def _deployment_of(self, work: Work) -> Deployment:
        """The deployment; asked for once in a run, however many items there are."""
        name = work.task.call
        if not name:
            raise PlanInvalid(
                f"Task {work.task.id!r} is of kind `deployment` and names none. Set `call: flow/deployment`."
            )
        if name not in self._found:
            if why := forbidden(name, self._allowed):
                raise PlanInvalid(f"Task {work.task.id!r}: {why}.")
            self._found[name] = find_deployment(name)
        return self._found[name]

    def _order(self, work: Work, deployment: Deployment) -> Order:
        given: object = {} if work.input is None else work.input
        if not isinstance(given, Mapping):
            raise PlanInvalid(
                f"The input of {work.task_id!r} must be a mapping: the parameters of deployment {deployment.name!r}. "
                f"Got {type(given).__name__}."
            )
        parameters = dict(cast("Mapping[str, Any]", given))
        self._require_no_key(work, parameters)
        content = [self._lineage.of(work.task_id), work.task_id, self.fingerprint(work), parameters]
        context = TaskRunContext.get()
        return Order(
            deployment=deployment,
            name=f"{work.task_id}: {deployment.short_name}",
            key=f"agentic-{digest(content)}",
            parameters={"inputs": parameters} if deployment.runs_plan else parameters,
            run_id=UUID(work.run_id),
            task_run_id=context.task_run.id if context is not None else None,
            tags=work.task.tags,
            refused=sum(error.code in REFUSALS for error in (*work.failed_before, *work.history)),
        )

    def _require_no_key(self, work: Work, parameters: Mapping[str, Any]) -> None:
        """Parameters of runs are kept in clear on the server. What only looks like a key may be part of a text."""
        redactor, text = current_disclosure().redactor, canonical_json(parameters)
        if any(len(key) >= SHORTEST_KNOWN and key in text for key in redactor.known()):
            raise InvalidRequest(
                f"The input of {work.task_id!r} holds a key that is in use here, and Prefect keeps the parameters of "
                f"runs in clear. Keep it in a block, or in the environment of the worker."
            )
        if redactor.value(parameters) is not parameters and work.task.id not in self._told:
            self._told.add(work.task.id)
            _log().warning(
                "The input of %r holds what looks like a key or a password; Prefect keeps the parameters of runs in "
                "clear.", work.task_id,
            )  # fmt: skip

    async def _made(self, order: Order, found: FlowRun | Vacancy) -> FlowRun:
        return await self._runs.make(order, found) if isinstance(found, Vacancy) else found

    async def _until_it_ends(self, run: FlowRun, work: Work, deployment: Deployment) -> FlowRun:
        """The run in its last state. Time in which nobody works on it does not count."""
        while run.state is not None and not run.state.is_final():
            if run.state.type not in STANDING:
                run = await self._runs.changed(run)
                continue
            why = f"{seen(run, deployment)} waits for people. {where(run)}" if run.state.is_paused() else ""
            with work.waiting(why):
                if run.state.is_scheduled():
                    await self._tell_of_workers(run, deployment)
                run = await self._runs.changed(run)
        return run

    async def _tell_of_workers(self, run: FlowRun, deployment: Deployment) -> None:
        """Say once that nobody is there who could take the runs up."""
        assert run.state is not None
        pool, is_late = deployment.pool, run.state.name == "Late"
        if (pool or deployment.name) in self._told:
            return
        if pool is None:
            if is_late:
                self._told.add(deployment.name)
                _log().warning("%s waits for the process that serves its deployment.", seen(run, deployment))
            return
        state = await _state_of(pool)
        if state is None or not (is_late or state.is_paused or state.status != "READY"):
            return
        self._told.add(pool)
        if state.is_paused:
            hint = f"The pool is paused: `prefect work-pool resume {pool}`."
        elif state.status == "READY":
            hint = "Those that are there have enough to do, or look at other queues."
        else:
            hint = f"None is there: `prefect worker start --pool {pool}`."
        _log().warning("%s waits for a worker of the pool %r. %s", seen(run, deployment), pool, hint)

    async def _call_off(self, order: Order, found: FlowRun | Vacancy, work: Work) -> None:
        """Cancel a run that is no longer needed, as far as that can be done in a moment.

        Nobody knows how far a run got that was just being made. To make it once more makes none if it is there, and
        what stands for it in the graph ends with it.
        """
        why = work.stop_reason() or "the attempt's time was up, or the run around it was cancelled"
        try:
            async with asyncio.timeout(CALL_OFF_S):
                run = await self._made(order, found)
                if run.state is None or not run.state.is_final():
                    await self._runs.cancel(run.id, f"Cancelled by {work.task_id} of plan {work.plan}: {why}.")
                    _log().info("%s is cancelled, too.", seen(run, order.deployment))
        except (TimeoutError, httpx.HTTPError, AgenticError, ObjectNotFound, RuntimeError) as error:
            _log().warning(
                "A run of deployment %r for %s could not be cancelled (%s) and may go on.",
                order.deployment.name, work.task_id, type(error).__name__,
            )  # fmt: skip


class RehearsedDeployments:
    """Takes the place of `DeploymentKind` in a rehearsal: no run is made, and the output is made up."""

    async def execute(self, work: Work) -> Any:
        """Something of the form that the task asks for; without one, a text that says what it stands for."""
        made_up = f"(what a run of {work.task.call} would put out)"
        _log().info("No run of deployment %r was made in this rehearsal; the output is made up.", work.task.call)
        if work.output is None:
            return made_up
        try:
            return echo(work.output.json_schema)
        except EchoImpossible:
            return made_up


async def _undisturbed(work: Coroutine[Any, Any, None]) -> None:
    """Do it to its end, whoever else cancels: where a process is told to end, first everything in it is cancelled, and
    then the run cancels its tasks.
    """
    doing = asyncio.create_task(work)
    while not doing.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait({doing})


async def _state_of(pool: str) -> WorkPool | None:
    async def ask() -> WorkPool | None:
        async with get_client() as client:
            try:
                return await client.read_work_pool(pool)
            except ObjectNotFound:
                return None

    return await patiently(ask)


def _log() -> logging.Logger | logging.LoggerAdapter[logging.Logger]:
    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger(__name__)
