"""Checks in plans, on a real server with real requests."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agentic_prefect import PlanStatus, RunOptions, TaskStatus, open_history, run_plan
from agentic_prefect.bootstrap import check
from agentic_prefect.models.events import VerificationCompleted
from agentic_prefect.models.result import PlanResult
from agentic_prefect.prompting.outcomes import outcomes
from agentic_prefect.testing import Fault, RecordingObserver, Reply, ScriptedServer, make_plan
from tests.verification import functions

pytestmark = pytest.mark.prefect

AGAIN: dict[str, Any] = {"retry": {"base_s": 0.01, "jitter_ratio": 0}}
POLITE = {"expression": "{{ 'please' in output }}", "message": "It does not say please."}
KEY = "sk-1234567890abcdefghijklmnop"


@pytest.fixture(autouse=True)
def _checks_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "PREFECT_INTEGRATIONS_AGENTIC_ALLOWED_PACKAGES", '["tests.verification", "agentic_prefect.examples"]'
    )


async def ran(*checks: object, **fields: Any) -> PlanResult:
    """What becomes of a task with these checks; the run's observer, if one is given, hears it."""
    options = fields.pop("options", None)
    task = {"id": "x", "description": "Ask for tea.", "checks": list(checks), **AGAIN, **fields}
    return await run_plan(make_plan(task, defaults={"model": "openai/scripted"}), options=options)


async def test_verdict_is_on_the_result(openai_env: ScriptedServer, prefect_server: str) -> None:
    """An accepted output completes; outcome, score and what each check found are told, heard and shown."""
    openai_env.on("Ask for tea.", Reply.text("Tea, please."))
    heard = RecordingObserver()
    result = (await ran(POLITE, options=RunOptions(observers=[heard]))).results["x"]

    assert result.verdict is not None
    assert (result.status, result.verdict.outcome, result.verdict.confidence_ratio) == (
        TaskStatus.COMPLETED,
        "verified",
        1.0,
    )
    assert [(each.attempt, each.outcome) for each in heard.of(VerificationCompleted)] == [(1, "verified")]


async def test_second_attempt_is_told_what_was_wrong(openai_env: ScriptedServer, prefect_server: str) -> None:
    """The model hears the verdict on its first answer, as data; the plan pays for both."""  # P-37
    openai_env.on("Ask for tea.", Reply.text("Tea!"), Reply.text("Tea, please."))
    heard = RecordingObserver()
    done = await ran(POLITE, options=RunOptions(observers=[heard]))
    first, second = (request.prompt_text for request in openai_env.requests)

    assert (done.status, done.results["x"].output, done.usage.calls) == (PlanStatus.COMPLETED, "Tea, please.", 2)
    assert "It does not say please." not in first
    assert (
        "## What was wrong with the previous attempt\n\nA check did not accept your answer.\n\nData, to work" in second
    )
    assert "It does not say please." in second
    assert [each.outcome for each in heard.of(VerificationCompleted)] == ["rejected", "verified"]


async def test_rejected_to_the_end_fails_as_policy_says(openai_env: ScriptedServer, prefect_server: str) -> None:
    """Exhausted retries keep each verdict's message; the last verdict is on the failed result."""
    openai_env.on("Ask for tea.", Reply.text("Tea!"), Reply.text("TEA!"))
    policy = {"verification_failed": {"retry": 1, "base_s": 0.01}}
    done = await ran(POLITE, failure_policy=policy)
    result = done.results["x"]

    assert done.status is PlanStatus.FAILED
    assert result.error is not None
    assert [(each.code, "please" in each.message) for each in result.error.history] == [
        ("verification_failed", True)
    ] * 2
    assert result.verdict is not None
    assert result.verdict.outcome == "rejected"


async def test_repair_needs_no_further_attempt(openai_env: ScriptedServer, prefect_server: str) -> None:
    """`repair` sends a rejected answer back at once, within the same attempt."""
    openai_env.on("Ask for tea.", Reply.text("Tea!"), Reply.text("Tea, please."))
    done = await ran(POLITE, retries=0, failure_policy={"verification_failed": {"repair": 1}})

    assert (done.results["x"].output, done.results["x"].attempts) == ("Tea, please.", 1)
    assert "It does not say please." in openai_env.requests[1].prompt_text


async def test_fallback_follows_a_rejection(openai_env: ScriptedServer, prefect_server: str) -> None:
    """A rejection is a failure like any other: what the policy names for it is done."""
    openai_env.on("Ask for tea.", Reply.text("Tea!"))
    openai_env.on("Ask kindly.", Reply.text("Tea, please."))
    plan = make_plan(
        {
            "id": "x",
            "description": "Ask for tea.",
            "checks": [POLITE],
            "retries": 0,
            "failure_policy": {"verification_failed": {"fallback": ["kind"]}},
        },
        {"id": "kind", "description": "Ask kindly."},
        defaults={"model": "openai/scripted"},
        result="{{ tasks.x.output }}",
    )
    done = await run_plan(plan)

    assert (done.status, done.output) == (PlanStatus.COMPLETED, "Tea, please.")


