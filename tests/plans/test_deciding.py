"""The reducer when people are asked about a failed task."""

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentic_prefect.models.asking import DecisionAction
from agentic_prefect.models.intervention import Decision
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.result import TaskResult
from agentic_prefect.models.status import PlanStatus
from agentic_prefect.plans.advance import advance, begin
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
    ShowDecided,
    StartNode,
)
from agentic_prefect.policies.effective import effective_plan
from agentic_prefect.testing.builders import cancelled, completed, failed, make_plan

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ASK = {"on_failure": "ask_human"}


THEN_ASK = {"on_failure": {"fallback": ["f"], "then": {"ask_human": {"fallback": ["g"]}}}}


def says(action: DecisionAction, **fields: Any) -> Decision:
    """What ann decided."""
    return Decision(action=action, by="ann", decided_at=NOW, **fields)


class Play:
    """Plays a plan by hand: nodes fail as told, people answer as told."""

    def __init__(self, plan: Plan) -> None:
        self.blueprint = Blueprint.of(effective_plan(plan), {})
        self.progress: Progress
        self.actions: list[Action] = []
        self._take(*begin(self.blueprint))

    def _take(self, progress: Progress, actions: tuple[Action, ...]) -> None:
        self.progress = progress
        self.actions += actions

    def hear(self, outcome: Outcome) -> None:
        self._take(*advance(self.blueprint, self.progress, outcome))

    def end(self, name: str, told: Any = None) -> None:
        is_failure = isinstance(told, str) and told.startswith("!")
        self.hear(NodeEnded(name, failed(name, told[1:]) if is_failure else completed(name, told)))

    def decide(self, task_id: str, action: DecisionAction, **fields: Any) -> None:
        self.hear(PersonDecided(task_id, says(action, **fields)))

    @property
    def started(self) -> list[str]:
        return [action.name for action in self.actions if isinstance(action, StartNode)]

    @property
    def asked(self) -> list[tuple[str, int]]:
        return [(action.task_id, action.number) for action in self.actions if isinstance(action, AskPerson)]

    @property
    def is_done(self) -> bool:
        return self.progress.is_done(self.blueprint)

    @property
    def status(self) -> PlanStatus:
        return plan_status(self.blueprint, self.progress)[0]

    def result(self, name: str) -> TaskResult:
        return self.progress.results[name]


def chain(**fields: Any) -> Play:
    """`a`, which asks when it fails, and `b`, which needs it; `other` runs beside them."""
    return Play(
        make_plan({"id": "a", **ASK, **fields}, {"id": "b", "input": {"a": "{{ tasks.a.output }}"}}, {"id": "other"})
    )


def test_only_the_asking_branch_waits() -> None:
    """A failure asks; what needs it waits, the rest goes on, and the plan is not over."""  # F-23
    play = chain()
    play.end("a", "!refusal")
    play.end("other")

    assert play.asked == [("a", 1)]
    assert play.started == ["a", "other"]
    assert not play.is_done


@pytest.mark.parametrize(
    ("action", "fields", "statuses", "status", "output"),
    [
        ("skip", {}, ("skipped", "skipped"), PlanStatus.COMPLETED, None),
        ("supply_output", {"output": "by hand"}, ("completed", "completed"), PlanStatus.COMPLETED, "done"),
        ("continue", {}, ("failed", "completed"), PlanStatus.COMPLETED, "done"),
        ("fail", {}, ("failed", "skipped"), PlanStatus.PARTIAL_FAILURE, None),
        ("abort", {}, ("failed", "skipped"), PlanStatus.FAILED, None),
    ],
)
def test_what_a_decision_does(
    action: DecisionAction, fields: dict[str, Any], statuses: tuple[str, str], status: PlanStatus, output: Any
) -> None:
    """Each decision gives the task its end, and what needs it follows."""  # F-23
    play = chain()
    play.end("other")
    play.end("a", "!refusal")
    play.decide("a", action, **fields)
    if "b" in play.started:
        play.end("b", "done")

    assert (play.result("a").status.value, play.result("b").status.value) == statuses
    assert (play.status, plan_output(play.blueprint, play.progress)[0]["b"]) == (status, output)
    assert play.result("a").decisions == (says(action, **fields),)
    assert play.is_done


