"""What a template says it must render to."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from agentic_prefect.models.base import Frozen
from agentic_prefect.prompting.sample_work import SampleWork


class TemplateTest(Frozen):
    """One case: data, and what must be in the prompt, must not be in it, or is the whole of it."""

    name: str = ""
    data: Mapping[str, Any] = Field(default_factory=dict[str, Any])
    """The template's variables."""
    task: SampleWork | None = None
    """In place of `data`, for a template that serves a plan's tasks: what the task gives."""
    expect: tuple[str, ...] = ()
    """Texts that are in the prompt."""
    absent: tuple[str, ...] = ()
    """Texts that are not."""
    text: str | None = None
    """The whole prompt, all messages joined by an empty line; space at its ends does not count."""
    snapshot: str = Field(default="", pattern=r"^([A-Za-z0-9_-]+/)*[A-Za-z0-9_][A-Za-z0-9_.-]*\.(txt|md)$")
    """The same, in a file of this name beside the template; `prompts test --update` writes it."""
    error: str = ""
    """A part of the message with which the data is refused."""

    @model_validator(mode="after")
    def _expects_something(self) -> Self:
        if not (self.expect or self.absent or self.text is not None or self.snapshot or self.error):
            raise ValueError("a test says what it expects: `expect`, `absent`, `text`, `snapshot` or `error`")
        if self.task is not None and self.data:
            raise ValueError("a test gives either `data` or a `task`")
        return self
