"""One step of the reducer: what follows from an outcome, worked out on a copy of the progress."""

from collections.abc import Mapping
from dataclasses import replace

from agentic_prefect.models.intervention import Decision
from agentic_prefect.models.policy import Abort, AskHuman, Continue, Fallback
from agentic_prefect.models.result import TaskResult
from agentic_prefect.plans.decided import abort_reason, decided
from agentic_prefect.plans.edges import fallbacks_of
from agentic_prefect.plans.fan_out import join_items
from agentic_prefect.plans.joins import Blocked, Open, Spread, open_task
from agentic_prefect.plans.places import Places
from agentic_prefect.plans.progress import (
    Action,
    AskPerson,
    CancelRunning,
    Chain,
    FanOut,
    Halt,
    Progress,
    Ready,
    ShowDecided,
    ShowFallback,
    ShowFanOut,
    ShowJoined,
    ShowLost,
    item_name,
    split_name,
)
from agentic_prefect.plans.relations import related, with_error_of
from agentic_prefect.plans.views import failure_action, final_action, is_lost
from agentic_prefect.policies.failure import is_critical


class Step(Places):
    """Applies one outcome. Used once, then thrown away."""

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
        if action is not None and not isinstance(action, Continue | AskHuman):
            self._skip_waiting_items(task_id, f"{name} failed")
        if result.error is not None and is_critical(result.error):
            self.halt(Halt(f"{name!r} met a critical error"), cancel_running=True)
        self._join_if_over(task_id)

    def person_decided(self, task_id: str, decision: Decision) -> None:
        """A person decided about a failed task. A decision that comes too late changes nothing."""
        if task_id not in self._progress.awaiting:
            return
        past = self._progress.decisions.get(task_id, ())
        self._change(
            awaiting=self._progress.awaiting - {task_id},
            decisions={**self._progress.decisions, task_id: (*past, decision)},
        )
        if decision.action == "edit_input":
            self._change(edited={**self._progress.edited, task_id: decision.input})
        if decision.action in ("retry", "edit_input"):
            self._try_again(task_id)
            return
        result = self._with_decisions(task_id, decided(self._progress.results[task_id], decision))
        self._record(task_id, result)
        self._actions.append(ShowDecided(result, decision))
        if decision.action == "fallback":
            asked = final_action(self._blueprint, task_id, result)
            self._try_next(task_id, asked.fallback if isinstance(asked, AskHuman) else ())
            return
        if decision.action == "continue":
            self._change(tolerated=self._progress.tolerated | {task_id})
        self._settle(task_id)
        if decision.action == "abort":
            self.halt(Halt(abort_reason(task_id, decision)), cancel_running=False)
        elif decision.action != "continue":
            self._halt_if_demanded(task_id, abort=False)

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
            elif task.id not in busy | self._progress.settled | self._progress.chains.keys():
                self._leave_failed(task.id, halt.reason)

    def time_is_up(self, reason: str) -> None:
        """Nothing starts any more and what runs is cancelled, also where the plan had been halted before."""
        if self._progress.halt is None:
            self.halt(Halt(reason), cancel_running=True)
        elif self._progress.running:
            self._actions.append(CancelRunning(reason))

    def end(self) -> tuple[Progress, tuple[Action, ...]]:
        """Work through everything that follows, fill the free places, and hand over."""
        while self._newly_settled:
            task_id = self._newly_settled.popleft()
            self._tell_if_lost(task_id)
            self._close_unneeded_fallbacks(task_id)
            self._continue_chains(task_id)
            for dependent in self._blueprint.graph.dependents.get(task_id, ()):
                self._consider(dependent)
        self._fill_places()
        return self._progress, tuple(self._actions)

    def _tell_if_lost(self, task_id: str) -> None:
        """Whoever stopped the plan knows what it left undone; any other failure without a remedy is to be seen to."""
        halt = self._progress.halt
        if not (halt and halt.cancelled) and is_lost(self._blueprint, self._progress, task_id):
            self._actions.append(ShowLost(self._progress.results[task_id]))

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

    # What a task does when it has ended

    def _conclude(self, task_id: str, result: TaskResult) -> None:
        """A task as a whole came to its end: settle it, or bring in its fallbacks."""
        owner = self._owner_of(task_id)
        if owner is not None:
            result = related(result, owner, "fallback_for")
        result = self._with_decisions(task_id, result)
        self._record(task_id, result)
        action = failure_action(self._blueprint, task_id, result)
        if isinstance(action, Fallback) and self._progress.halt is None:
            self._try_next(task_id, action.chain)
            return
        self._follow_last(task_id, result)

    def _follow_last(self, task_id: str, result: TaskResult) -> None:
        """No other task is tried in its place, or those that were have failed: ask people, or settle it."""
        action, past = final_action(self._blueprint, task_id, result), self._progress.decisions.get(task_id, ())
        has_chosen_fallback = bool(past) and past[-1].action == "fallback"
        if isinstance(action, AskHuman) and self._progress.halt is None and not has_chosen_fallback:
            self._change(awaiting=self._progress.awaiting | {task_id})
            self._actions.append(AskPerson(task_id, result, action, len(past) + 1))
            return
        self._settle(task_id)
        self._halt_if_demanded(task_id, isinstance(action, Abort))

    def _try_again(self, task_id: str) -> None:
        """A person wants another try: the task is opened once more, of a fan-out the items without an output."""
        fan = self._progress.fans.get(task_id)
        if fan is None:
            self._change(opened=self._progress.opened - {task_id})
            self._consider(task_id)
            return
        results = self._progress.results
        bad = [i for i in range(len(fan.items)) if not results[item_name(task_id, i)].success]
        self._change(
            results={name: result for name, result in results.items() if name != task_id},
            ready=(*self._progress.ready, *(Ready(task_id, index) for index in bad)),
        )
        self._put_fan(task_id, replace(fan, waiting=tuple(bad)))
        self._actions.append(ShowFanOut(task_id, len(bad), again=True))

    def _leave_failed(self, task_id: str, reason: str) -> None:
        """A failed task that a person was asked about, or that was to be tried again, stays failed."""
        self._change(awaiting=self._progress.awaiting - {task_id})
        self._actions.append(ShowDecided(self._progress.results[task_id], withdrawn=reason))
        self._settle(task_id)

    def _halt_if_demanded(self, task_id: str, abort: bool) -> None:
        result = self._progress.results[task_id]
        if result.error is None or task_id in self._progress.covers:
            return
        if self._blueprint.tasks[task_id].critical or is_critical(result.error):
            self.halt(Halt(f"the critical task {task_id!r} failed"), cancel_running=True)
        elif abort:
            self.halt(Halt(f"{task_id!r} failed and its policy is to abort"), cancel_running=False)

    def _try_next(self, task_id: str, chain: tuple[str, ...]) -> None:
        """Call upon the next fallback; with none left the last action of its policy follows."""
        if not chain or self._progress.halt is not None:
            self._change(chains=_without(self._progress.chains, task_id))
            self._follow_last(task_id, self._progress.results[task_id])
            return
        current, *left = chain
        self._change(
            chains={**self._progress.chains, task_id: Chain(tuple(left), current)},
            triggered=self._progress.triggered | {current},
        )
        self._record(task_id, related(self._progress.results[task_id], current, "fallback"))
        settled = current in self._progress.settled
        if not settled or self._progress.results[current].success:  # what has failed once is not tried again
            self._actions.append(ShowFallback(task_id, current))
        if settled:
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

    def _join_if_over(self, task_id: str) -> None:
        fan = self._progress.fans[task_id]
        if fan.waiting or fan.running or task_id in self._progress.results:
            return
        items = tuple(self._progress.results[item_name(task_id, index)] for index in range(len(fan.items)))
        joined = join_items(task_id, items, agent=self._blueprint.tasks[task_id].agent)
        self._actions.append(ShowJoined(joined))
        self._conclude(task_id, joined)


def _without(chains: Mapping[str, Chain], task_id: str) -> dict[str, Chain]:
    return {name: chain for name, chain in chains.items() if name != task_id}
