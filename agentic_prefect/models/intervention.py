"""A request to a person, and the decision that comes back."""

from typing import Any, Literal

from pydantic import AwareDatetime, Field

from agentic_prefect.models.asking import Asking, DecisionAction, Priority
from agentic_prefect.models.base import Frozen
from agentic_prefect.models.budget import Budget
from agentic_prefect.models.error import TaskError

OutputForm = Literal["text", "json", "any"]
"""How a supplied output is read: as it stands, as JSON, or as JSON where it is some and as text otherwise."""

BY_DEADLINE = "deadline"
"""Who decided when nobody did in time."""

BY_NOBODY = "nobody"
"""Who decided when nobody could be asked."""

BY_CANCELLATION = "cancellation"
"""Who decided when the question was cancelled before anybody had."""

BY_LATER = "later"
"""Who is to decide when nobody was waited for: the question stays open."""


class Decision(Frozen):
    """What is to be done: a person's word, or that of the deadline."""

    action: DecisionAction
    comment: str = ""
    """Why; empty when nothing was said."""
    output: Any = None
    """The task's output, with `supply_output`."""
    input: Any = None
    """The task's new input, with `edit_input`."""
    secret_block: str = ""
    """What holds a new key for the task's connection: a Prefect Secret block, or `in-memory-N` for one that was typed
    at the run's terminal. Never the key itself.
    """
    more: Budget | None = None
    """How much more may be spent, with another try of a task that its budget stopped."""
    intervention_id: str = ""
    """The question that it answers."""
    by: str = ""
    """Who decided; empty when that is not known."""
    decided_at: AwareDatetime

    @property
    def by_a_person(self) -> bool:
        """Whether somebody decided, as opposed to a deadline."""
        return self.by not in (BY_DEADLINE, BY_NOBODY, BY_CANCELLATION, BY_LATER)


class Intervention(Frozen):
    """A question to people about a task."""

    id: str
    """One of a kind; a second question about the same task has another one."""
    plan: str = ""
    task_id: str
    question: str
    details: str = ""
    """What there is to look at, as Markdown; empty when the question says it all."""
    error: TaskError | None = None
    """Why the task failed; `None` for a question that is a task of its own."""
    actions: tuple[DecisionAction, ...] = Field(min_length=1)
    """What may be decided; the likeliest to help first."""
    suggested: tuple[DecisionAction, ...] = ()
    """Those of the actions that help against this kind of error."""
    priority: Priority = "normal"
    asking: Asking = Asking()
    output_form: OutputForm = "any"
    output_schema: dict[str, Any] | None = None
    """What a supplied output must fit, where it is JSON; `None` takes anything."""
    fallback: tuple[str, ...] = ()
    """The tasks that `fallback` tries."""
    diagram: str = ""
    """The plan as a Mermaid flowchart; empty draws none."""
    votes: tuple[Decision, ...] = ()
    """What was decided before, where several people must agree."""
    remark: str = ""
    """What was wrong with the answer before; empty when there was none."""
