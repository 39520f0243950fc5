"""Spans by the conventions for generative AI, off unless they are asked for, without content unless that is allowed."""

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest
from opentelemetry import trace

from agentic_prefect import load_plan, run_plan
from agentic_prefect.testing import Fault, Reply, ScriptedServer

sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="the extra `otel` is not installed")
export = pytest.importorskip("opentelemetry.sdk.trace.export")
memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")

# A process has one tracer provider for all of its life.
pytestmark = [pytest.mark.prefect, pytest.mark.xdist_group("otel")]

PLAN = """
name: traced
agents: {writer: {role: writer}}
tasks:
- id: write
  agent: writer
  description: Write
  model: openai/house
  retry: {backoff: constant, base_s: 0.01, jitter_ratio: 0}
- {id: check, agent: writer, description: Check, model: openai/house, depends_on: write, on_failure: {fallback: [skip]}}
- {id: skip, description: Instead, model: openai/house}
"""


@pytest.fixture(scope="module")
def exporter() -> Any:
    """Keeps every span of this process."""
    kept = memory.InMemorySpanExporter()
    provider = trace.get_tracer_provider()
    if isinstance(provider, trace.ProxyTracerProvider):
        provider = sdk.TracerProvider()
        trace.set_tracer_provider(provider)
    provider.add_span_processor(export.SimpleSpanProcessor(kept))  # type: ignore[attr-defined]
    return kept


@pytest.fixture
def spans(exporter: Any, openai_env: ScriptedServer) -> Iterator[Any]:
    """The exporter, empty."""
    openai_env.on("Write", Fault.status(500), Reply.text("A secret draft."))
    openai_env.on("Check", Fault.refusal())
    openai_env.answer_by_default(Reply.text("Instead."))
    exporter.clear()
    yield exporter
    exporter.clear()


async def test_a_plan_is_a_tree_of_spans(spans: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan holds its tasks and they hold their calls, with model, tokens, retries and errors, and no content."""
    # D-13
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_OTEL", "true")
    result = await run_plan(load_plan(PLAN))
    found = [span for span in spans.get_finished_spans() if span.instrumentation_scope.name == "agentic-prefect"]
    ids = {span.context.span_id: span for span in found}
    plan = next(span for span in found if span.name == "plan traced")
    tasks = {span.attributes["agentic.task"]: span for span in found if not span.name.startswith(("chat", "plan"))}
    calls = [span for span in found if span.name == "chat house"]
    failed, good = sorted(
        (span for span in calls if span.attributes["agentic.task"] == "write"), key=lambda span: span.start_time
    )

    assert result.successful
    assert {span.parent.span_id for span in tasks.values()} == {plan.context.span_id}
    assert {ids[span.parent.span_id].attributes["agentic.task"] for span in calls} == {"write", "check", "skip"}
    assert tasks["write"].name == "invoke_agent writer"
    assert (
        dict(tasks["write"].attributes).items()
        >= {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": "writer",
            "agentic.attempts": 2,
        }.items()
    )
    assert [event.name for event in tasks["write"].events] == ["retry"]
    assert tasks["check"].attributes["error.type"] == "refusal"
    assert [event.name for event in plan.events] == ["fallback"]
    assert failed.attributes["error.type"] == "server"
    assert (
        dict(good.attributes).items()
        >= {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "house",
            "gen_ai.usage.input_tokens": result.results["write"].usage.input_tokens,
        }.items()
    )
    assert plan.attributes["gen_ai.usage.output_tokens"] == result.usage.output_tokens
    assert "secret draft" not in "".join(span.to_json() for span in found)


async def test_content_is_told_only_where_it_is_allowed(spans: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prompts and answers are then in the spans of the calls, without secrets."""
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_OTEL", "true")
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_OTEL_CONTENT", "true")
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_REDACT", '["draft"]')
    await run_plan(load_plan(PLAN))
    answers = [span.attributes.get("gen_ai.output.messages", "") for span in spans.get_finished_spans()]

    assert any("A secret" in answer for answer in answers)
    assert not any("draft" in answer for answer in answers)


async def test_nothing_is_traced_unless_it_is_asked_for(spans: Any) -> None:
    """Off by default."""
    await run_plan(load_plan(PLAN))

    assert [span.name for span in spans.get_finished_spans() if span.name.startswith(("plan", "chat", "invoke"))] == []


@pytest.mark.skipif(find_spec("opentelemetry.exporter") is not None, reason="the exporter is installed")
def test_an_extra_that_is_missing_is_named() -> None:
    """Whoever switches it on without the extra is told before anything runs."""
    code = (
        "from agentic_prefect.bootstrap.telemetry import spans_of\n"
        "from agentic_prefect.settings import AgenticSettings\n"
        "try: spans_of(AgenticSettings(otel=True))\nexcept Exception as error: print(error)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)

    assert "pip install 'agentic-prefect[otel]'" in told.stdout, told.stderr
