"""Runs a plan through the reducer alone: every started node ends as it is told, in an order that the test chooses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from agentic_prefect.models.asking import DecisionAction
from agentic_prefect.models.intervention import Decision
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.result import TaskResult
from agentic_prefect.models.status import PlanStatus
from agentic_prefect.plans.advance import advance, begin
from agentic_prefect.plans.expressions import evaluate
from agentic_prefect.plans.outcome import plan_output, plan_status
from agentic_prefect.plans.progress import (
    Action,
    AskPerson,
    Blueprint,
    CancelAsked,
    CancelRunning,
    NodeEnded,
    Outcome,
    PersonDecided,
    Progress,
    ShowFallback,
    StartNode,
)
from agentic_prefect.policies.effective import effective_plan
from agentic_prefect.testing.builders import EPOCH, cancelled, completed, failed

Script = Mapping[str, Any]
"""By node or task: an output, an exception code as `"!code"`, or a function from the node's action to a result."""


@dataclass
class Simulation:
    """What happened."""

    blueprint: Blueprint
    progress: Progress
    actions: list[Action] = field(default_factory=list)
    most_running: int = 0

    @property
    def started(self) -> list[str]:
        return [action.name for action in self.actions if isinstance(action, StartNode)]

    @property
    def fallbacks(self) -> list[tuple[str, str]]:
        return [(action.task_id, action.fallback_id) for action in self.actions if isinstance(action, ShowFallback)]

    @property
    def results(self) -> Mapping[str, TaskResult]:
        return self.progress.results

    def start_of(self, name: str) -> StartNode:
        return next(each for each in self.actions if isinstance(each, StartNode) and each.name == name)

    def statuses(self) -> dict[str, str]:
        return {name: result.status.value for name, result in self.results.items()}

    def reasons(self) -> dict[str, str]:
        return {name: result.reason for name, result in self.results.items() if result.reason}

    @property
    def status(self) -> PlanStatus:
        return plan_status(self.blueprint, self.progress)[0]

    @property
    def output(self) -> Any:
        return plan_output(self.blueprint, self.progress)[0]


def simulate(
    plan: Plan,
    script: Script | None = None,
    *,
    inputs: Mapping[str, Any] | None = None,
    choose: Callable[[list[StartNode]], int] = lambda waiting: 0,
    stop_after: int | None = None,
    stop: Outcome = CancelAsked("somebody asked"),  # noqa: B008  # frozen
    answer: DecisionAction = "skip",
) -> Simulation:
    """Run a plan to its end.

    Args:
        plan: The plan.
        script: How nodes end; those without an entry complete with their own name as output.
        inputs: The plan's inputs.
        choose: Which of the nodes in flight ends next.
        stop_after: After how many ends the plan is stopped.
        stop: What stops it.
        answer: What people decide, once nothing else is left to do.
    """
    blueprint = Blueprint.of(effective_plan(plan), inputs or {})
    progress, actions = begin(blueprint)
    run = Simulation(blueprint, progress)
    flying: list[StartNode] = []
    asked: list[AskPerson] = []
    ended, stopping = 0, False
    while True:
        run.actions.extend(actions)
        flying.extend(action for action in actions if isinstance(action, StartNode))
        asked = [each for each in asked if each.task_id in run.progress.awaiting]
        asked.extend(action for action in actions if isinstance(action, AskPerson))
        stopping = stopping or any(isinstance(action, CancelRunning) for action in actions)
        run.most_running = max(run.most_running, len(flying))
        outcome: Outcome
        if not flying and asked:
            decision = Decision(action=answer, by="ann", decided_at=EPOCH)
            run.progress, actions = advance(blueprint, run.progress, PersonDecided(asked.pop(0).task_id, decision))
            continue
        if not flying:
            assert run.progress.is_done(blueprint), "nothing is in flight and the plan is not done"
            return run
        if stop_after is not None and ended == stop_after and not stopping:
            outcome = stop
        else:
            node = flying.pop(choose(flying))
            ended += 1
            outcome = NodeEnded(node.name, cancelled(node.name) if stopping else _end(node, script or {}, blueprint))
        run.progress, actions = advance(blueprint, run.progress, outcome)


def _end(node: StartNode, script: Script, blueprint: Blueprint) -> TaskResult:
    if node.fault:
        return failed(node.name, "plan_invalid", node.fault)
    told = script.get(node.name, script.get(node.task_id))
    if callable(told):
        return cast("TaskResult", told(node))
    if isinstance(told, str) and told.startswith("!"):
        return failed(node.name, told[1:])
    return completed(node.name, told)


def seen_input(node: StartNode, blueprint: Blueprint) -> Any:
    """The input of a node, as it would be handed to the agent."""
    return evaluate(blueprint.tasks[node.task_id].input, node.scope)
