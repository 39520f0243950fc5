"""What holds for every plan and every order in which its tasks end."""

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agentic_prefect.models.asking import DecisionAction
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.policy import Fallback
from agentic_prefect.models.status import PlanStatus, TaskStatus
from agentic_prefect.plans.outcome import uncovered_failures
from agentic_prefect.plans.progress import AskPerson, ShowLost, StartNode
from agentic_prefect.policies.failure import last_action
from agentic_prefect.testing.builders import make_plan
from tests.plans.simulation import Simulation, simulate

LAST = ("continue", "abort", "ask_human")
ANSWERS: tuple[DecisionAction, ...] = ("skip", "continue", "fail", "supply_output", "abort")
CODES = ("refusal", "server", "timeout", "max_retries_exceeded")


@st.composite
def plans(draw: st.DrawFn) -> tuple[Plan, dict[str, Any]]:
    """A plan of up to twelve tasks of every sort, and how each of them ends."""
    count = draw(st.integers(1, 12))
    fallbacks = draw(st.integers(0, min(2, count - 1)))
    ids = [f"t{index}" for index in range(count)]
    ordinary, spare = ids[: count - fallbacks], ids[count - fallbacks :]
    tasks: list[dict[str, Any]] = []
    script: dict[str, Any] = {}
    for place, task_id in enumerate(ids):
        before = ordinary[: min(place, len(ordinary))] if task_id in ordinary else []
        task: dict[str, Any] = {"id": task_id, "priority": draw(st.integers(0, 2))}
        if before:
            task["depends_on"] = draw(st.lists(st.sampled_from(before), max_size=3, unique=True))
            task["after"] = draw(st.lists(st.sampled_from(before), max_size=2, unique=True))
            if draw(st.integers(0, 3)) == 0:
                task["when"] = f"{{{{ tasks.{draw(st.sampled_from(before))}.failed }}}}"
        if draw(st.integers(0, 4)) == 0:
            task["for_each"] = list(range(draw(st.integers(0, 3))))
        if task_id in ordinary:
            choices: list[Any] = ["skip_dependents", "skip_dependents", "continue", "abort"]
            choices += ["ask_human"]
            choices += [{"fallback": spare}] * 2 if spare else []
            choices += [{"fallback": spare, "then": draw(st.sampled_from(LAST))}] * 2 if spare else []
            task["on_failure"] = draw(st.sampled_from(choices))
            task["critical"] = draw(st.integers(0, 15)) == 0
        if draw(st.integers(0, 2)) == 0:
            script[task_id] = "!" + draw(st.sampled_from(CODES))
        tasks.append(task)
    named = {
        name for task in tasks if isinstance(task.get("on_failure"), dict) for name in task["on_failure"]["fallback"]
    }
    kept = [task for task in tasks if task["id"] in ordinary or task["id"] in named]
    return make_plan(*kept, max_concurrency=draw(st.integers(1, 5))), script


def run_in_order(plan: Plan, script: dict[str, Any], seed: int) -> Simulation:
    """A run in which chance, seeded, decides what ends next."""
    chance = random.Random(seed)
    return simulate(plan, script, choose=lambda flying: chance.randrange(len(flying)))


@settings(max_examples=100, deadline=None)
@given(case=plans(), seed=st.integers(0, 10_000))
def test_every_plan_comes_to_an_end(case: tuple[Plan, dict[str, Any]], seed: int) -> None:
    """Every task has one final result, nothing starts twice, and the limit holds."""
    plan, script = case
    run = run_in_order(plan, script, seed)

    assert set(run.progress.settled) == {task.id for task in plan.tasks}
    assert all(run.results[task.id].status.is_final for task in plan.tasks)
    assert len(run.started) == len(set(run.started))
    assert run.most_running <= plan.max_concurrency


def halts(plan: Plan) -> bool:
    """Whether a failure may stop the plan."""
    return any(
        task.critical or (task.on_failure and last_action(task.on_failure).kind == "abort") for task in plan.tasks
    )


