"""The reducer: what follows when something happens to a plan. It decides; `runtime` carries it out."""

from typing import assert_never

from agentic_prefect.plans.progress import (
    Action,
    Blueprint,
    CancelAsked,
    Halt,
    NodeEnded,
    Outcome,
    PersonDecided,
    Progress,
    TimeUp,
)
from agentic_prefect.plans.step import Step


def begin(blueprint: Blueprint) -> tuple[Progress, tuple[Action, ...]]:
    """The first step of a plan: its roots start."""
    step = Step(blueprint, Progress())
    step.open_roots()
    return step.end()


def advance(blueprint: Blueprint, progress: Progress, outcome: Outcome) -> tuple[Progress, tuple[Action, ...]]:
    """What follows from `outcome`. The same plan, progress and outcome always give the same answer."""
    step = Step(blueprint, progress)
    match outcome:
        case NodeEnded(name=name, result=result):
            step.node_ended(name, result)
        case CancelAsked(reason=reason):
            step.halt(Halt(reason, cancelled=True), cancel_running=True)
        case TimeUp(reason=reason):
            step.time_is_up(reason)
        case PersonDecided(task_id=task_id, decision=decision):
            step.person_decided(task_id, decision)
        case _:
            assert_never(outcome)
    return step.end()
