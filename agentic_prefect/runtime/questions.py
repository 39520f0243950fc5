"""Questions to people about failed tasks, while the rest of the plan goes on."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from agentic_prefect.errors import AgenticError
from agentic_prefect.interventions.desk import Desk
from agentic_prefect.models.events import TaskStatusChanged
from agentic_prefect.models.intervention import BY_NOBODY, Decision, Intervention
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.plans.mermaid import mermaid
from agentic_prefect.plans.progress import AskPerson, Blueprint, Outcome, PersonDecided
from agentic_prefect.policies.asking import about_failure, default_decision
from agentic_prefect.runtime.services import Services
from agentic_prefect.runtime.work import Place

MAX_DRAWN_TASKS = 30
"""A form has little room; a larger plan is not drawn in it."""


class Questions:
    """The questions of one run that are open. Each one that is not withdrawn ends in exactly one outcome."""

    def __init__(
        self, blueprint: Blueprint, services: Services, place: Place, report: Callable[[Outcome], None]
    ) -> None:
        self._blueprint, self._services, self._place, self._report = blueprint, services, place, report
        self._asked: dict[str, asyncio.Task[None]] = {}
        self.decisions: dict[str, Decision] = {}
        """What was decided, by the id of the question."""

    @property
    def open(self) -> Iterable[asyncio.Task[None]]:
        """What still waits for people."""
        return tuple(self._asked.values())

    def ask(self, action: AskPerson) -> None:
        """Ask, without waiting for the answer."""
        self._move(action.task_id, TaskStatus.FAILED, TaskStatus.AWAITING_HUMAN)
        asked = asyncio.create_task(self._ask(action), name=f"agentic:ask:{action.task_id}")
        self._asked[action.task_id] = asked
        asked.add_done_callback(lambda ended: self._ended(action, ended))

    def withdraw(self, task_id: str) -> None:
        """The answer is no longer needed; the task stays failed."""
        asked = self._asked.get(task_id)
        if asked is not None and not asked.done():
            asked.cancel("The answer is no longer needed.")
            self._move(task_id, TaskStatus.AWAITING_HUMAN, TaskStatus.FAILED)

    def withdraw_all(self) -> None:
        """No answer is needed any more."""
        for task_id in list(self._asked):
            self.withdraw(task_id)

    def put_away(self, reason: str) -> None:
        """Stop asking; the tasks wait on."""
        for asked in self._asked.values():
            asked.cancel(reason)

    async def _ask(self, action: AskPerson) -> None:
        intervention = self._intervention(action)
        decision = self._place.before.decisions.get(intervention.id)
        if decision is None:
            desk = self._place.desk or Desk(self._services.gate, self._place.notify, self._services.disclosure)
            decision = await desk.ask(intervention, lambda: self._event_place(action.task_id))
        self.decisions[intervention.id] = decision
        if decision.secret_block and self._services.renew_key is not None:
            task = self._blueprint.tasks[action.task_id]
            await self._services.renew_key(self._blueprint.plan, task, decision.secret_block)
        if decision.more is not None and self._services.allow is not None:
            self._services.allow(self._blueprint.tasks[action.task_id], self._place.run_id, decision.more)
        if decision.action in ("retry", "edit_input"):
            self._move(action.task_id, TaskStatus.AWAITING_HUMAN, TaskStatus.RETRYING)
        self._report(PersonDecided(action.task_id, decision))

    def _ended(self, action: AskPerson, asked: asyncio.Task[None]) -> None:
        """Whatever keeps people from being asked, the task does not wait for ever."""
        self._asked.pop(action.task_id, None)
        error = None if asked.cancelled() else asked.exception()
        if error is not None:
            decision = default_decision(self._intervention(action), by=BY_NOBODY, now=self._services.clock())
            comment = self._services.disclosure.text(f"Asking failed ({type(error).__name__}: {error}).")
            self._report(PersonDecided(action.task_id, decision.model_copy(update={"comment": comment})))

    def _intervention(self, action: AskPerson) -> Intervention:
        task, plan = self._blueprint.tasks[action.task_id], self._blueprint.plan
        error = action.result.error
        assert error is not None
        try:
            schema = self._services.output_of(task)
        except AgenticError:  # it is what the task failed of
            schema = None
        small = len(plan.tasks) <= MAX_DRAWN_TASKS
        return about_failure(
            task,
            error,
            action.policy,
            id=f"{self._place.run_id}:{action.task_id}:{action.number}",
            plan=plan.name,
            output_schema=schema.json_schema if schema else None,
            diagram=mermaid(plan, self._blueprint.graph, {action.task_id: TaskStatus.FAILED}) if small else "",
        )

    def _move(self, task_id: str, old: TaskStatus, new: TaskStatus) -> None:
        self._place.notify(TaskStatusChanged(**self._event_place(task_id), old=old, new=new, attempt=0))

    def _event_place(self, task_id: str) -> dict[str, Any]:
        return {
            "at": self._services.clock(),
            "plan": self._blueprint.plan.name,
            "run_id": self._place.run_id,
            "parent_run_id": self._place.parent_run_id,
            "task_id": task_id,
        }