def test_a_supplied_output_is_what_others_see() -> None:
    """What the person wrote reaches the dependent."""
    play = chain()
    play.end("a", "!refusal")
    play.decide("a", "supply_output", output={"by": "hand"})
    start = next(each for each in play.actions if isinstance(each, StartNode) and each.name == "b")

    assert start.scope.tasks["a"].output == {"by": "hand"}


def test_another_try_may_be_asked_for_again_and_again() -> None:
    """`retry` starts the task anew with what it has consumed; a new failure is a new question; all is on record."""
    play = chain()
    play.end("a", "!refusal")
    first = play.result("a")
    play.decide("a", "retry", comment="try again")
    again = [each for each in play.actions if isinstance(each, StartNode) and each.name == "a"][-1]
    play.end("a", "!refusal")
    play.decide("a", "edit_input", input={"n": 2})
    edited = [each for each in play.actions if isinstance(each, StartNode) and each.name == "a"][-1]
    play.end("a", "fine")

    assert (again.before, again.edited, edited.edited) == (first, (), ({"n": 2},))
    assert (again.comment, edited.comment) == ("try again", "")
    assert play.asked == [("a", 1), ("a", 2)]
    assert [decision.action for decision in play.result("a").decisions] == ["retry", "edit_input"]
    assert play.started == ["a", "other", "a", "a", "b"]


def test_only_failed_items_are_tried_again() -> None:
    """Of a fan-out, the items without an output run once more, and the outputs keep their order."""
    play = Play(make_plan({"id": "s", "for_each": [1, 2, 3], **ASK}))
    play.end("s[1]", "!refusal")
    play.end("s[0]", "x")
    play.end("s[2]", "z")
    play.decide("s", "retry")

    assert play.started == ["s[0]", "s[1]", "s[2]", "s[1]"]
    play.end("s[1]", "y")
    assert play.result("s").output == ["x", "y", "z"]
    assert [decision.action for decision in play.result("s").decisions] == ["retry"]


def test_a_fallback_that_was_offered() -> None:
    """A fallback of the question runs only when a person wants it; its output stands in."""
    plan = make_plan({"id": "a", "on_failure": {"ask_human": {"fallback": ["f"]}}}, {"id": "f"})
    wanted, unwanted = Play(plan), Play(plan)
    for play in (wanted, unwanted):
        play.end("a", "!refusal")
    wanted.decide("a", "fallback")
    wanted.end("f", "in its place")
    unwanted.decide("a", "fail")

    assert wanted.progress.covers == {"a": "f"}
    assert (wanted.status, unwanted.status) == (PlanStatus.COMPLETED, PlanStatus.FAILED)
    assert (unwanted.started, unwanted.result("f").status) == (["a"], "skipped")
    assert wanted.is_done
    assert unwanted.is_done


def test_a_late_answer_changes_nothing() -> None:
    """Once decided, a second answer is not heard."""
    play = chain()
    play.end("a", "!refusal")
    play.decide("a", "skip")
    before = play.progress
    play.decide("a", "supply_output", output=1)

    assert play.progress == before


def test_a_cancelled_plan_withdraws_its_questions() -> None:
    """Cancelling leaves nobody waiting: the question is withdrawn and the task stays failed."""
    play = chain()
    play.end("a", "!refusal")
    play.hear(CancelAsked("enough"))
    play.hear(NodeEnded("other", cancelled("other")))

    assert [each.withdrawn for each in play.actions if isinstance(each, ShowDecided)] == ["enough"]
    assert (play.is_done, play.status) == (True, PlanStatus.CANCELLED)


@st.composite
def asking_plans(draw: st.DrawFn) -> tuple[Plan, int]:
    """Plans whose tasks ask or go on, and a seed for what happens."""
    count = draw(st.integers(1, 6))
    tasks: list[dict[str, Any]] = []
    for place in range(count):
        task: dict[str, Any] = {"id": f"t{place}", "on_failure": draw(st.sampled_from(["ask_human", "continue"]))}
        if place and draw(st.booleans()):
            task["depends_on"] = [f"t{draw(st.integers(0, place - 1))}"]
        if draw(st.booleans()):
            task["for_each"] = list(range(draw(st.integers(0, 3))))
        tasks.append(task)
    return make_plan(*tasks, max_concurrency=draw(st.integers(1, 4))), draw(st.integers(0, 2**16))


