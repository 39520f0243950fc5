"""Circles, and fallbacks that could never be called upon."""

from collections import Counter
from collections.abc import Iterator

from agentic_prefect.errors import ErrorCode
from agentic_prefect.models.policy import AskHuman, FailureAction, Fallback
from agentic_prefect.models.task import AgentTask
from agentic_prefect.plans.circles import circles_in
from agentic_prefect.plans.names import listing
from agentic_prefect.plans.problems import Problem
from agentic_prefect.plans.validation.subject import Subject, unknown_name


def fallback_problems(subject: Subject) -> Iterator[Problem]:
    """Whatever keeps a task or a fallback from ever running, and people asked where there are none."""
    for circle in circles_in(subject.distinct, subject.edges, subject.owners):
        if len(circle.members) > 1:  # a task that waits for itself is reported where it says so
            yield Problem(f"task {circle.members[0]}", str(circle), "Take one of these steps out.")
    for written, task in subject.both():
        for place, action in _actions(subject, written, task):
            yield from _action(subject, place, action, task)
        yield from _outranked(written)
    for name, owners in subject.owners.items():
        if name in subject.tasks:
            yield from _callable(subject, subject.tasks[name], owners)


def _actions(subject: Subject, written: AgentTask, task: AgentTask) -> Iterator[tuple[str, FailureAction]]:
    if task.on_failure is not None:
        yield subject.place(written, "on_failure"), task.on_failure
    for code, rule in (task.failure_policy or {}).items():
        if rule.then is not None:
            yield f"{subject.place(written, 'failure_policy')}.{code}", rule.then


def _action(subject: Subject, place: str, action: FailureAction, task: AgentTask) -> Iterator[Problem]:
    if isinstance(action, AskHuman):
        yield from _asking(subject, place, action)
        chain = action.fallback
    elif isinstance(action, Fallback):
        if action.then is not None:
            yield from _action(subject, f"{place}.then", action.then, task)
        chain = action.chain
    else:
        return
    for name, count in Counter(chain).items():
        if name == task.id:
            yield Problem(place, f"task {name!r} falls back to itself", "Use `retries` to try the same again.")
        elif name not in subject.tasks:
            yield unknown_name(place, "task", name, subject.tasks)
        if count > 1:
            message = f"the chain names {name!r} {count} times, and what has failed once is not tried again"
            yield Problem(place, message, "Name it once.")


def _asking(subject: Subject, place: str, action: AskHuman) -> Iterator[Problem]:
    if not subject.known.humans:
        yield Problem(place, "nobody can be asked here", "Configure a human gate, or choose another action.")
    if action.default in ("approve", "reject"):
        message = f"`default: {action.default}` says nothing about a task that failed"
        yield Problem(place, message, "Take fail, skip, continue, supply_output, fallback or abort.")
    if action.default == "fallback" and not action.fallback:
        yield Problem(place, "the default is a fallback, and none is offered", "Name the tasks under `fallback`.")


def _outranked(written: AgentTask) -> Iterator[Problem]:
    """Two answers to the same question on one task, and rules for what has a fixed answer."""
    policy = written.failure_policy or {}
    default = policy.get("default")
    if written.on_failure is not None and default is not None and default.then not in (None, written.on_failure):
        message = "`failure_policy.default` says something else, so that `on_failure` is never reached"
        yield Problem(f"task {written.id}: on_failure", message, "Keep one of them.")
    critical = policy.get(ErrorCode.CRITICAL)
    if critical is not None and critical.then is not None:
        message = "a critical error always halts the plan, so that this is never reached"
        yield Problem(f"task {written.id}: failure_policy.critical", message, "Take it out.")


def _callable(subject: Subject, fallback: AgentTask, owners: tuple[str, ...]) -> Iterator[Problem]:
    """Whether a fallback can run at the moment it is called upon."""
    place = f"task {fallback.id}"
    for owner in owners:
        if owner in fallback.depends_on and owner != fallback.id:
            message = f"it stands in for {owner!r} and needs its success, so that it can never run"
            yield Problem(f"{place}: depends_on", message, f"Take {owner!r} out of `depends_on`.")
    looked_at = sorted(set(owners) & subject.edges[fallback.id].observes)
    if len(set(owners)) > 1 and looked_at:
        message = (
            f"it stands in for {listing(map(repr, owners))} and looks at {listing(map(repr, looked_at))}, "
            f"which may not have ended when it is called upon for another"
        )
        yield Problem(place, message, "Give each of them a fallback of its own.")