async def test_verifier_gets_failure_history_and_current_error(
    openai_env: ScriptedServer, prefect_server: str
) -> None:  # F-47
    """After two retries it knows both earlier failures, and the latest one apart."""
    functions.SEEN.clear()
    openai_env.on("Ask for tea.", Fault.server_error(), Reply.text("a"), Reply.text("b"))
    done = await ran({"function": "tests.verification.functions:remembers", "name": "memory"})
    (first_history, first_error), (history, error) = functions.SEEN

    assert done.results["x"].output == "b"
    assert (len(first_history), first_history[-1]) == (1, first_error)
    assert (len(history), history[0], history[1]) == (2, first_error, error)
    assert error == "The output was not accepted. memory: it was not accepted"


async def test_functions_are_checked_like_agents(prefect_server: str) -> None:
    """Any kind of task may have checks; this one needs no model."""
    task = {
        "id": "x",
        "kind": "function",
        "call": "agentic_prefect.examples.quality:profile",
        "input": {"csv_text": "name\nAda\n"},
        "checks": [{"expression": "{{ output.rows > 3 }}", "message": "Too few rows."}],
        "retries": 0,
    }
    result = (await run_plan(make_plan(task))).results["x"]

    assert result.error is not None
    assert (result.error.code, result.error.message) == (
        "verification_failed",
        "The output was not accepted. output.rows > 3: Too few rows.",
    )


async def test_judging_counts_against_the_budget(openai_env: ScriptedServer, prefect_server: str) -> None:
    """The judge's call is the second of two; a third one is not sent, and nobody says that it passed."""
    openai_env.on("# Criterion", Reply.json_value({"reason": "Fine.", "score_ratio": 1, "verdict": "accept"}))
    good = await ran({"judge": "It is polite."}, budget={"calls": 2})
    poor = await ran({"judge": "It is polite."}, budget={"calls": 1}, retries=0)

    assert (good.results["x"].usage.calls, good.status) == (2, PlanStatus.COMPLETED)
    assert poor.results["x"].error is not None
    assert poor.results["x"].error.code == "budget_exceeded"


async def test_rehearsal_passes_its_judges(prefect_server: str) -> None:
    """Made-up judgements accept, so that a rehearsal goes the way that is meant; a fault rejects nothing."""
    done = await ran(
        {"judge": "Good.", "at_least_ratio": 0.9}, {"critics": ["A.", "B."]}, options=RunOptions(rehearse=True)
    )

    assert done.results["x"].verdict is not None
    assert done.results["x"].verdict.outcome == "verified"


async def test_secrets_in_verdicts_are_masked(openai_env: ScriptedServer, prefect_server: str) -> None:
    """What a check says may quote the output; result and event hold no key."""
    openai_env.on("Ask for tea.", Reply.text(f"The key is {KEY}"))
    heard = RecordingObserver()
    check_ = {"function": "tests.verification.functions:says", "name": "echo"}
    done = await ran(check_, retries=0, options=RunOptions(observers=[heard]))

    assert done.results["x"].verdict is not None
    assert KEY not in done.results["x"].verdict.model_dump_json()
    assert "echo: The key is" in done.results["x"].verdict.messages[0]
    assert KEY not in heard.of(VerificationCompleted)[0].model_dump_json()


async def test_changed_check_is_other_work(openai_env: ScriptedServer, prefect_server: str) -> None:
    """A task with an unchanged check is not done again in a resumed run; one with another check is."""
    openai_env.answer_by_default(Reply.text("Tea, please."))
    first = await ran(POLITE)
    same = await ran(POLITE, options=RunOptions(resume=first.run_id))
    other = await ran({**POLITE, "message": "Please!"}, options=RunOptions(resume=first.run_id))

    assert (same.results["x"].cached, other.results["x"].cached) == (True, False)
    assert same.results["x"].verdict == first.results["x"].verdict


async def test_verdicts_are_evidence_about_prompts(
    openai_env: ScriptedServer, prefect_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # P-62
    """What checks found about outputs stands in the outcomes of the template that made the prompts."""
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_HISTORY_URL", f"sqlite:///{tmp_path}/history.db")
    openai_env.on("# Criterion", Reply.json_value({"reason": "Fine.", "score_ratio": 0.75, "verdict": "accept"}))
    since = datetime.now(UTC)
    await ran({"judge": "It is polite."})
    (found,) = outcomes(open_history(), "agent.default", since=since, until=datetime.now(UTC)).versions

    assert (found.samples, found.verdict.mean, found.success.mean) == (1, 0.75, 1.0)


WRONG: list[tuple[object, str]] = [
    ({"expression": "output.x"}, "'output.x' is no expression"),
    ({"expression": "{{ outptu.x }}"}, "there is no name 'outptu'; there is: output, input"),
    ({"expression": "{{ tasks.a.output }}"}, "looks at `output` and `input` alone"),
    ({"expression": "{{ output | pickle }}"}, "pickle"),
    ({"schema": {"type": "objekt"}}, "no valid JSON Schema"),
    ("schema", "`schema` has nothing to go by"),
    ({"judge": "Good.", "model": "nowhere/x"}, "there is no connection 'nowhere'"),
    ({"function": "clean"}, "'clean' names no function"),
    ("spelling", "there is no check 'spelling'"),
]


@pytest.mark.parametrize(("written", "said"), WRONG, ids=[said for _, said in WRONG])
def test_wrong_check_is_found_before_the_run(written: object, said: str) -> None:
    """Validation says where it is and what would be right."""
    problems = check(make_plan({"id": "x", "description": "x", "checks": [written]}))

    assert [str(each) for each in problems if each.path == "task x: checks" and said in str(each)]
