"""OpenTelemetry spans of plans, tasks and model calls, by the conventions for generative AI.

Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.util.types import AttributeValue

from agentic_prefect.errors import AgenticError
from agentic_prefect.models.chat import ChatRequest, ChatResponse
from agentic_prefect.models.events import (
    Event,
    PlanCancelled,
    PlanCompleted,
    PlanFailed,
    PlanStarted,
    TaskFailed,
    TaskFallback,
    TaskOutputAvailable,
    TaskRetrying,
    TaskSkipped,
    TaskStatusChanged,
)
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.models.usage import Usage
from agentic_prefect.policies.disclosure import Disclosure
from agentic_prefect.ports import ChatModel, ModelDirectory, ResolvedModel

TRACER: Final = "agentic-prefect"
MAX_CONTENT_CHARS: Final = 20_000
"""No text of a prompt or an answer in a span is longer."""


class Spans:
    """The open spans of the runs of one process; the observer opens them, and model calls are their children."""

    def __init__(self, tracer: Tracer | None = None) -> None:
        self.tracer = tracer or trace.get_tracer(TRACER)
        self._open: dict[tuple[str, str], Span] = {}
        self._settled: dict[tuple[str, str], datetime] = {}

    def begin(self, run_id: str, task_id: str, name: str, at: datetime, about: dict[str, AttributeValue]) -> Span:
        """Open the span of a task, or of a plan (whose `task_id` is empty)."""
        parent = self.context(run_id, "") if task_id else None
        span = self.tracer.start_span(name, context=parent, attributes=about, start_time=_ns(at))
        self._open[run_id, task_id] = span
        return span

    def of(self, run_id: str, task_id: str) -> Span | None:
        """The span that is open; `None` when there is none."""
        return self._open.get((run_id, task_id))

    def context(self, run_id: str, task_id: str) -> Context | None:
        """What makes a span a child of this one, or of its plan's; `None` when neither is open."""
        span = self.of(run_id, task_id) or self.of(run_id, "")
        return trace.set_span_in_context(span) if span is not None else None

    def settle(self, run_id: str, task_id: str, at: datetime) -> None:
        """Note when the work of a span ended, which may be told more about."""
        self._settled[run_id, task_id] = at

    def end(self, run_id: str, task_id: str, at: datetime) -> None:
        """Close a span, with the time at which its work ended."""
        at = self._settled.pop((run_id, task_id), at)
        if (span := self._open.pop((run_id, task_id), None)) is not None:
            span.end(_ns(at))

    def end_all(self, run_id: str, at: datetime) -> None:
        """Close everything of a run, the plan last."""
        for run, task_id in sorted(self._open, key=lambda key: key[1] == ""):
            if run == run_id:
                self.end(run, task_id, at)


