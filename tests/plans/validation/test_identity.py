"""Names that stand twice or for nothing."""

import pytest

from agentic_prefect.plans.validation.subject import Known
from tests.plans.validation.cases import A, Case, assert_refused, task

KINDS = ("agent", "function", "plan", "human", "capability")

CASES = [
    Case("a duplicate id", (A, A), "task a: 2 tasks have the id 'a'"),
    Case(
        "an unknown task to depend on",
        (A, task("b", depends_on="aa")),
        "task b: depends_on: there is no task 'aa'. Did you mean 'a'?",
    ),
    Case(
        "an unknown task to come after", (A, task("b", after="x")), "task b: after: there is no task 'x'. Known: a, b."
    ),
    Case("a task after itself", (task("a", after="a"),), "task a: after: task 'a' waits for itself"),
    Case(
        "an unknown task in an expression",
        (task("search"), task("b", input={"x": ["{{ tasks.serch.output }}"]})),
        "task b: input: there is no task 'serch'. Did you mean 'search'?",
    ),
    Case(
        "an unknown task in a condition",
        (A, task("b", when="{{ tasks.x.failed }}")),
        "task b: when: there is no task 'x'",
    ),
    Case(
        "a task that refers to itself",
        (task("a", description="{{ tasks.a.output }}"),),
        "task a: description: task 'a' refers to itself",
    ),
    Case(
        "an unknown fallback",
        (task("write", on_failure={"fallback": ["writ_short"]}), task("write_short")),
        "task write: on_failure: there is no task 'writ_short'. Did you mean 'write_short'?",
    ),
    Case(
        "an unknown agent",
        (task("a", agent="writr"),),
        "task a: agent: there is no agent 'writr'. Did you mean 'writer'? Describe it under `agents`.",
        {"agents": {"writer": {}}},
    ),
    Case(
        "an unknown agent in the defaults, said once",
        (task("a"), task("b")),
        "defaults.agent: there is no agent 'x'",
        {"defaults": {"agent": "x"}},
    ),
    Case(
        "an unknown kind",
        (task("a", kind="functon"),),
        "task a: kind: there is no kind of task 'functon'. Did you mean 'function'?",
        known=Known(kinds=KINDS),
    ),
    Case(
        "a kind unlike any",
        (task("a", kind="zzz"),),
        "Known: agent, function, plan, human, capability.",
        known=Known(kinds=KINDS),
    ),
    Case(
        "an unknown capability",
        (task("a", kind="capability", use="serch"),),
        "task a: use: there is no capability 'serch'. Did you mean 'search'?",
        known=Known(capabilities={"search"}),
    ),
    Case(
        "an unknown capability of an agent",
        (A,),
        "agent w: capabilities: there is no capability 'x'",
        {"agents": {"w": {"capabilities": ["x"]}}},
        Known(capabilities={"search"}),
    ),
    Case(
        "an unknown check",
        (task("a", checks=["spel"]),),
        "task a: checks: there is no check 'spel'. Did you mean 'spell'?",
        known=Known(checks={"spell"}),
    ),
    Case(
        "an unknown check with options",
        (task("a", checks=[{"x": {"y": 1}}]),),
        "task a: checks: there is no check 'x'",
        known=Known(checks={"spell"}),
    ),
    Case(
        "an unknown deployment",
        (task("a", kind="deployment", call="city"),),
        "task a: call: there is no deployment 'run-plan/city'. Did you mean 'run-plan/cities'? Make it with",
        known=Known(deployments={"run-plan/cities", "report/cities"}),
    ),
    Case(
        "a deployment that plans may not run",
        (task("a", kind="deployment", call="billing/pay"),),
        "task a: call: a plan may not run the deployment 'billing/pay': allowed are run-plan/*, report/c*. Allow it",
        known=Known(allowed_deployments=("run-plan/*", "report/c*"), deployments=()),
    ),
    Case(
        "an unknown prompt",
        (task("a", prompt="sumarise@1"),),
        "task a: prompt: there is no prompt 'sumarise'. Did you mean 'summarise'?",
        known=Known(prompts={"summarise"}),
    ),
    Case(
        "an unknown output schema",
        (task("a", output="analisys"),),
        "task a: output: there is no output schema 'analisys'. Did you mean 'analysis'?",
        known=Known(schemas={"analysis"}),
    ),
    Case(
        "an unknown connection",
        (task("a", model="locl/x"),),
        "task a: model: there is no connection 'locl' (in 'locl/x'). Did you mean 'local'?",
        known=Known(connections={"local"}),
    ),
    Case(
        "an unknown connection of an agent",
        (task("a", agent="w"),),
        "agent w: model: there is no connection 'x'",
        {"agents": {"w": {"model": "x/y"}}},
        Known(connections={"local"}),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_identity(case: Case) -> None:
    """A name that stands for nothing, or for two things, is reported where it is used."""  # U-01 A-Q3
    assert_refused(case)
