"""The reducer's rules, without running anything."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from agentic_prefect.models.plan import Plan
from agentic_prefect.models.status import PlanStatus
from agentic_prefect.plans.outcome import plan_status
from agentic_prefect.plans.progress import ShowLost, TimeUp
from agentic_prefect.testing.builders import make_plan
from tests.plans.simulation import Simulation, seen_input, simulate


@dataclass(frozen=True)
class Case:
    id: str
    plan: Plan
    script: dict[str, Any] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    status: PlanStatus = PlanStatus.COMPLETED
    started: tuple[str, ...] | None = None


def a(task_id: str, **fields: Any) -> dict[str, Any]:
    """The fields of a task."""
    return {"id": task_id, **fields}


FANNED = make_plan(
    a("list"),
    a("each", for_each="{{ tasks.list.output }}"),
    a("join", input={"all": "{{ tasks.each.outputs }}"}),
)
TOLERANT = make_plan(
    a("list"),
    a("each", for_each="{{ tasks.list.output }}", on_failure="continue"),
    a("join", input={"all": "{{ tasks.each.outputs }}"}, when="{{ tasks.each.succeeded > 0 }}"),
)
COVERED = make_plan(
    a("write", on_failure={"fallback": ["short"]}),
    a("short"),
    a("mail", input="{{ tasks.write.output }}"),
)
CHAIN = make_plan(a("p", on_failure={"fallback": ["f1", "f2"]}), a("f1"), a("f2"), a("d", depends_on="p"))

CASES = [
    Case("one task", make_plan(a("x")), {}, {"x": "completed"}),
    Case(
        "a chain that fails may be let pass",
        make_plan(
            a("p", on_failure={"fallback": ["f"], "then": "continue"}), a("f"), a("d", input="{{ tasks.p.output }}")
        ),
        {"p": "!refusal", "f": "!server"},
        {"p": "failed", "f": "failed", "d": "completed"},
    ),
    Case(
        "a chain that fails may halt the plan",
        make_plan(a("p", on_failure={"fallback": ["f"], "then": "abort"}), a("f"), a("d", after="p")),
        {"p": "!refusal", "f": "!server"},
        {"p": "failed", "f": "failed", "d": "skipped"},
        PlanStatus.FAILED,
    ),
    Case(
        "a critical item halts the plan at once",  # F-45
        make_plan(a("p", for_each=[1, 2, 3], on_failure="continue"), a("d", after="p"), max_concurrency=1),
        {"p[0]": "!refusal", "p[1]": "!critical"},
        {"p[0]": "failed", "p[1]": "failed", "p[2]": "skipped", "p": "failed", "d": "skipped"},
        PlanStatus.FAILED,
        started=("p[0]", "p[1]"),
    ),
    Case("one failed task fails the plan", make_plan(a("x")), {"x": "!refusal"}, {"x": "failed"}, PlanStatus.FAILED),
    Case(
        "a failure does not stop unrelated tasks",  # F-37
        make_plan(*(a(f"t{i}") for i in range(5))),
        {"t2": "!refusal"},
        {"t0": "completed", "t1": "completed", "t2": "failed", "t3": "completed", "t4": "completed"},
        PlanStatus.PARTIAL_FAILURE,
    ),
    Case(
        "what needs a failed task is skipped, transitively",  # U-04
        make_plan(a("x"), a("y", depends_on="x"), a("z", input="{{ tasks.y.output }}"), a("w")),
        {"x": "!refusal"},
        {"x": "failed", "y": "skipped", "z": "skipped", "w": "completed"},
        PlanStatus.PARTIAL_FAILURE,
    ),
    Case(
        "after is order only",
        make_plan(a("x"), a("y", after="x")),
        {"x": "!refusal"},
        {"x": "failed", "y": "completed"},
        PlanStatus.PARTIAL_FAILURE,
    ),
    Case(
        "continue lets dependents run with a null",  # F-39 U-03
        make_plan(a("x", on_failure="continue"), a("y", input="{{ tasks.x.output }}")),
        {"x": "!refusal"},
        {"x": "failed", "y": "completed"},
    ),
    Case(
        "a reference in when only observes",
        make_plan(
            a("x", on_failure="continue"),
            a("mend", when="{{ tasks.x.failed }}"),
            a("go", when="{{ tasks.x.succeeded }}"),
        ),
        {"x": "!refusal"},
        {"x": "failed", "mend": "completed", "go": "skipped"},
    ),
    Case(
        "the status of a failed task can be read without needing its output",
        make_plan(
            a("x", on_failure="continue"), a("tell", input="{{ tasks.x.error.message }}", when="{{ tasks.x.failed }}")
        ),
        {"x": "!refusal"},
        {"x": "failed", "tell": "completed"},
    ),
    Case(
        "a false condition skips, and so are dependents",
        make_plan(a("x", when=False), a("y", depends_on="x")),
        {},
        {"x": "skipped", "y": "skipped"},
    ),
    Case(
        "items in order",
        FANNED,
        {"list": [1, 2]},
        {"list": "completed", "each": "completed", "each[0]": "completed", "each[1]": "completed", "join": "completed"},
    ),
    Case(
        "an empty list succeeds", FANNED, {"list": []}, {"list": "completed", "each": "completed", "join": "completed"}
    ),
    Case(
        "for_each over something else fails the task",
        FANNED,
        {"list": {"not": "a list"}},
        {"list": "completed", "each": "failed", "join": "skipped"},
        PlanStatus.PARTIAL_FAILURE,
    ),
    Case(
        "a failed item stops the items that have not started",
        FANNED.model_copy(update={"max_concurrency": 1}),
        {"list": [1, 2, 3], "each[1]": "!refusal"},
        {
            "list": "completed",
            "each": "failed",
            "each[0]": "completed",
            "each[1]": "failed",
            "each[2]": "skipped",
            "join": "skipped",
        },
        PlanStatus.PARTIAL_FAILURE,
    ),
    Case(
        "with continue a failed item stops nothing",
        TOLERANT.model_copy(update={"max_concurrency": 1}),
        {"list": [1, 2, 3], "each[1]": "!refusal"},
        {
            "list": "completed",
            "each": "failed",
            "each[0]": "completed",
            "each[1]": "failed",
            "each[2]": "completed",
            "join": "completed",
        },
    ),
    Case(
        "when sees the counts of a fan-out",
        TOLERANT,
        {"list": [1], "each[0]": "!refusal"},
        {"list": "completed", "each": "failed", "each[0]": "failed", "join": "skipped"},
    ),
    Case(
        "a fallback does not run while the primary is fine",  # F-28
        COVERED,
        {},
        {"write": "completed", "short": "skipped", "mail": "completed"},
        started=("write", "mail"),
    ),
    Case(
        "a fallback's output stands in",  # F-29
        COVERED,
        {"write": "!refusal"},
        {"write": "failed", "short": "completed", "mail": "completed"},
        started=("write", "short", "mail"),
    ),
    Case(
        "the next fallback is tried",  # F-31
        CHAIN,
        {"p": "!refusal", "f1": "!refusal"},
        {"p": "failed", "f1": "failed", "f2": "completed", "d": "completed"},
        started=("p", "f1", "f2", "d"),
    ),
    Case(
        "a chain that fails as a whole fails the task",  # F-31
        CHAIN,
        {"p": "!refusal", "f1": "!server", "f2": "!timeout"},
        {"p": "failed", "f1": "failed", "f2": "failed", "d": "skipped"},
        PlanStatus.FAILED,
        started=("p", "f1", "f2"),
    ),
    Case(
        "a rule may name another fallback than on_failure",
        make_plan(
            a("p", on_failure="skip_dependents", failure_policy={"refusal": {"fallback": ["f"]}}),
            a("f"),
            a("d", depends_on="p"),
        ),
        {"p": "!refusal"},
        {"p": "failed", "f": "completed", "d": "completed"},
    ),
    Case(
        "a fallback of another error is not needed",
        make_plan(a("p", failure_policy={"refusal": {"fallback": ["f"]}}), a("f"), a("q")),
        {"p": "!server"},
        {"p": "failed", "f": "skipped", "q": "completed"},
        PlanStatus.PARTIAL_FAILURE,
    ),
    Case(
        "one fallback serves two tasks and runs once",
        make_plan(
            a("p", on_failure={"fallback": ["f"]}),
            a("q", on_failure={"fallback": ["f"]}),
            a("f"),
            a("d", depends_on=["p", "q"]),
        ),
        {"p": "!refusal", "q": "!refusal"},
        {"p": "failed", "q": "failed", "f": "completed", "d": "completed"},
        started=("p", "q", "f", "d"),
    ),
    Case(
        "a fallback may look at the failure that it is called for",
        make_plan(a("p", on_failure={"fallback": ["f"]}), a("f", input="{{ tasks.p.error.code }}")),
        {"p": "!refusal"},
        {"p": "failed", "f": "completed"},
    ),
    Case(
        "a fallback that is skipped hands on to the next",
        make_plan(a("p", on_failure={"fallback": ["f1", "f2"]}), a("f1", when=False), a("f2")),
        {"p": "!refusal"},
        {"p": "failed", "f1": "skipped", "f2": "completed"},
    ),
    Case(
        "abort starts nothing more and fails the plan",  # L-10
        make_plan(a("x", on_failure="abort"), a("y"), a("z", after="y"), max_concurrency=2),
        {"x": "!refusal"},
        {"x": "failed", "y": "completed", "z": "skipped"},
        PlanStatus.FAILED,
    ),
    Case(
        "a critical task halts the plan and cancels what runs",  # F-45
        make_plan(a("x"), a("y", critical=True), a("z"), a("late", after="z"), max_concurrency=3),
        {"x": "fine", "y": "!refusal"},
        {"x": "completed", "y": "failed", "z": "cancelled", "late": "skipped"},
        PlanStatus.FAILED,
    ),
    Case(
        "a critical error halts the plan whatever the task says",  # F-45
        make_plan(a("x", on_failure="continue"), a("y", after="x")),
        {"x": "!critical"},
        {"x": "failed", "y": "skipped"},
        PlanStatus.FAILED,
    ),
    Case(
        "a covered critical task halts nothing",
        make_plan(a("x", critical=True, on_failure={"fallback": ["f"]}), a("f"), a("y", depends_on="x")),
        {"x": "!refusal"},
        {"x": "failed", "f": "completed", "y": "completed"},
    ),
    Case(
        "an undefined value fails the task that looks at it",
        make_plan(a("x"), a("y", when="{{ tasks.x.output.nothing }}")),
        {"x": {"something": 1}},
        {"x": "completed", "y": "failed"},
        PlanStatus.PARTIAL_FAILURE,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_rules(case: Case) -> None:
    """Plan and outcomes alone decide what becomes of every task."""  # F-23 F-28 F-29 F-31 F-37 F-39 U-03 U-04 L-10
    run = simulate(case.plan, case.script)

    assert run.statuses() == case.statuses
    assert run.status is case.status
    if case.started is not None:
        assert tuple(run.started) == case.started


def test_a_skipped_task_names_the_root_of_it() -> None:
    """Whoever is skipped because of a skipped task reads which task is at the root."""  # U-04
    run = simulate(make_plan(a("x"), a("y", depends_on="x"), a("z", depends_on="y")), {"x": "!refusal"})

    assert run.reasons() == {
        "y": "it needs 'x', which failed",
        "z": "it needs 'y', which was skipped because of 'x'",
    }


def test_dependents_see_the_output_of_a_fallback() -> None:
    """Whoever refers to the failed task gets the fallback's output, and both results name each other."""  # F-29 F-30
    run = simulate(COVERED, {"write": "!refusal", "short": "brief"})
    mail = run.start_of("mail")

    assert seen_input(mail, run.blueprint) == "brief"
    assert [(each.task_id, each.relation) for each in run.results["write"].related] == [("short", "fallback")]
    assert [(each.task_id, each.relation) for each in run.results["short"].related] == [("write", "fallback_for")]