@given(asking_plans(), st.booleans())
def test_every_plan_with_questions_comes_to_an_end(case: tuple[Plan, int], cancels: bool) -> None:
    """Whatever fails, whatever is decided and whenever: the plan ends, and every task has a final result."""
    plan, seed = case
    draw, play = random.Random(seed), Play(plan)
    actions: list[DecisionAction] = ["retry", "skip", "continue", "fail", "abort", "supply_output", "edit_input"]
    for step in range(200):
        stopping = any(isinstance(each, CancelRunning) for each in play.actions)
        choices: list[tuple[str, str]] = [
            *(("node", name) for name in sorted(play.progress.running)),
            *(("person", name) for name in sorted(play.progress.awaiting)),
        ]
        if not choices:
            break
        what, name = draw.choice(choices)
        if cancels and step == 3 and not stopping:
            play.hear(CancelAsked("enough"))
        elif what == "person":
            play.decide(name, draw.choice(actions if step < 60 else ["skip"]), output=[])
        elif stopping:
            play.hear(NodeEnded(name, cancelled(name)))
        else:
            play.end(name, "!refusal" if draw.random() < 0.5 else None)

    assert play.is_done
    assert set(play.progress.settled) == {task.id for task in plan.tasks}
    assert all(result.status.is_final for result in play.progress.results.values())


def test_people_are_asked_when_the_chain_is_used_up() -> None:
    """First the fallback, then the question, with the errors of both."""  # A-Q1 F-31
    play = Play(make_plan({"id": "x", **THEN_ASK}, {"id": "f"}, {"id": "g"}, {"id": "y", "depends_on": "x"}))
    play.end("x", "!server")
    play.end("f", "!refusal")
    ask = next(action for action in play.actions if isinstance(action, AskPerson))

    assert play.asked == [("x", 1)]
    assert ask.result.error is not None
    assert [each.code for each in ask.result.error.history] == ["refusal"]
    play.decide("x", "supply_output", output="mine")
    play.end("y")
    assert (play.is_done, play.status) == (True, PlanStatus.COMPLETED)


def test_nobody_is_asked_when_the_chain_helps() -> None:
    """A fallback that succeeds spares people the question."""
    play = Play(make_plan({"id": "x", **THEN_ASK}, {"id": "f"}, {"id": "g"}))
    play.end("x", "!server")
    play.end("f")

    assert (play.is_done, play.asked, play.status) == (True, [], PlanStatus.COMPLETED)


def test_another_try_after_the_chain_goes_down_it_again_without_running_it() -> None:
    """What has failed once is not tried again, and people are asked a second time."""
    play = Play(make_plan({"id": "x", **THEN_ASK}, {"id": "f"}, {"id": "g"}))
    play.end("x", "!server")
    play.end("f", "!refusal")
    play.decide("x", "retry")
    play.end("x", "!server")

    assert play.started == ["x", "f", "x"]
    assert play.asked == [("x", 1), ("x", 2)]


def test_a_chosen_fallback_that_fails_is_the_end() -> None:
    """A default decision that tries a fallback cannot ask for ever."""
    play = Play(make_plan({"id": "x", **THEN_ASK}, {"id": "f"}, {"id": "g"}))
    play.end("x", "!server")
    play.end("f", "!refusal")
    play.decide("x", "fallback")
    play.end("g", "!timeout")

    assert (play.is_done, play.asked, play.status) == (True, [("x", 1)], PlanStatus.FAILED)


def test_a_retry_of_what_has_not_failed_does_nothing() -> None:
    """Nothing is started, nothing is said, nothing changes."""  # F-17
    play = Play(make_plan({"id": "x", **ASK}, {"id": "y", "after": "x"}))
    before = play.progress
    for name in ("x", "y"):
        after, actions = advance(play.blueprint, before, PersonDecided(name, says("retry")))

        assert (after, actions) == (before, ())
