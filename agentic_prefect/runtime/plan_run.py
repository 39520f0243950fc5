"""One run of a plan: asks the reducer what to do and has it done, until everything is settled."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from agentic_prefect.interventions.desk import Desk, Recalled, Said
from agentic_prefect.models.error import TaskError
from agentic_prefect.models.events import (
    Event,
    PlanBudgetExceeded,
    PlanCancelled,
    PlanCompleted,
    PlanFailed,
    PlanStarted,
    TaskRetrying,
)
from agentic_prefect.models.result import BudgetReport, PlanResult, TaskResult
from agentic_prefect.models.status import PlanStatus
from agentic_prefect.models.suspension import Suspension
from agentic_prefect.models.task import AgentTask
from agentic_prefect.observers.dispatch import Dispatcher
from agentic_prefect.plans.advance import advance, begin
from agentic_prefect.plans.lineage import Lineage
from agentic_prefect.plans.outcome import plan_output, plan_status
from agentic_prefect.plans.progress import (
    Blueprint,
    CancelAsked,
    NodeEnded,
    Outcome,
    Progress,
    TimeUp,
    item_name,
    split_name,
)
from agentic_prefect.plans.spending import by_task, taken_up, to_keep, total
from agentic_prefect.ports import Opening
from agentic_prefect.runtime.actions import Actions
from agentic_prefect.runtime.services import RunInfo, Services
from agentic_prefect.runtime.work import Place

WIND_DOWN_S = 10.0
"""How long cancelled work may take to end before the run ends without it."""


class WrittenPlan(NamedTuple):
    """Which state of a plan runs."""

    plan_hash: str
    plan_version: int | None
    """Of a stored plan, from 1; `None` when it comes from elsewhere."""


UNKNOWN = WrittenPlan("", None)


class PlanRun:
    """Runs a blueprint once."""

    def __init__(
        self,
        blueprint: Blueprint,
        services: Services,
        *,
        run_id: str,
        lineage: Lineage,
        parent_run_id: str | None = None,
        parent_task: AgentTask | None = None,
        is_new: bool = False,
        url: str | None = None,
        written: WrittenPlan = UNKNOWN,
        before: Recalled | None = None,
        patience_s: float | None = None,
    ) -> None:
        self._blueprint, self._services = blueprint, services
        self._run_id, self._parent_run_id, self._url = run_id, parent_run_id, url
        self._written = written
        self._progress = Progress()
        self._outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
        self._started_at = services.clock()
        info = RunInfo(
            blueprint.plan,
            run_id,
            parent_run_id,
            lineage,
            lambda: self.result or self._progress.results,
            parent_task=parent_task,
            is_new=is_new,
        )
        self._dispatcher = Dispatcher(services.observers(info), disclosure=services.disclosure)
        self._desk = desk = Desk(services.gate, self._dispatcher.notify, services.disclosure, services.clock)
        before = before or Recalled()
        for each in before.suspension.questions:
            desk.said[each.id] = Said(before.answers.get(each.id), each.votes)
        self._before = before.suspension
        place = Place(run_id, lineage, parent_run_id, self._notify, desk, is_new, self._before)
        budget = blueprint.plan.budget
        # Nobody would keep the time of a run that is suspended.
        self._patience_s = None if budget is not None and budget.wall_s is not None else patience_s
        self._actions = Actions(blueprint, services, services.kinds(info), place, self._report)
        if spent := by_task(self._before):
            services.spent_before(blueprint.plan, run_id, spent)
        self._is_budget_exceeded = self._is_time_up = False
        self.result: PlanResult | None = None
        """What became of the plan; set when `run` has ended, cancelled or not."""
        self.suspension: Suspension | None = None
        """What the run needs to go on, when it waits for people alone and is to be suspended."""

    def request_cancel(self, reason: str) -> None:
        """Stop the run: nothing starts any more, what runs is cancelled, partial results are kept."""
        self._outcomes.put_nowait(CancelAsked(reason))

    async def run(self) -> PlanResult | None:
        """Run to the end, or until people alone are awaited for so long that the run is to be suspended (`None`).

        Cancellation is passed on after the partial results have been handed to the observers.
        """
        self._dispatcher.notify(
            PlanStarted(**self._event_place(), tasks=len(self._blueprint.tasks), **self._written._asdict())
        )
        flusher = asyncio.create_task(self._flush_from_time_to_time())
        alarm = self._limit_time()
        is_through = False
        try:
            await self._work_through()
            is_through = True
        except BaseException as error:
            cancelled = isinstance(error, asyncio.CancelledError)
            await self._wind_down("the run was cancelled" if cancelled else f"the run broke off: {error!r}")
            raise
        finally:
            flusher.cancel()
            if alarm is not None:
                alarm.cancel()
            if self.suspension is None:
                self.result = self._result()
                self._announce_end(self.result)
            await self._dispatcher.flush(patiently=is_through)
        return self.result

    async def _work_through(self) -> None:
        self._progress, actions = begin(self._blueprint)
        while True:
            for action in actions:
                self._actions.carry_out(action)
            if self._progress.is_done(self._blueprint):
                break
            outcome = await self._next_outcome()
            if outcome is None:
                await self._put_away()
                return
            self._tell_of_budget(outcome)
            self._progress, actions = advance(self._blueprint, self._progress, outcome)
        await self._actions.finish()

    def _report(self, outcome: Outcome) -> None:
        if isinstance(outcome, NodeEnded):
            outcome = NodeEnded(outcome.name, taken_up(outcome.name, outcome.result, self._before))
        self._outcomes.put_nowait(outcome)

    async def _next_outcome(self) -> Outcome | None:
        """What happens next; `None` when the run need not stay up for it."""
        while True:
            try:
                async with asyncio.timeout(self._patience_s):
                    return await self._outcomes.get()
            except TimeoutError:
                if self._desk.waits_for_good and self._actions.awaits_only_people and self._outcomes.empty():
                    return None

    async def _put_away(self) -> None:
        order = [task.id for task in self._blueprint.plan.tasks]
        questions = tuple(
            sorted(self._desk.open.values(), key=lambda each: (order.index(split_name(each.task_id)[0]), each.task_id))
        )
        self._desk.moved(questions, Opening(self._run_id, self._url))
        done = self._actions.done
        usage = to_keep(self._blueprint, self._progress.results, done.failures)
        self.suspension = done.model_copy(update={"questions": questions, "usage": usage})
        await self._actions.put_away("It is asked in the form of the plan's own run, which is suspended: resume that.")

    def _limit_time(self) -> asyncio.TimerHandle | None:
        """Rings when the plan has taken as long as it may."""
        budget = self._blueprint.plan.budget
        if budget is None or budget.wall_s is None:
            return None
        reason = f"the plan has taken the {budget.wall_s:g} s that `budget.wall_s` allows"
        return asyncio.get_running_loop().call_later(budget.wall_s, self._outcomes.put_nowait, TimeUp(reason))

    def _tell_of_budget(self, outcome: Outcome) -> None:
        """The first time that a budget stops something is announced."""
        match outcome:
            case NodeEnded(result=TaskResult(error=TaskError(is_over_budget=True) as error)):
                self._budget_stopped(error.context.task_id or "", (error.cause or error).message)
            case TimeUp():
                self._is_time_up = True
                self._budget_stopped("", outcome.reason)
            case _:
                return

    def _notify(self, event: Event) -> None:
        """Tell the observers; a budget that stopped an attempt is announced, though another model may do."""
        self._dispatcher.notify(event)
        if isinstance(event, TaskRetrying) and event.error.is_over_budget:
            self._budget_stopped(event.task_id, event.error.message)

    def _budget_stopped(self, task_id: str, reason: str) -> None:
        if not self._is_budget_exceeded:
            self._is_budget_exceeded = True
            usage = total(self._blueprint, self._progress.results)
            self._dispatcher.notify(
                PlanBudgetExceeded(**self._event_place(), task_id=task_id, reason=reason, usage=usage)
            )

    async def _wind_down(self, reason: str) -> None:
        """The run itself is being ended: stop the nodes and take in what they still report."""
        self._progress, _ = advance(self._blueprint, self._progress, CancelAsked(reason))
        self._actions.cancel_all(reason)
        try:
            async with asyncio.timeout(WIND_DOWN_S):
                await self._actions.finish()
        except TimeoutError:
            pass
        while not self._outcomes.empty():
            self._progress, _ = advance(self._blueprint, self._progress, self._outcomes.get_nowait())

    async def _flush_from_time_to_time(self) -> None:
        while True:
            await asyncio.sleep(self._services.flush_every_s)
            await self._dispatcher.flush()

    def _result(self) -> PlanResult:
        status, reason = plan_status(self._blueprint, self._progress)
        output, trouble = plan_output(self._blueprint, self._progress)
        results = _in_order(self._blueprint, self._progress)
        return PlanResult(
            plan=self._blueprint.plan.name,
            run_id=self._run_id,
            status=status,
            output=output,
            results=results,
            usage=total(self._blueprint, results),
            budget=self._budget(),
            started_at=self._started_at,
            ended_at=self._services.clock(),
            reason=self._services.disclosure.text(
                reason or (f"its result could not be worked out: {trouble}" if trouble else "")
            ),
            url=self._url,
            **self._written._asdict(),
        )

    def _budget(self) -> BudgetReport | None:
        before = self._blueprint.plan.budget
        if before is None:
            return None
        budget = self._services.limits(self._run_id) or before
        return BudgetReport(
            **budget.model_dump(),
            exceeded=self._is_budget_exceeded,
            timed_out=self._is_time_up,
            before=None if budget == before else before,
        )

    def _announce_end(self, result: PlanResult) -> None:
        place: dict[str, Any] = {**self._event_place(), "usage": result.usage, "elapsed_s": result.elapsed_s}
        match result.status:
            case PlanStatus.COMPLETED:
                self._dispatcher.notify(PlanCompleted(**place))
            case PlanStatus.CANCELLED:
                self._dispatcher.notify(PlanCancelled(**place, reason=result.reason))
            case PlanStatus.PARTIAL_FAILURE | PlanStatus.FAILED:
                self._dispatcher.notify(PlanFailed(**place, status=result.status, reason=result.reason))

    def _event_place(self) -> dict[str, Any]:
        return {
            "at": self._now(),
            "plan": self._blueprint.plan.name,
            "run_id": self._run_id,
            "parent_run_id": self._parent_run_id,
        }

    def _now(self) -> datetime:
        return self._services.clock()


def _in_order(blueprint: Blueprint, progress: Progress) -> Mapping[str, TaskResult]:
    """The results in the plan's order, each fan-out followed by its items."""
    results: dict[str, TaskResult] = {}
    for task in blueprint.plan.tasks:
        if task.id in progress.results:
            results[task.id] = progress.results[task.id]
        fan = progress.fans.get(task.id)
        for index in range(len(fan.items) if fan else 0):
            name = item_name(task.id, index)
            if name in progress.results:
                results[name] = progress.results[name]
    return results
