"""The working copy of a plan's progress during one step of the reducer, and the small changes made to it."""

from collections import deque
from dataclasses import replace
from typing import Any

from agentic_prefect.models.result import TaskResult
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.plans.joins import Blocked
from agentic_prefect.plans.progress import Action, Blueprint, FanOut, Progress, ShowSkipped, item_name
from agentic_prefect.plans.relations import related


class WorkingCopy:
    """Progress that is being changed, and the actions that come out of it. What it was given is not changed."""

    def __init__(self, blueprint: Blueprint, progress: Progress) -> None:
        self._blueprint = blueprint
        self._progress = progress
        self._actions: list[Action] = []
        self._newly_settled: deque[str] = deque()

    def _skip(self, task_id: str, blocked: Blocked, *, show: bool = True) -> None:
        result = TaskResult(task_id=task_id, status=TaskStatus.SKIPPED, success=False, reason=blocked.reason)
        owner = self._owner_of(task_id)
        if owner is not None:
            result = related(result, owner, "fallback_for")
        self._record(task_id, result)
        if blocked.cause is not None:
            self._change(causes={**self._progress.causes, task_id: blocked.cause})
        if show:
            self._actions.append(ShowSkipped(result, blocked.cause))
        self._settle(task_id)

    def _skip_waiting_items(self, task_id: str, reason: str) -> None:
        """The items that have not started are skipped; one that was to be tried again stays as it had ended."""
        fan = self._progress.fans[task_id]
        for index in fan.waiting:
            name = item_name(task_id, index)
            if name not in self._progress.results:
                self._record(name, TaskResult(task_id=name, status=TaskStatus.SKIPPED, success=False, reason=reason))
        self._put_fan(task_id, replace(fan, waiting=()))
        self._change(ready=tuple(ready for ready in self._progress.ready if ready.task_id != task_id))

    def _owner_of(self, fallback_id: str) -> str | None:
        """The first task that a fallback stands in for at the moment."""
        owners = self._blueprint.graph.fallback_for.get(fallback_id, ())
        current = (owner for owner in owners if owner in self._progress.chains)
        return next((owner for owner in current if self._progress.chains[owner].current == fallback_id), None)

    def _with_decisions(self, task_id: str, result: TaskResult) -> TaskResult:
        """The result with what was decided about the task while it had failed."""
        past = self._progress.decisions.get(task_id, ())
        kept = tuple(decision for decision in result.decisions if decision not in past)
        return result.model_copy(update={"decisions": (*kept, *past)})

    def _settle(self, task_id: str) -> None:
        self._change(settled=self._progress.settled | {task_id})
        self._newly_settled.append(task_id)

    def _record(self, name: str, result: TaskResult) -> None:
        self._change(results={**self._progress.results, name: result})

    def _put_fan(self, task_id: str, fan: FanOut) -> None:
        self._change(fans={**self._progress.fans, task_id: fan})

    def _change(self, **fields: Any) -> None:
        self._progress = replace(self._progress, **fields)
