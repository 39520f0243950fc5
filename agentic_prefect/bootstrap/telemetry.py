"""OpenTelemetry, where the settings ask for it."""

from functools import cache
from importlib import import_module
from typing import Any, Final

from opentelemetry import trace

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.observers.otel import Spans
from agentic_prefect.settings import AgenticSettings

SDK: Final = (
    "opentelemetry.sdk.trace",
    "opentelemetry.sdk.trace.export",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.sdk.resources",
)
"""An extra: only whoever switches the setting on needs it, so that it is imported by name."""


def spans_of(settings: AgenticSettings) -> Spans | None:
    """Where the spans of a run go; `None` when nobody asks for them.

    A tracer provider that the process has is used as it is. Where there is none, one is made that exports by OTLP, as
    the variables `OTEL_*` say.

    Raises:
        PlanInvalid: Spans are asked for, and what exports them is not installed.
    """
    if not settings.otel:
        return None
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        trace.set_tracer_provider(_provider())
    return Spans()


def flush_spans() -> None:
    """Send what is pending; a process that ends at once would lose it."""
    flush: Any = getattr(trace.get_tracer_provider(), "force_flush", None)
    if flush is not None:
        flush()


@cache
def _provider() -> Any:
    try:
        sdk, export, otlp, resources = map(import_module, SDK)
    except ImportError as error:
        raise PlanInvalid(
            f"The setting `otel` is on, and {error.name!r} is not installed. Install it with "
            f"`pip install 'agentic-prefect[otel]'`, or switch the setting off."
        ) from error
    provider = sdk.TracerProvider(resource=resources.Resource.create({"service.name": "agentic-prefect"}))
    provider.add_span_processor(export.BatchSpanProcessor(otlp.OTLPSpanExporter()))
    return provider
