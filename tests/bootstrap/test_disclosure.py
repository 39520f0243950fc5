"""What of a run is kept and shown, wherever it is: no secrets, and of errors as much as is wanted."""

import io
import logging
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import get_client
from prefect.logging import get_run_logger

from agentic_prefect import PlanResult, RunOptions, run_plan
from agentic_prefect.history.sql_store import SqlHistory
from agentic_prefect.models.history import FailureEntry
from agentic_prefect.models.prompt import RenderedPrompt
from agentic_prefect.observers.jsonl import JsonlObserver
from agentic_prefect.policies.redaction import MASK
from agentic_prefect.ports import Work
from agentic_prefect.testing import Fault, Reply, ScriptedServer, make_plan
from agentic_prefect.testing.pytest_plugin import SCRIPTED_KEY
from tests.observers.server import artifacts_of, events_of, until
from tests.runtime.conftest import task_runs

pytestmark = pytest.mark.prefect

LOOKS_LIKE_ONE = "sk-proj-Ab12Cd34Ef56Gh78"
CONFIGURED = "ACME-123456"
SECRETS = (LOOKS_LIKE_ONE, CONFIGURED, SCRIPTED_KEY)
LEAK = f"refused {LOOKS_LIKE_ONE} of {CONFIGURED}, sent with {SCRIPTED_KEY}"
ENDED = ("agentic.plan.completed", "agentic.plan.failed")


class Indiscreet:
    """An agent that logs and raises what it should not."""

    async def run(self, prompt: RenderedPrompt, work: Work) -> Any:
        get_run_logger().warning("it will say: %s", LEAK)
        raise ValueError(LEAK) from RuntimeError(LEAK)


@pytest.fixture
def lines() -> Any:
    """What the loggers of Prefect's runs hand to their handlers."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    loggers = [logging.getLogger(name) for name in ("prefect.flow_runs", "prefect.task_runs")]
    for logger in loggers:
        logger.addHandler(handler)
    yield stream
    for logger in loggers:
        logger.removeHandler(handler)


async def ended(result: PlanResult) -> dict[str, str]:
    """Everything that the server keeps about a run, once the run's last event is there."""
    events = await until(
        lambda: events_of(result.run_id), holds=lambda found: bool({each.event for each in found} & set(ENDED))
    )
    runs = await task_runs(result.run_id, 2)
    async with get_client() as client:
        flow_run = await client.read_flow_run(UUID(result.run_id))
    return {
        "events": "".join(each.model_dump_json() for each in events),
        "artifacts": "".join(each.model_dump_json() for each in await artifacts_of(result.run_id)),
        "task runs": "".join(each.model_dump_json() for each in runs.values()),
        "flow run": flow_run.model_dump_json(),
    }


async def test_no_secret_leaves_a_run(
    openai_env: ScriptedServer, monkeypatch: pytest.MonkeyPatch, lines: io.StringIO
) -> None:
    """A key that looks like one, one in use and a configured pattern stand nowhere: log, artifacts, events, states,
    parameters, results, JSONL. What the model received had them.
    """
    # F-51 U-12
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_REDACT", '["ACME-[0-9]{6}"]')
    openai_env.answer_by_default(Fault.status(500, message=LEAK))
    stream = io.StringIO()
    plan = make_plan(
        {"id": "ask", "description": "Send {{ inputs.given }}", "retry": {"base_s": 0.01}, "retries": 1},
        {"id": "tell", "agent": "indiscreet", "retries": 0},
        agents={"indiscreet": {"role": "gossip"}},
        inputs={"given": {"type": "string"}},
        defaults={"model": "openai/scripted"},
    )
    options = RunOptions(runners={"indiscreet": Indiscreet()}, observers=[JsonlObserver(stream)])
    result = await run_plan(plan, {"given": LEAK}, options=options)
    kept = {
        **await ended(result),
        "result": result.model_dump_json(),
        "jsonl": stream.getvalue(),
        "log": lines.getvalue(),
    }

    assert {(place, secret) for place, text in kept.items() for secret in SECRETS if secret in text} == set()
    assert {place for place, text in kept.items() if MASK not in text} == set()
    assert f"Send {LEAK}" in openai_env.requests[0].prompt_text
    assert f"it will say: refused {MASK} of {MASK}, sent with {MASK}" in kept["log"]
    error = result.results["tell"].error
    assert error is not None
    assert error.message == f"refused {MASK} of {MASK}, sent with {MASK}"


async def test_an_output_stays_as_it_is(openai_env: ScriptedServer) -> None:
    """What a task puts out is handed on whole, to the next task and to the caller; where it is shown it is masked."""
    # F-51
    openai_env.answer_by_default(Reply.text(f"The key is {LOOKS_LIKE_ONE}."))
    plan = make_plan(
        {"id": "first"},
        {"id": "next", "input": "{{ tasks.first.output }}"},
        defaults={"model": "openai/scripted"},
        result="{{ tasks.first.output }}",
    )
    result = await run_plan(plan)
    kept = await ended(result)

    assert result.output == f"The key is {LOOKS_LIKE_ONE}."
    assert LOOKS_LIKE_ONE in openai_env.requests[1].prompt_text
    assert [place for place, text in kept.items() if LOOKS_LIKE_ONE in text] == []


async def test_what_is_wrong_with_an_input_is_told_without_it(openai_env: ScriptedServer) -> None:
    """A value that does not fit and is a secret is not quoted, neither in the error nor in the state."""
    # F-51
    plan = make_plan({"id": "x"}, inputs={"given": {"enum": ["a"]}})
    with pytest.raises(Exception, match="given") as refused:
        await run_plan(plan, {"given": LOOKS_LIKE_ONE})

    assert LOOKS_LIKE_ONE not in str(refused.value)


async def test_how_much_is_kept_of_errors_is_a_setting(
    openai_env: ScriptedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The result, the artifacts and the history hold least at `none`, more at `summary`, most at `full`; the code of
    the error is there at every level, its message from `summary` on, the attempts before it at `full` alone.
    """
    # F-46
    openai_env.answer_by_default(Fault.status(500, message="The hamster is ill."))
    plan = make_plan({"id": "ask", "retry": {"base_s": 0.01}, "retries": 1}, defaults={"model": "openai/scripted"})
    sizes: dict[str, tuple[int, ...]] = {}
    shown: dict[str, tuple[bool, ...]] = {}
    for level in ("none", "summary", "full"):
        url = f"sqlite:///{tmp_path}/{level}.db"
        monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_ERROR_DETAIL", level)
        monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_HISTORY_URL", url)
        result = await run_plan(plan)
        error = result.results["ask"].error
        assert error is not None
        artifacts = "".join(str(each.data) for each in await artifacts_of(result.run_id) if each.key == "task-error")
        history = "".join(each.model_dump_json() for each in SqlHistory(url).find(FailureEntry))
        kept = (error.model_dump_json(), artifacts, history)
        sizes[level] = tuple(map(len, kept))
        shown[level] = (
            all("max_retries_exceeded" in text or '"code":"server"' in text for text in kept),
            all("hamster" in text for text in kept),
            bool(error.history and "hamster" in error.history[0].message),
        )

    assert shown == {"none": (True, False, False), "summary": (True, True, False), "full": (True, True, True)}
    assert [sizes["none"][place] < sizes["full"][place] for place in range(3)] == [True, True, True]
    assert sizes["none"][0] < sizes["summary"][0] < sizes["full"][0]
