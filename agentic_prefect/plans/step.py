"""One step of the reducer: a working copy of the progress and the actions that come out of it."""

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agentic_prefect.errors import ErrorCode
from agentic_prefect.models.policy import Abort, Continue, Fallback
from agentic_prefect.models.result import TaskResult
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.plans.edges import fallbacks_of
from agentic_prefect.plans.expressions import Scope
from agentic_prefect.plans.fan_out import join_items
from agentic_prefect.plans.joins import Blocked, Open, Spread, open_task
from agentic_prefect.plans.progress import (
    Action,
    Blueprint,
    CancelRunning,
    Chain,
    FanOut,
    Halt,
    Progress,
    Ready,
    ShowFallback,
    ShowFanOut,
    ShowJoined,
    ShowSkipped,
    StartNode,
    Views,
    failure_action,
    item_name,
    split_name,
)
from agentic_prefect.plans.relations import related, with_error_of


class Step:
    """Applies one outcome. Used once, then thrown away; what it was given is not changed."""

    def __init__(self, blueprint: Blueprint, progress: Progress) -> None:
        self._blueprint = blueprint
        self._progress = progress
        self._actions: list[Action] = []
        self._newly_settled: deque[str] = deque()

    def open_roots(self) -> None:
        """Start with the tasks that wait for nothing."""
        for task in self._blueprint.plan.tasks:
            self._consider(task.id)

    def node_ended(self, name: str, result: TaskResult) -> None:
        """A task or an item came to its end."""
        self._change(running=self._progress.running - {name})
        task_id, index = split_name(name)
        if index is None:
            self._conclude(task_id, result)
            return
        self._record(name, result)
        fan = self._progress.fans[task_id]
        fan = replace(fan, running=fan.running - {index})
        self._put_fan(task_id, fan)
        action = failure_action(self._blueprint, task_id, result)
        if action is not None and not isinstance(action, Continue):
            self._skip_waiting_items(task_id, f"{name} failed")
        self._join_if_over(task_id)

    def halt(self, halt: Halt, *, cancel_running: bool) -> None:
        """Nothing starts any more; what has not started is skipped. Somebody's wish outranks a failure's demand."""
        before = self._progress.halt
        if before is not None and (before.cancelled or not halt.cancelled):
            return
        self._change(halt=halt, ready=())
        if cancel_running and self._progress.running:
            self._actions.append(CancelRunning(halt.reason))
        for task_id in self._progress.fans:
            self._skip_waiting_items(task_id, halt.reason)
            self._join_if_over(task_id)
        busy = {split_name(name)[0] for name in self._progress.running}
        for task in self._blueprint.plan.tasks:
            if task.id not in busy and task.id not in self._progress.results:
                self._skip(task.id, Blocked(halt.reason, None))

    def end(self) -> tuple[Progress, tuple[Action, ...]]:
        """Work through everything that follows, fill the free places, and hand over."""
        while self._newly_settled:
            task_id = self._newly_settled.popleft()
            self._close_unneeded_fallbacks(task_id)
            self._continue_chains(task_id)
            for dependent in self._blueprint.graph.dependents.get(task_id, ()):
                self._consider(dependent)
        self._fill_places()
        return self._progress, tuple(self._actions)

    # What a task does when its predecessors are settled

    def _consider(self, task_id: str) -> None:
        """Open a task if everything it waits for is settled and it has not been opened yet."""
        progress = self._progress
        if task_id in progress.opened or progress.halt is not None:
            return
        if self._blueprint.graph.fallback_for.get(task_id) and task_id not in progress.triggered:
            return
        awaited = self._blueprint.graph.edges[task_id].all
        owner = self._owner_of(task_id)
        if not awaited - {owner} <= progress.settled:  # a fallback may look at the failure that it is called for
            return
        self._change(opened=progress.opened | {task_id})
        match open_task(self._blueprint, progress, task_id):
            case Blocked() as blocked:
                self._skip(task_id, blocked)
            case Open(fault=fault):
                self._change(ready=(*self._progress.ready, Ready(task_id, None, fault)))
            case Spread(items=items):
                self._put_fan(task_id, FanOut(items, tuple(range(len(items)))))
                self._actions.append(ShowFanOut(task_id, len(items)))
                self._change(ready=(*self._progress.ready, *(Ready(task_id, index) for index in range(len(items)))))
                self._join_if_over(task_id)

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
        self._actions.append(
            StartNode(
                name=name,
                task_id=task_id,
                index=index,
                scope=Scope(self._blueprint.inputs, Views(self._blueprint, self._progress), **item),
                waits_for=tuple(sorted({*edges, *([owner] if owner else [])}, key=self._blueprint.rank.__getitem__)),
                fallback_for=owner,
                fault=ready.fault,
            )
        )

    # What a task does when it has ended

    def _conclude(self, task_id: str, result: TaskResult) -> None:
        """A task as a whole came to its end: settle it, or bring in its fallbacks."""
        owner = self._owner_of(task_id)
        if owner is not None:
            result = related(result, owner, "fallback_for")
        self._record(task_id, result)
        action = failure_action(self._blueprint, task_id, result)
        if isinstance(action, Fallback) and self._progress.halt is None:
            self._try_next(task_id, action.chain)
            return
        self._settle(task_id)
        self._halt_if_demanded(task_id, isinstance(action, Abort))

    def _halt_if_demanded(self, task_id: str, abort: bool) -> None:
        result = self._progress.results[task_id]
        if result.error is None or task_id in self._progress.covers:
            return
        error = result.error
        critical = self._blueprint.tasks[task_id].critical or ErrorCode.CRITICAL in (
            error.code,
            error.cause.code if error.cause else None,
        )
        if critical:
            self.halt(Halt(f"the critical task {task_id!r} failed"), cancel_running=True)
        elif abort:
            self.halt(Halt(f"{task_id!r} failed and its policy is to abort"), cancel_running=False)

    def _try_next(self, task_id: str, chain: tuple[str, ...]) -> None:
        """Call upon the next fallback; with none left the task is settled as failed."""
        if not chain or self._progress.halt is not None:
            self._change(chains=_without(self._progress.chains, task_id))
            self._settle(task_id)
            self._halt_if_demanded(task_id, abort=False)
            return
        current, *left = chain
        self._change(
            chains={**self._progress.chains, task_id: Chain(tuple(left), current)},
            triggered=self._progress.triggered | {current},
        )
        self._record(task_id, related(self._progress.results[task_id], current, "fallback"))
        self._actions.append(ShowFallback(task_id, current))
        if current in self._progress.settled:
            self._continue_chain(task_id, current)
        else:
            self._consider(current)

    def _continue_chains(self, fallback_id: str) -> None:
        """A task was settled: if it stood in for others, they are covered or their next fallback is tried."""
        for owner in self._blueprint.graph.fallback_for.get(fallback_id, ()):
            chain = self._progress.chains.get(owner)
            if chain is not None and chain.current == fallback_id:
                self._continue_chain(owner, fallback_id)

    def _continue_chain(self, owner: str, fallback_id: str) -> None:
        chain, result = self._progress.chains[owner], self._progress.results[fallback_id]
        cover = fallback_id if result.success else self._progress.covers.get(fallback_id)
        if cover is not None:
            self._change(chains=_without(self._progress.chains, owner), covers={**self._progress.covers, owner: cover})
            self._settle(owner)
            return
        self._record(owner, with_error_of(self._progress.results[owner], result))
        self._try_next(owner, chain.left)

    def _close_unneeded_fallbacks(self, owner: str) -> None:
        """A fallback that nobody can call upon any more is settled as skipped."""
        for fallback_id in fallbacks_of(self._blueprint.tasks[owner]):
            owners = self._blueprint.graph.fallback_for.get(fallback_id, ())
            called = fallback_id in self._progress.results or fallback_id in self._progress.triggered
            if not called and all(name in self._progress.settled for name in owners):
                names = ", ".join(repr(name) for name in owners)
                self._skip(fallback_id, Blocked(f"it stands in for {names} and was not needed", None), show=False)

    # Small changes to the working copy

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
        fan = self._progress.fans[task_id]
        for index in fan.waiting:
            name = item_name(task_id, index)
            self._record(name, TaskResult(task_id=name, status=TaskStatus.SKIPPED, success=False, reason=reason))
        self._put_fan(task_id, replace(fan, waiting=()))
        self._change(ready=tuple(ready for ready in self._progress.ready if ready.task_id != task_id))

    def _join_if_over(self, task_id: str) -> None:
        fan = self._progress.fans[task_id]
        if fan.waiting or fan.running or task_id in self._progress.results:
            return
        items = tuple(self._progress.results[item_name(task_id, index)] for index in range(len(fan.items)))
        joined = join_items(task_id, items, agent=self._blueprint.tasks[task_id].agent)
        self._actions.append(ShowJoined(joined))
        self._conclude(task_id, joined)

    def _owner_of(self, fallback_id: str) -> str | None:
        """The first task that a fallback stands in for at the moment."""
        owners = self._blueprint.graph.fallback_for.get(fallback_id, ())
        current = (owner for owner in owners if owner in self._progress.chains)
        return next((owner for owner in current if self._progress.chains[owner].current == fallback_id), None)

    def _settle(self, task_id: str) -> None:
        self._change(settled=self._progress.settled | {task_id})
        self._newly_settled.append(task_id)

    def _record(self, name: str, result: TaskResult) -> None:
        self._change(results={**self._progress.results, name: result})

    def _put_fan(self, task_id: str, fan: FanOut) -> None:
        self._change(fans={**self._progress.fans, task_id: fan})

    def _change(self, **fields: Any) -> None:
        self._progress = replace(self._progress, **fields)


def _without(chains: Mapping[str, Chain], task_id: str) -> dict[str, Chain]:
    return {name: chain for name, chain in chains.items() if name != task_id}
