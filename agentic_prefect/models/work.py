"""One attempt's work: what is handed over, and what it leaves behind."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.models.agent import AgentSpec
from agentic_prefect.models.chat import KeptAnswer, OutputSchema
from agentic_prefect.models.error import TaskError
from agentic_prefect.models.intervention import Decision, Intervention
from agentic_prefect.models.prompt import ContextItem, PromptChoice, PromptRecord
from agentic_prefect.models.task import AgentTask
from agentic_prefect.models.usage import Usage
from agentic_prefect.models.verdict import Verdict


@dataclass(slots=True)
class Trail:
    """What an attempt leaves behind even when it fails: whoever works writes it down as it happens."""

    usage: Usage = field(default_factory=Usage)
    model: str | None = None
    prompt: PromptRecord | None = None
    decisions: tuple[Decision, ...] = ()
    verdict: Verdict | None = None
    """What checks found about the last output; `None` when none looked at it."""

    prompts: tuple[PromptRecord, ...] = ()
    """Every prompt that was sent, in order; `prompt` is the last one."""

    def prompted(self, prompt: PromptRecord) -> None:
        """Put a prompt on record that is about to be sent."""
        self.prompt, self.prompts = prompt, (*self.prompts, prompt)

    def decided(self, decision: Decision) -> None:
        """Add what people decided."""
        self.decisions = (*self.decisions, decision)

    def spent(self, usage: Usage) -> None:
        """Add what one call consumed."""
        self.usage = self.usage + usage


class PaidCalls(Protocol):
    """The model calls of one task that were answered, so that none is paid again after a failure or in another run."""

    def recall(self, request: str) -> Awaitable[KeptAnswer | None]:
        """The answer that this task was given to a request and that this attempt has not taken over yet.

        Args:
            request: The digest of what is asked, and of whom.
        """
        ...

    def record(self, answer: KeptAnswer) -> None:
        """Take note of an answer that has just come."""
        ...

    def keep(self) -> Awaitable[None]:
        """Write down what was recorded. To be called before something else is begun that takes time or money."""
        ...


async def _nobody(intervention: Intervention) -> Decision:
    raise PlanInvalid(f"Task {intervention.task_id!r} asks people, and nobody can be asked here.")


@dataclass(frozen=True, slots=True)
class Work:
    """One attempt at one task, with everything that was to be looked up or evaluated done."""

    task: AgentTask
    """The task with its effective fields: defaults, agent, run options and settings applied."""
    task_id: str
    """The task's id, or `id[index]` for an item of a fan-out."""
    agent: AgentSpec
    description: str
    input: Any = None
    context: tuple[ContextItem, ...] = ()
    output: OutputSchema | None = None
    """The form of the answer; `None` is text."""
    input_schema: dict[str, Any] | None = None
    """JSON Schema of the input, whose descriptions the prompt shows; `None` when nobody said."""
    attempt: int = 1
    """Counted from 1."""
    history: tuple[TaskError, ...] = ()
    """What went wrong in the attempts before, oldest first."""
    comment: str = ""
    """What a person said who sent the task back; empty when nobody did, or said nothing."""
    failed_before: tuple[TaskError, ...] = ()
    """What went wrong in the attempts before a person sent it back, oldest first."""
    timeout_s: float | None = None
    repairs: int = 0
    """How often an answer of the wrong form is sent back within this attempt."""
    plan: str = ""
    run_id: str = ""
    """Id of the plan's run."""
    lineage: str = ""
    """Id of the first run of this work, which `run_id` may go on from."""
    prompt: PromptChoice | None = None
    """The template that all attempts use; `None` before one is chosen."""
    trail: Trail = field(default_factory=Trail)
    paid: PaidCalls | None = None
    """The answers that earlier attempts paid for; `None` takes none over."""
    stop_reason: Callable[[], str] = lambda: ""
    """Why the work is being cancelled; empty while it is not."""
    waiting: Callable[[str], AbstractContextManager[None]] = lambda why: nullcontext()
    """To be entered around a wait that is not work, such as for a rate limit, with what to say about it, if anything.
    The attempt's time does not run meanwhile."""
    ask: Callable[[Intervention], Awaitable[Decision]] = _nobody
    """Asks people, and waits; the default decision holds when nobody decides in time."""
