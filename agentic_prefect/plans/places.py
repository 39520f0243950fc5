"""Which of the nodes that are ready start, when there are fewer places than nodes."""

from dataclasses import replace
from typing import Any

from agentic_prefect.models.intervention import Decision
from agentic_prefect.plans.expressions import Scope
from agentic_prefect.plans.progress import (
    Ready,
    StartNode,
    item_name,
)
from agentic_prefect.plans.views import Views
from agentic_prefect.plans.working_copy import WorkingCopy


class Places(WorkingCopy):
    """Starts nodes as places become free."""

    def _fill_places(self) -> None:
        """Start ready nodes, the highest priority first, in the plan's order among equals."""
        places = self._blueprint.plan.max_concurrency - len(self._progress.running)
        if places <= 0 or not self._progress.ready:
            return
        left: list[Ready] = []
        for ready in sorted(self._progress.ready, key=self._urgency):
            if places > 0 and not self._is_item_limit_reached(ready):
                self._start(ready)
                places -= 1
            else:
                left.append(ready)
        self._change(ready=tuple(left))

    def _urgency(self, ready: Ready) -> tuple[int, int, int]:
        return (-self._blueprint.tasks[ready.task_id].priority, self._blueprint.rank[ready.task_id], ready.index or 0)

    def _is_item_limit_reached(self, ready: Ready) -> bool:
        limit = self._blueprint.tasks[ready.task_id].max_concurrency
        fan = self._progress.fans.get(ready.task_id)
        return limit is not None and fan is not None and len(fan.running) >= limit

    def _start(self, ready: Ready) -> None:
        task_id, index, item = ready.task_id, ready.index, {}
        name = task_id if index is None else item_name(task_id, index)
        if index is not None:
            fan = self._progress.fans[task_id]
            waiting = tuple(place for place in fan.waiting if place != index)
            self._put_fan(task_id, replace(fan, waiting=waiting, running=fan.running | {index}))
            item: dict[str, Any] = {"item": fan.items[index], "index": index}
        self._change(running=self._progress.running | {name})
        owner = self._owner_of(task_id)
        edges = self._blueprint.graph.edges[task_id].all
        stand_ins = {cover for each in edges if (cover := self._progress.covers.get(each)) is not None}
        before = {*edges, *stand_ins, *([owner] if owner else [])}
        self._actions.append(
            StartNode(
                name=name,
                task_id=task_id,
                index=index,
                scope=Scope(
                    self._blueprint.inputs,
                    Views(self._blueprint, self._progress),
                    previous=self._blueprint.previous,
                    **item,
                ),
                waits_for=tuple(sorted(before, key=self._blueprint.rank.__getitem__)),
                fallback_for=owner,
                fault=ready.fault,
                before=self._progress.results.get(name),
                comment=_said(self._progress.decisions.get(task_id, ())) if name in self._progress.results else "",
                edited=(self._progress.edited[task_id],) if task_id in self._progress.edited else (),
            )
        )


def _said(decisions: tuple[Decision, ...]) -> str:
    """What the last person said who sent a task back."""
    last = decisions[-1] if decisions else None
    return last.comment if last is not None and last.by_a_person else ""
