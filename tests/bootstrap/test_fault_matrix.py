"""Whatever goes wrong, wherever it does, under whatever policy: exact requests, results and states, over HTTP."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from agentic_prefect import Plan, PlanResult, PlanStatus, RunOptions, run_plan
from agentic_prefect.models.policy import PolicyKey
from agentic_prefect.testing import Fault, Match, RecordingObserver, ScriptedServer, make_plan
from tests.runtime.conftest import task_runs

pytestmark = pytest.mark.prefect

OWN = "scripted"
"""The model that every task asks first."""


@dataclass(frozen=True)
class Case:
    """One thing that goes wrong with every request of a task."""

    code: str
    type: str
    """The class of the error."""
    fault: Any
    retried: bool = False
    """Whether it is worth another attempt when no rule says so."""
    requests: int = 1
    """How many requests one attempt sends."""
    state: str = "Failed"
    """The name of the task run's final state."""

    @property
    def attempts(self) -> int:
        """With one retry for what is worth one."""
        return 2 if self.retried else 1


CASES = [
    Case("rate_limit", "RateLimited", Fault.rate_limited(), retried=True),
    Case("timeout", "TimedOut", Fault.hang(), retried=True, state="TimedOut"),
    Case("connection", "ConnectionLost", Fault.drop(), retried=True),
    Case("server", "ServerFault", Fault.server_error(), retried=True),
    Case("overloaded", "Overloaded", Fault.overloaded(), retried=True),
    Case("authentication", "AuthenticationFailed", Fault.wrong_key()),
    Case("permission", "PermissionRefused", Fault.permission()),
    Case("invalid_request", "InvalidRequest", Fault.status(400)),
    Case("context_length", "ContextTooLong", Fault.context_length()),
    Case("content_filter", "ContentFiltered", Fault.prompt_filtered()),
    Case("refusal", "Refused", Fault.refusal()),
    Case("invalid_output", "InvalidOutput", Fault.breaks_schema(), requests=2),  # the answer and one repair
]


def plan_of(case: Case) -> Plan:
    """A plan in which this goes wrong in every place, and under every policy."""
    rules: Mapping[str, Mapping[PolicyKey | str, Any]] = {
        "again": {case.code: {"retry": 2}},
        "typed": {case.type: {"retry": 2}, case.code: {"retry": 0}},
        "few": {case.code: {"retry": 5, "max_attempts": 2}},
        "other": {case.code: {"model": "openai/other", "timeout_factor": 12}},
        "covered": {case.code: {"retry": 0, "fallback": ["rescue"]}},
        "passed": {case.code: {"retry": 0, "fallback": ["tried"], "then": "continue"}},
    }
    inner = {
        "name": "inner",
        "defaults": defaults(),
        "tasks": [{"id": "deep", "description": "Do deep."}, {"id": "beside", "description": "Do beside."}],
    }
    inner["tasks"][0] |= hurried(case)
    return make_plan(
        # places
        {"id": "root", **hurried(case)},
        {"id": "after_root", "depends_on": "root"},
        {"id": "first"},
        {"id": "middle", "depends_on": "first", "on_failure": "continue", **hurried(case)},
        {"id": "after_middle", "depends_on": "middle", "when": "{{ tasks.middle.failed }}"},
        {"id": "each", "for_each": [0, 1, 2], "description": "Do each {{ item }}.", "on_failure": "continue",
         "timeout_s": 60},
        {"id": "after_each", "depends_on": "each", "when": "{{ tasks.each.succeeded == 2 }}"},
        {"id": "primary", "on_failure": {"fallback": ["spare"]}},
        {"id": "spare", **hurried(case)},
        {"id": "after_primary", "depends_on": "primary"},
        {"id": "nest", "kind": "plan", "plan": inner, "description": "", "on_failure": "continue"},
        {"id": "after_nest", "depends_on": "nest"},
        # policies
        *({"id": name, "failure_policy": policy, **hurried(case)} for name, policy in rules.items()),
        {"id": "after_other", "depends_on": "other"},
        {"id": "rescue"},
        {"id": "after_covered", "depends_on": "covered"},
        {"id": "tried", **hurried(case)},
        {"id": "after_passed", "depends_on": "passed"},
        max_concurrency=40,
        defaults=defaults(),
    )  # fmt: skip


def defaults() -> dict[str, Any]:
    """One retry at once, one repair, and an answer with a form."""
    return {
        "model": f"openai/{OWN}",
        "retries": 1,
        "retry": {"backoff": "none"},
        "failure_policy": {"invalid_output": {"repair": 1}},
        "output": {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]},
    }