def test_a_failed_chain_keeps_every_error() -> None:
    """The primary's result lists what became of each fallback, in order."""  # F-31
    run = simulate(CHAIN, {"p": "!refusal", "f1": "!server", "f2": "!timeout"})
    error = run.results["p"].error

    assert error is not None
    assert [error.code, *(each.code for each in error.history)] == ["refusal", "server", "timeout"]


def test_outputs_keep_order_and_length() -> None:
    """A failed item leaves a null in its place."""
    run = simulate(TOLERANT, {"list": [1, 2, 3], "each[0]": "A", "each[1]": "!refusal", "each[2]": "C"})
    join = run.start_of("join")

    assert seen_input(join, run.blueprint) == {"all": ["A", None, "C"]}


def test_the_higher_priority_starts_first() -> None:
    """When places are short, priority decides, then the plan's order."""
    plan = make_plan(a("low"), a("high", priority=5), a("mid", priority=1), a("low2"), max_concurrency=1)

    assert simulate(plan).started == ["high", "mid", "low", "low2"]


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_never_more_at_once_than_allowed(limit: int) -> None:
    """The plan's limit holds for tasks and items together."""  # L-09
    plan = make_plan(
        a("list"), *(a(f"t{i}") for i in range(6)), a("each", for_each="{{ tasks.list.output }}"), max_concurrency=limit
    )

    assert simulate(plan, {"list": [1, 2, 3, 4]}).most_running == limit


