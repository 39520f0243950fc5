"""Every error code, under every policy, in every place: attempts and ends, worked out without running anything."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from agentic_prefect.errors import ErrorCode
from agentic_prefect.models.error import TaskError
from agentic_prefect.models.result import TaskResult
from agentic_prefect.models.task import AgentTask
from agentic_prefect.plans.progress import ShowLost, StartNode
from agentic_prefect.policies.effective import effective_plan
from agentic_prefect.policies.failure import GiveUp, decide, final_error
from agentic_prefect.testing.builders import error_of, failed, make_plan
from tests.plans.simulation import simulate

RETRIED = {"rate_limit", "timeout", "connection", "server", "overloaded", "verification_failed"}
"""Worth another attempt when no rule says so."""
BLAMED_ON_THE_MODEL = {
    "authentication", "permission", "invalid_request", "context_length", "content_filter", "refusal", "invalid_output",
    "budget_exceeded", "runaway",
}  # fmt: skip
"""Worth another attempt with another model."""


@dataclass(frozen=True)
class Policy:
    """What is to be done, how many attempts that makes, and what it comes to."""

    fields: Callable[[str], dict[str, Any]]
    attempts: Callable[[str], int]
    comes_to: str
    """A row of `ENDS`."""
    rescue_fails: bool = False


def plain(code: str) -> int:
    """One retry for what is worth one."""
    return 2 if code in RETRIED else 1


def ruled(comes_to: str = "skip", **rule: Any) -> Callable[[str], dict[str, Any]]:
    """A rule for the code."""
    return lambda code: {"failure_policy": {code: rule}}


def on_failure(action: Any) -> Callable[[str], dict[str, Any]]:
    """An action for whatever goes wrong."""
    return lambda code: {"on_failure": action}


POLICIES = {
    "nothing": Policy(lambda code: {}, plain, "skip"),
    "no retry": Policy(ruled(retry=0), lambda code: 1, "skip"),
    "two retries": Policy(ruled(retry=2), lambda code: 3, "skip"),
    "two attempts": Policy(ruled(retry=9, max_attempts=2), lambda code: 2, "skip"),
    "two by type": Policy(lambda code: {"failure_policy": {"TestError": {"retry": 2}}}, lambda code: 3, "skip"),
    "another model": Policy(ruled(model="b"), lambda code: 2, "skip"),
    "another model for all": Policy(
        lambda code: {"failure_policy": {"default": {"model": ["b", "c"]}}},
        lambda code: 3 if code in RETRIED | BLAMED_ON_THE_MODEL else 1,
        "skip",
    ),
    "continue": Policy(on_failure("continue"), plain, "continue"),
    "abort": Policy(on_failure("abort"), plain, "abort"),
    "fallback": Policy(on_failure({"fallback": ["rescue"]}), plain, "cover"),
    "fallback by rule": Policy(ruled(retry=0, fallback=["rescue"]), lambda code: 1, "cover"),
    "fallback, then continue": Policy(
        on_failure({"fallback": ["rescue"], "then": "continue"}), plain, "continue", rescue_fails=True
    ),
    "fallback, then people": Policy(
        on_failure({"fallback": ["rescue"], "then": "ask_human"}), plain, "ask", rescue_fails=True
    ),
    "people": Policy(on_failure("ask_human"), plain, "ask"),
}

ENDS = {
    # What it comes to: (the victim, what needs it, what comes after it, what has nothing to do with it, the plan, lost)
    "skip": ("failed", "skipped", "completed", "completed", "partial_failure", True),
    "continue": ("failed", "completed", "completed", "completed", "completed", False),
    "abort": ("failed", "skipped", "skipped", "completed", "failed", True),
    "cover": ("failed", "completed", "completed", "completed", "completed", False),
    "ask": ("skipped", "skipped", "completed", "completed", "completed", False),  # people say: skip it
    "critical": ("failed", "skipped", "skipped", "cancelled", "failed", True),
}
ENDS_OF_A_FALLBACK = ENDS | {
    # What it stands in for has failed, and nothing else stands in for that.
    "continue": ("failed", "skipped", "completed", "completed", "partial_failure", True),
    "ask": ("skipped", "skipped", "completed", "completed", "partial_failure", True),
    # A fallback is lost with the task that it serves, whose own failure the plan did not get round to.
    "abort": ("failed", "skipped", "skipped", "completed", "failed", True),
}
PLACES = ("root", "middle", "item", "fallback")


def plan_of(place: str, policy: dict[str, Any]) -> Any:
    """A plan with a victim in that place."""
    victim: dict[str, Any] = {"id": "victim", "retries": 1, **policy}
    others: list[dict[str, Any]] = [{"id": "beside"}, {"id": "rescue"}]
    chief = "primary" if place == "fallback" else "victim"
    match place:
        case "middle":
            victim["depends_on"] = "first"
            others.append({"id": "first"})
        case "item":
            victim["for_each"] = [0, 1, 2]
        case "fallback":
            others.append({"id": "primary", "on_failure": {"fallback": ["victim"]}})
        case _:
            pass
    if "rescue" not in str(policy):
        others = [task for task in others if task["id"] != "rescue"]
    return make_plan(
        victim, *others, {"id": "needs", "depends_on": chief}, {"id": "late", "after": chief}, max_concurrency=9
    )


def attempted(node: StartNode, task: AgentTask, code: str, attempts: list[int]) -> TaskResult:
    """The result of a task all of whose attempts end with an error of that code."""
    history: tuple[TaskError, ...] = ()
    while True:
        error = error_of(code, retryable=None)
        decision = decide(task, error=error, history=history, draw=0.5)
        if isinstance(decision, GiveUp):
            break
        history = (*history, error)
    attempts.append(len(history) + 1)
    final = final_error(error, history=history, exhausted=decision.exhausted)
    return failed(node.name).model_copy(update={"error": final, "attempts": len(history) + 1})


def last_of(flying: list[StartNode]) -> int:
    """The task that has nothing to do with it ends when nothing else is left to end."""
    return next((place for place, node in enumerate(flying) if node.task_id != "beside"), 0)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("code", list(ErrorCode))
def test_every_policy(code: ErrorCode, place: str) -> None:
    """Each policy grants exactly its attempts, and each task ends as the policy says."""
    # F-20 F-23 F-31 F-37 F-39 F-45 A-23
    for name, policy in POLICIES.items():
        plan = plan_of(place, policy.fields(code))
        task = effective_plan(plan).task("victim")
        attempts: list[int] = []

        def end(node: StartNode, task: AgentTask = task, attempts: list[int] = attempts) -> TaskResult:
            return attempted(node, task, code, attempts)

        script: dict[str, Any] = {"victim[1]" if place == "item" else "victim": end, "primary": "!refusal"}
        script |= {"rescue": "!timeout"} if policy.rescue_fails else {}
        run = simulate(plan, script, choose=last_of)
        lost = [action.result.task_id for action in run.actions if isinstance(action, ShowLost)]
        comes_to = "critical" if code == "critical" else policy.comes_to
        ends = (ENDS_OF_A_FALLBACK if place == "fallback" else ENDS)[comes_to]
        chief = "primary" if place == "fallback" else "victim"

        seen = tuple(run.statuses()[each] for each in ("victim", "needs", "late", "beside"))
        assert (*seen, run.status.value, lost == [chief]) == ends, name
        assert lost in ([], [chief]), name
        assert attempts == [policy.attempts(code)], name
        exhausted = attempts != [1]
        error = run.results["victim" if place != "item" else "victim[1]"].error
        if error is not None:
            assert error.code == ("max_retries_exceeded" if exhausted else code), name
            assert (error.cause is not None and error.cause.code == code) == exhausted, name