def hurried(case: Case) -> dict[str, Any]:
    """Who waits for an answer that never comes does so for a moment only."""
    return {"timeout_s": 5 if case.code == "timeout" else 60}


FAULTY = ("root", "middle", "spare", "deep", "again", "typed", "few", "other", "covered", "passed", "tried")


def arrange(server: ScriptedServer, case: Case, in_item: Case) -> None:
    """Every request of the faulty tasks to their own model goes wrong; that of `primary` is refused."""
    for name in FAULTY:
        server.on(Match(text=f"Do {name}.", model=OWN), case.fault)
    server.on(Match(text="Do each 1.", model=OWN), in_item.fault)
    server.on("Do primary.", Fault.permission())


def requests(server: ScriptedServer) -> dict[str, int]:
    """How often each task's request was sent."""
    names = (re.search(r"Do ([a-z_]+(?: \d)?)\.", request.prompt_text) for request in server.requests)
    return dict(Counter(name[1] for name in names if name))


def errors(result: PlanResult) -> dict[str, tuple[str, str | None, int]]:
    """Code, cause's code and attempts of every failed task."""
    return {
        name: (each.error.code, each.error.cause.code if each.error.cause else None, each.attempts)
        for name, each in result.results.items()
        if each.error is not None
    }


def final(case: Case) -> tuple[str, str | None, int]:
    """Code, cause and attempts of a task that has one retry for what is worth one."""
    return ("max_retries_exceeded", case.code, 2) if case.retried else (case.code, None, 1)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.code)
async def test_every_place_under_every_policy(case: Case, scripted_server: ScriptedServer, openai_env: None) -> None:
    """Each task sends exactly the requests that its policy allows, ends as it says, and looks so in Prefect."""
    # F-20 F-23 F-37 F-39 F-41
    in_item = CASES[0] if case.code == "timeout" else case  # the items that answer share the time limit
    arrange(scripted_server, case, in_item)
    heard = RecordingObserver()
    result = await run_plan(plan_of(case), options=RunOptions(observers=[heard]))
    runs = await task_runs(result.run_id, 26)
    one, ends = case.requests, case.attempts * case.requests

    assert requests(scripted_server) == {
        "root": ends, "first": 1, "middle": ends, "after_middle": 1,
        "each 0": 1, "each 1": in_item.attempts * in_item.requests, "each 2": 1, "after_each": 1,
        "primary": 1, "spare": ends, "deep": ends, "beside": 1, "after_nest": 1,
        "again": 3 * one, "typed": 3 * one, "few": 2 * one, "other": one + 1, "after_other": 1,
        "covered": one, "rescue": 1, "after_covered": 1, "passed": one, "tried": ends, "after_passed": 1,
    }  # fmt: skip
    assert {name: run.state_name for name, run in runs.items() if not name.startswith("agentic-plan")} == {
        "root": case.state, "after_root": "Skipped",
        "first": "Completed", "middle": case.state, "after_middle": "Completed",
        "each[0]": "Completed", "each[1]": "Failed", "each[2]": "Completed", "after_each": "Completed",
        "primary": "Failed", "spare": case.state, "after_primary": "Skipped",
        "nest": "Failed", "after_nest": "Completed",
        "again": case.state, "typed": case.state, "few": case.state,
        "other": "Completed", "after_other": "Completed",
        "covered": case.state, "rescue": "Completed", "after_covered": "Completed",
        "passed": case.state, "tried": case.state, "after_passed": "Completed",
    }  # fmt: skip
    assert errors(result) == {
        "root": final(case), "middle": final(case), "spare": final(case), "tried": final(case),
        "each[1]": final(in_item), "each": (final(in_item)[0], final(in_item)[0], 2 + in_item.attempts),
        "primary": ("permission", None, 1), "nest": ("unexpected", None, 1),
        "again": ("max_retries_exceeded", case.code, 3), "typed": ("max_retries_exceeded", case.code, 3),
        "few": ("max_retries_exceeded", case.code, 2),
        "covered": (case.code, None, 1), "passed": (case.code, None, 1),
    }  # fmt: skip
    lost = [event.task_id for event in heard.events if event.name == "agentic.task.dead_lettered"]
    assert sorted(lost) == ["again", "few", "primary", "root", "typed"]
    assert (result.status, result.reason) == (
        PlanStatus.PARTIAL_FAILURE,
        "'root', 'primary', 'again', 'typed', 'few' failed and nothing stands in for them",
    )
