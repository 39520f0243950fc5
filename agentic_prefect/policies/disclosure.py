"""What of a run may be kept and shown: no secrets, and of errors as much as is wanted. Pure."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, assert_never

from agentic_prefect.models.error import ErrorContext, ErrorDetail, TaskError
from agentic_prefect.models.events import EventBase
from agentic_prefect.models.intervention import Intervention
from agentic_prefect.models.verdict import Verdict
from agentic_prefect.policies.redaction import Redactor

NOT_KEPT: Final = "(not kept)"
"""Stands where a message was left out."""

EventT = TypeVar("EventT", bound=EventBase)


@dataclass(frozen=True, slots=True)
class Disclosure:
    """Applied where data leaves a run: to errors when they are made, to events, artifacts, questions, parameters.

    What tasks put out, and what is sent to models, is not touched.
    """

    redactor: Redactor = field(default_factory=Redactor)
    detail: ErrorDetail = "full"

    def text(self, text: str) -> str:
        """A text without secrets."""
        return self.redactor.text(text)

    def redacted(self, value: Any, leave: Collection[str] = ()) -> Any:
        """Data without secrets; the fields of models that are named in `leave` are not looked into."""
        return self.redactor.value(value, leave)

    def kept(self, error: TaskError) -> TaskError:
        """As much of an error as is to be kept; what decides about retries goes by the whole of it."""
        return cut(error, self.detail)

    def found(self, verdict: Verdict) -> Verdict:
        """A verdict without secrets, and without what checks said where no messages of errors are kept either."""
        if self.detail == "none":
            checks = tuple(each.model_copy(update={"messages": ()}) for each in verdict.checks)
            return verdict.model_copy(update={"messages": (), "checks": checks})
        return self.redactor.value(verdict)

    def shown(self, event: EventT) -> EventT:
        """An event as it may be heard: without secrets, its error cut."""
        error = getattr(event, "error", None)
        if isinstance(error, TaskError) and self.detail != "full":
            event = event.model_copy(update={"error": self.kept(error)})
        return self.redactor.value(event, leave=("error",))  # it is redacted where it is made, and may be long

    def asked(self, intervention: Intervention) -> Intervention:
        """A question as it may be asked. The default's output is what the task puts out, and stays as it is."""
        error = intervention.error and self.kept(intervention.error)
        told = {"question": intervention.question, "details": intervention.details, "error": error}
        return intervention.model_copy(update=self.redactor.value(told))


def cut(error: TaskError, detail: ErrorDetail) -> TaskError:
    """An error with less in it; cutting again changes nothing.

    `summary` leaves out frames, the prompt's text, and what the attempts before said; `none` all but code, type and
    place, the messages and the attempts before among it.
    """
    match detail:
        case "full":
            return error
        case "summary":
            context = error.context.model_copy(update={"frames": (), "prompt": _without_text(error.context)})
            return error.model_copy(
                update={
                    "context": context,
                    "cause": error.cause and cut(error.cause, detail),
                    "history": tuple(_bare(each) for each in error.history),
                }
            )
        case "none":
            return _bare(error).model_copy(update={"cause": error.cause and _bare(error.cause)})
        case _:
            assert_never(detail)


def _bare(error: TaskError) -> TaskError:
    context = error.context
    return TaskError(
        code=error.code,
        type=error.type,
        message=NOT_KEPT,
        timestamp=error.timestamp,
        context=ErrorContext(task_id=context.task_id, agent_id=context.agent_id, attempt=context.attempt),
        retryable=error.retryable,
        retry_after_s=error.retry_after_s,
    )


def _without_text(context: ErrorContext) -> Any:
    return context.prompt and context.prompt.model_copy(update={"text": ""})