def test_a_fan_out_can_have_a_limit_of_its_own() -> None:
    """A task's own limit counts its items only."""
    plan = make_plan(a("each", for_each=[1, 2, 3, 4], max_concurrency=2), a("other"), max_concurrency=10)
    run = simulate(plan)

    assert run.started[:3] == ["each[0]", "each[1]", "other"]
    assert run.most_running == 3


def test_cancelling_skips_what_has_not_started() -> None:
    """A cancelled plan ends Cancelled; what was finished is kept."""
    run = simulate(make_plan(a("x"), a("y", after="x"), a("z", after="y")), stop_after=1)

    assert run.statuses() == {"x": "completed", "y": "cancelled", "z": "skipped"}
    assert run.status is PlanStatus.CANCELLED


def test_the_plans_output_is_what_result_says() -> None:
    """`result` is evaluated over the tasks; without it the last task's output is the plan's."""
    explicit = make_plan(a("x"), a("y", after="x"), result={"first": "{{ tasks.x.output }}"})
    implicit = make_plan(a("x"), a("y", after="x"))
    several = make_plan(a("x"), a("y"))

    assert simulate(explicit).output == {"first": "x"}
    assert simulate(implicit).output == "y"
    assert simulate(several).output == {"x": "x", "y": "y"}


def test_a_halted_plan_can_still_be_cancelled() -> None:
    """When a failure has stopped new starts, somebody's wish still cancels what runs."""
    plan = make_plan(a("x", on_failure="abort"), a("y"), a("z", after="y"), max_concurrency=2)
    run = simulate(plan, {"x": "!refusal"}, stop_after=1)

    assert run.statuses() == {"x": "failed", "y": "cancelled", "z": "skipped"}
    assert run.status is PlanStatus.CANCELLED


