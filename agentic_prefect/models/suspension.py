"""What a run that is suspended while people think needs, to go on where it was."""

from pydantic import Field

from agentic_prefect.models.base import Frozen
from agentic_prefect.models.intervention import Decision, Intervention
from agentic_prefect.models.result import TaskResult
from agentic_prefect.models.usage import Usage


class Suspension(Frozen):
    """What was done before, besides the outputs, which are kept where they always are."""

    failures: dict[str, tuple[TaskResult | None, ...]] = Field(default_factory=dict)
    """How each task or item (`id` or `id[index]`) ended each time it ran; `None` where it did not fail."""
    usage: dict[str, Usage] = Field(default_factory=dict)
    """What each task or item that is done consumed in this run, by its name; failures carry theirs."""
    decisions: dict[str, Decision] = Field(default_factory=dict)
    """What was decided about failures, by the id of the question."""
    questions: tuple[Intervention, ...] = ()
    """What waits for an answer, with the votes so far."""
    run_count: int = 0
    """How often the run had been tried by then: a retry tries again what failed, and is no going on."""
