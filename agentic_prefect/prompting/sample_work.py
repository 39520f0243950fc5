"""A task as a template's test describes it, without a plan around it."""

from datetime import UTC, datetime
from typing import Any, Final

from pydantic import Field

from agentic_prefect.errors import ErrorCode
from agentic_prefect.models.agent import AgentSpec
from agentic_prefect.models.base import Frozen
from agentic_prefect.models.chat import OutputSchema
from agentic_prefect.models.error import TaskError
from agentic_prefect.models.prompt import ContextItem
from agentic_prefect.models.task import AgentTask
from agentic_prefect.ports import Work

SAMPLE_ID: Final = "sample"
_A_MOMENT: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""When the answer that feedback is about was refused; it shows in no prompt."""


class SampleWork(Frozen):
    """What a task gives to its prompt; everything may be left out."""

    description: str = ""
    agent: AgentSpec = AgentSpec()
    input: Any = None
    input_schema: dict[str, Any] | None = None
    output: dict[str, Any] | None = None
    """JSON Schema of the answer."""
    context: tuple[str | ContextItem, ...] = ()
    """Texts, or `{text, source, trusted, priority}`."""
    special_instructions: str = ""
    tags: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    """Besides those that the agent lists."""
    domain: str = ""
    feedback: str = ""
    """What a check said about the answer before; empty when this is the first attempt."""
    attempt: int = Field(default=1, ge=1)

    def work(self, template: str) -> Work:
        """The work, for a prompt from this template."""
        task = AgentTask(id=SAMPLE_ID, prompt=template, special_instructions=self.special_instructions, tags=self.tags)
        return Work(
            task=task,
            task_id=SAMPLE_ID,
            agent=self.agent,
            description=self.description,
            input=self.input,
            input_schema=self.input_schema,
            output=OutputSchema(name="answer", json_schema=self.output) if self.output is not None else None,
            context=tuple(ContextItem(text=each) if isinstance(each, str) else each for each in self.context),
            attempt=max(self.attempt, 2 if self.feedback else 1),
            history=(_refusal(self.feedback),) if self.feedback else (),
        )


def _refusal(message: str) -> TaskError:
    code = ErrorCode.VERIFICATION_FAILED
    return TaskError(code=code, type="VerificationFailed", message=message, timestamp=_A_MOMENT)