def time_up_after(ends: int, plan: Plan, script: dict[str, Any] | None = None) -> Simulation:
    """A run of a plan whose time is up after so many tasks have ended."""
    return simulate(plan, script, stop_after=ends, stop=TimeUp("the time is up"))


def test_when_the_time_is_up_nothing_starts_and_what_runs_is_cancelled() -> None:
    """The plan has failed, for that reason; what was finished is kept."""
    run = time_up_after(1, make_plan(a("x"), a("y", after="x"), a("z", after="y")))

    assert run.statuses() == {"x": "completed", "y": "cancelled", "z": "skipped"}
    assert plan_status(run.blueprint, run.progress) == (PlanStatus.FAILED, "the time is up")


def test_a_halted_plan_is_stopped_when_its_time_is_up() -> None:
    """What was left running after a failure does not run on beyond the plan's time; the failure stays the reason."""
    plan = make_plan(a("x", on_failure="abort"), a("y"), a("z", after="y"))
    run = time_up_after(1, plan, {"x": "!refusal"})

    assert run.statuses() == {"x": "failed", "y": "cancelled", "z": "skipped"}
    assert "its policy is to abort" in plan_status(run.blueprint, run.progress)[1]


LOST = [
    ("a failure that nothing covers", make_plan(a("x"), a("y", depends_on="x")), {"x": "!refusal"}, ["x"]),
    ("what was let pass is not", make_plan(a("x", on_failure="continue")), {"x": "!refusal"}, []),
    ("what a fallback stands in for is not", COVERED, {"write": "!refusal"}, []),
    ("a chain is lost once", CHAIN, {"p": "!refusal", "f1": "!server", "f2": "!server"}, ["p"]),
    (
        "a chain that may fail is not",
        make_plan(a("p", on_failure={"fallback": ["f"], "then": "continue"}), a("f")),
        {"p": "!refusal", "f": "!server"},
        [],
    ),
    ("a fan-out is lost as a whole", FANNED, {"list": [1, 2], "each[0]": "!refusal", "each[1]": "!server"}, ["each"]),
    ("what halts the plan is", make_plan(a("x", critical=True), a("y", after="x")), {"x": "!server"}, ["x"]),
]


@pytest.mark.parametrize(("plan", "script", "expected"), [row[1:] for row in LOST], ids=[row[0] for row in LOST])
def test_what_is_lost_is_said_once(plan: Plan, script: dict[str, Any], expected: list[str]) -> None:
    """A task that failed for good and that nothing stands in for is a dead letter; all others are not."""  # A-Q1
    run = simulate(plan, script)

    assert [action.result.task_id for action in run.actions if isinstance(action, ShowLost)] == expected


def test_a_person_who_stops_a_plan_leaves_nothing_to_be_seen_to() -> None:
    """The failed task whose fallback was cut off is not lost: whoever cancelled knows what is left undone."""
    plan = make_plan(a("p", on_failure={"fallback": ["f"]}), a("f"))
    run = simulate(plan, {"p": "!server"}, stop_after=1)

    assert run.statuses() == {"p": "failed", "f": "cancelled"}
    assert not any(isinstance(action, ShowLost) for action in run.actions)