@settings(max_examples=100, deadline=None)
@given(case=plans(), first=st.integers(0, 10_000), second=st.integers(0, 10_000))
def test_any_order_ends_alike(case: tuple[Plan, dict[str, Any]], first: int, second: int) -> None:
    """The order in which tasks end does not decide how the plan ends, unless the plan asks to be halted.

    A halted plan does depend on it: what had not started by then is skipped. A fan-out that stops at its first failed
    item does, too, so its items are compared by the joined result.
    """
    plan, script = case
    if halts(plan):
        return
    one, other = run_in_order(plan, script, first), run_in_order(plan, script, second)

    assert {task.id: one.results[task.id].status for task in plan.tasks} == {
        task.id: other.results[task.id].status for task in plan.tasks
    }
    assert one.status is other.status
    assert one.progress.covers == other.progress.covers


@settings(max_examples=100, deadline=None)
@given(case=plans(), seed=st.integers(0, 10_000))
def test_nothing_starts_before_what_it_needs(case: tuple[Plan, dict[str, Any]], seed: int) -> None:
    """A task that started had every predecessor settled, and an output, or leave to do without, from each it needs."""
    plan, script = case
    run = run_in_order(plan, script, seed)
    starts = {action.task_id: action for action in run.actions if isinstance(action, StartNode)}

    for task_id, start in starts.items():
        task = plan.task(task_id)
        for needed in task.depends_on:
            view = start.scope.tasks[needed]
            action = plan.task(needed).on_failure
            continues = action is not None and last_action(action).kind == "continue"
            assert (
                view.succeeded or continues or (plan.task(needed).for_each is not None and view.status == "completed")
            )
        for before in task.after:
            assert TaskStatus(start.scope.tasks[before].status).is_final


@settings(max_examples=100, deadline=None)
@given(case=plans(), seed=st.integers(0, 10_000), answer=st.sampled_from(ANSWERS))
def test_what_is_lost_is_told_once(case: tuple[Plan, dict[str, Any]], seed: int, answer: DecisionAction) -> None:
    """Exactly the failures that keep a plan from completing are dead letters, whatever people decide about others."""
    plan, script = case
    chance = random.Random(seed)
    run = simulate(plan, script, choose=lambda flying: chance.randrange(len(flying)), answer=answer)
    told = [action.result.task_id for action in run.actions if isinstance(action, ShowLost)]

    assert sorted(told) == sorted(uncovered_failures(run.blueprint, run.progress))
    assert (run.status is PlanStatus.COMPLETED) == (not told and run.progress.halt is None)
    assert all(run.results[name].error is not None for name in told)


@settings(max_examples=60, deadline=None)
@given(case=plans(), seed=st.integers(0, 10_000), answer=st.sampled_from(ANSWERS))
def test_people_are_asked_only_about_what_nothing_else_covers(
    case: tuple[Plan, dict[str, Any]], seed: int, answer: DecisionAction
) -> None:
    """A question comes after the whole chain, and what the answer says holds for the task."""
    plan, script = case
    chance = random.Random(seed)
    run = simulate(plan, script, choose=lambda flying: chance.randrange(len(flying)), answer=answer)
    for asked in (action for action in run.actions if isinstance(action, AskPerson)):
        action = plan.task(asked.task_id).on_failure
        chain = action.chain if isinstance(action, Fallback) else ()

        assert all(not run.results[name].success and name in run.progress.settled for name in chain)
        decided = run.results[asked.task_id]
        if answer in ("skip", "supply_output") and run.progress.decisions.get(asked.task_id):
            assert decided.status == ("skipped" if answer == "skip" else "completed")


@settings(max_examples=60, deadline=None)
@given(case=plans(), seed=st.integers(0, 10_000), after=st.integers(0, 6))
def test_a_cancelled_plan_ends(case: tuple[Plan, dict[str, Any]], seed: int, after: int) -> None:
    """Whenever somebody cancels, every task still comes to a final state."""
    plan, script = case
    chance = random.Random(seed)
    run = simulate(plan, script, choose=lambda flying: chance.randrange(len(flying)), stop_after=after)

    assert set(run.progress.settled) == {task.id for task in plan.tasks}


@settings(max_examples=100, deadline=None)
@given(case=plans())
def test_the_same_again_is_the_same(case: tuple[Plan, dict[str, Any]]) -> None:
    """The reducer reads nothing but what it is given."""
    plan, script = case

    assert simulate(plan, script).actions == simulate(plan, script).actions