class OtelObserver:
    """Makes a span of the plan and one of each task that runs; retries, fallbacks and skips are events in them.

    Args:
        plan: The plan that runs.
        spans: Where the open spans are kept.
    """

    def __init__(self, plan: Plan, spans: Spans) -> None:
        self._agents = {task.id: task.agent for task in plan.tasks if task.kind == "agent"}
        self._kinds = {task.id: task.kind for task in plan.tasks}
        self._spans = spans

    def on_event(self, event: Event) -> None:
        """Open, extend or close a span."""
        match event:
            case PlanStarted():
                about: dict[str, AttributeValue] = {
                    "agentic.plan": event.plan,
                    "agentic.run_id": event.run_id,
                    "agentic.plan.hash": event.plan_hash,
                    "agentic.plan.tasks": event.tasks,
                }
                if event.plan_version is not None:
                    about["agentic.plan.version"] = event.plan_version
                self._spans.begin(event.run_id, "", f"plan {event.plan}", event.at, about)
            case PlanCompleted():
                self._end_plan(event, None)
            case PlanFailed():
                self._end_plan(event, event.status.value)
            case PlanCancelled():
                self._end_plan(event, "cancelled")
            case TaskStatusChanged() if event.new is TaskStatus.IN_PROGRESS:
                if self._spans.of(event.run_id, event.task_id) is None:
                    self._begin_task(event)
            case TaskStatusChanged() if event.new.is_final:
                # What it came to is told after this; a task that is cancelled has nothing more to tell.
                self._spans.settle(event.run_id, event.task_id, event.at)
            case _:
                self._note(event)

    def _begin_task(self, event: TaskStatusChanged) -> None:
        name = event.task_id.partition("[")[0]
        about: dict[str, AttributeValue] = {
            "agentic.plan": event.plan,
            "agentic.run_id": event.run_id,
            "agentic.task": event.task_id,
            "agentic.task.kind": self._kinds.get(name, ""),
        }
        title = f"task {event.task_id}"
        if name in self._agents:
            agent = self._agents[name] or "assistant"
            about |= {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": agent}
            title = f"invoke_agent {agent}"
        self._spans.begin(event.run_id, event.task_id, title, event.at, about)

    def _end_plan(self, event: PlanCompleted | PlanFailed | PlanCancelled, failure: str | None) -> None:
        span = self._spans.of(event.run_id, "")
        if span is not None:
            span.set_attributes(_spent(event.usage))
            if failure is not None:
                span.set_attribute("error.type", failure)
                span.set_status(Status(StatusCode.ERROR))
        self._spans.end_all(event.run_id, event.at)

    def _note(self, event: Event) -> None:
        span = self._spans.of(event.run_id, getattr(event, "task_id", ""))
        plan = self._spans.of(event.run_id, "")
        match event:
            case TaskRetrying() if span is not None:
                about = {"error.type": event.error.code.value, "attempt": event.attempt, "delay_s": event.delay_s}
                span.add_event("retry", about, timestamp=_ns(event.at))
            case TaskOutputAvailable() if span is not None:
                span.set_attributes({**_spent(event.usage), "agentic.attempts": event.attempts})
                span.set_attribute("agentic.cached", event.cached)
                if event.model:
                    span.set_attribute("gen_ai.response.model", event.model)
                self._spans.end(event.run_id, event.task_id, event.at)
            case TaskFailed() if span is not None:
                span.set_attributes({**_spent(event.usage), "agentic.attempts": event.attempts})
                span.set_attribute("error.type", event.error.code.value)
                span.set_status(Status(StatusCode.ERROR))
                self._spans.end(event.run_id, event.task_id, event.at)
            case TaskFallback() if plan is not None:
                about = {"agentic.task": event.task_id, "agentic.fallback": event.fallback_id}
                plan.add_event("fallback", about, timestamp=_ns(event.at))
            case TaskSkipped() if plan is not None:
                plan.add_event("skipped", {"agentic.task": event.task_id}, timestamp=_ns(event.at))
            case _:
                pass


class TracedModels:
    """Finds models like `inner`, each call in a span of its own.

    Args:
        inner: Finds the models.
        spans: Where the span of the task is found.
        run_id: The run that asks.
        content: What of prompts and answers may be told; `None` tells nothing.
    """

    def __init__(self, inner: ModelDirectory, spans: Spans, run_id: str, content: Disclosure | None) -> None:
        self._inner, self._spans, self._run_id, self._content = inner, spans, run_id, content

    def resolve(self, name: str | None) -> ResolvedModel:
        """The model that `inner` finds, traced."""
        found = self._inner.resolve(name)
        return replace(found, chat=_TracedModel(found, self._spans, self._run_id, self._content))


class _TracedModel:
    """A model whose calls are spans."""

    def __init__(self, found: ResolvedModel, spans: Spans, run_id: str, content: Disclosure | None) -> None:
        self._inner: ChatModel = found.chat
        self._provider, self._spans, self._run_id, self._content = found.connection, spans, run_id, content

    async def complete(self, request: ChatRequest) -> ChatResponse:
        """One answer of the inner model."""
        with self._spans.tracer.start_as_current_span(
            f"chat {request.model}",
            context=self._spans.context(self._run_id, request.task_id),
            kind=SpanKind.CLIENT,
            attributes=_asked(request, self._provider),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            self._tell(span, "gen_ai.input.messages", [(each.role, each.content) for each in request.messages])
            try:
                response = await self._inner.complete(request)
            except AgenticError as error:
                span.set_attribute("error.type", error.code.value)
                span.set_status(Status(StatusCode.ERROR))
                raise
            span.set_attributes({**_spent(response.usage), "gen_ai.response.model": response.model})
            span.set_attribute("gen_ai.response.finish_reasons", (response.finish_reason,))
            if response.response_id:
                span.set_attribute("gen_ai.response.id", response.response_id)
            self._tell(span, "gen_ai.output.messages", [("assistant", response.text)])
            return response

    def _tell(self, span: Span, name: str, messages: Sequence[tuple[str, str]]) -> None:
        if self._content is None:
            return
        told = [
            {"role": role, "parts": [{"type": "text", "content": self._content.text(text)[:MAX_CONTENT_CHARS]}]}
            for role, text in messages
        ]
        span.set_attribute(name, json.dumps(told, ensure_ascii=False))


def _asked(request: ChatRequest, provider: str) -> dict[str, AttributeValue]:
    settings = request.settings
    asked: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": request.model,
        "gen_ai.output.type": "json" if request.output else "text",
        "gen_ai.request.temperature": settings.temperature,
        "gen_ai.request.top_p": settings.top_p,
        "gen_ai.request.max_tokens": settings.max_output_tokens,
        "gen_ai.request.seed": settings.seed,
        "agentic.task": request.task_id,
    }
    return {name: value for name, value in asked.items() if value is not None}


def _spent(usage: Usage) -> dict[str, AttributeValue]:
    spent: dict[str, AttributeValue] = {
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
    }
    if usage.cost_usd is not None:
        spent["agentic.cost_usd"] = float(usage.cost_usd)
    return spent


def _ns(at: datetime) -> int:
    return int(at.timestamp() * 1e9)
