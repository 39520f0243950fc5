"""What is kept about earlier runs: an entry per run, per task and per failed attempt, and the question about them."""

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from pydantic import AwareDatetime, Field

from agentic_prefect.models.base import Frozen
from agentic_prefect.models.history_errors import UnknownCondition
from agentic_prefect.models.prompt import PromptVersion
from agentic_prefect.models.status import PlanStatus, TaskStatus
from agentic_prefect.models.usage import Usage
from agentic_prefect.models.verdict import Outcome

RUNNING: Literal["running"] = "running"
"""The status of a run that has not ended, or whose process ended without a word."""

RunStatus = PlanStatus | Literal["running"]

Resolution = Literal["retry", "model", "fallback", "human", "continue", "none"]
"""What was done about a failed attempt.

`retry`: another attempt followed. `model`: another attempt followed, with another model. `fallback`: another task was
tried in its place. `human`: a person decided. `continue`: the plan goes on with a null. `none`: nothing; what needs the
task is skipped.
"""


class Entry(Frozen):
    """What every entry has."""

    id: str = Field(min_length=1)
    """One of a kind within its sort of entries."""
    at: AwareDatetime
    """When it began or happened, UTC."""
    updated_at: AwareDatetime
    """When it was changed last, UTC."""


class RunPart(Entry):
    """What every entry has that belongs to a run of a plan."""

    run_id: str
    lineage: str = ""
    """The id of the first run of this work."""
    plan: str
    rehearsal: bool = False
    """Whether no model was asked. Rehearsals are left out of what is counted, unless they are asked for."""


class RunEntry(RunPart):
    """One run of a plan; its id is the run's."""

    parent_run_id: str | None = None
    """The run of the plan that this one is part of."""
    status: RunStatus = RUNNING
    reason: str = ""
    """Why it ended as it did, unless it completed."""
    tasks: int = 0
    ended_at: AwareDatetime | None = None
    duration_s: float | None = None
    usage: Usage = Usage()


class TaskEntry(RunPart):
    """One execution of a task, or of an item of a fan-out, through all its attempts."""

    task_id: str
    """`id[3]` is item 3 (from 0) of a fan-out."""
    task_run_id: str | None = None
    kind: str = "agent"
    agent: str | None = None
    model: str | None = None
    """The model that answered last, as the provider names it."""
    prompt: PromptVersion | None = None
    """Id, version and hash of the last prompt."""
    status: TaskStatus = TaskStatus.PENDING
    reason: str = ""
    """Why it was skipped; empty otherwise."""
    attempts: int = 0
    code: str | None = None
    """The code of the error that it failed with; `None` unless it failed."""
    resolution: Resolution | None = None
    """What was done about its last failed attempt; `None` when none failed."""
    cached: bool = False
    """Whether the stored result of another run was used."""
    composite: bool = False
    """Whether its work has entries of its own: a fan-out's items, a sub-plan's tasks. It has no usage, then."""
    ended_at: AwareDatetime | None = None
    duration_s: float | None = None
    usage: Usage = Usage()
    verdict: Outcome | None = None
    """What checks found about its last output; `None` when none looked at it."""
    verdict_ratio: float | None = None
    """How good they found it, 0 to 1; `None` when they could not decide."""

    @property
    def prompt_id(self) -> str | None:
        """The id of the template of the last prompt."""
        return self.prompt.id if self.prompt else None


class FailureEntry(RunPart):
    """One failed attempt at a task, with what was done about it."""

    task_id: str
    kind: str = "agent"
    agent: str | None = None
    model: str | None = None
    prompt: PromptVersion | None = None
    """Id, version and hash of the attempt's prompt."""
    attempt: int = Field(default=1, ge=0)
    code: str
    """The error's code."""
    type: str
    """Name of the exception class."""
    message: str
    context: Mapping[str, Any] = Field(default_factory=dict[str, Any])
    """Where it happened: the innermost frame, the time given and taken, what the provider asked to wait."""
    resolution: Resolution = "none"
    recovered: bool | None = None
    """Whether the task, or what stood in for it, had an output in the end; `None` while that is open."""

    @property
    def prompt_id(self) -> str | None:
        """The id of the template of the attempt's prompt."""
        return self.prompt.id if self.prompt else None


LetterStatus = Literal["open", "resolved", "discarded"]
"""`open`: somebody has to see to it. `resolved`: a later run of the same work did without the failure. `discarded`:
somebody said that nothing is to be done."""


class LostAttempt(Frozen):
    """One of the attempts that came to nothing."""

    task_id: str
    """The task, the item of it, or the fallback that was tried in its place."""
    attempt: int | None = None
    """Counted from 1; `None` when it is not known."""
    at: AwareDatetime
    code: str
    type: str
    message: str
    model: str | None = None


class DeadLetterEntry(RunPart):
    """A task that failed for good, with nothing standing in for it: work that is lost until somebody sees to it.

    There is one for each task of a lineage; its run is the latest one in which the task failed.
    """

    task_id: str
    kind: str = "agent"
    agent: str | None = None
    status: LetterStatus = "open"
    code: str
    """The final error's code."""
    type: str
    message: str
    errors: tuple[LostAttempt, ...] = ()
    """Every attempt in that run, fallbacks' included, oldest first."""
    times: int = Field(default=1, ge=1)
    """In how many runs of the lineage it failed for good."""
    resolved_by: str = ""
    """The run that did without the failure; empty while there is none."""
    comment: str = ""
    """Why it was discarded."""


class PromptEntry(RunPart):
    """One prompt that was sent, with its text; it began to be kept when its attempt was over."""

    task_id: str
    agent: str | None = None
    model: str | None = None
    prompt: PromptVersion
    attempt: int = Field(ge=1)
    refinement: int = 0
    """How many times it was refined with what was wrong with an answer."""
    text_hash: str
    parent: str = ""
    """The `text_hash` of the prompt that it refines; empty for the first."""
    text: str
    """Without secrets."""


class ReportEntry(Entry):
    """A report on patterns in the history."""

    failures: int
    """How many failures had been recorded since the report before."""
    text: str
    """Markdown."""


AnyEntry = RunEntry | TaskEntry | FailureEntry | DeadLetterEntry | PromptEntry | ReportEntry
EntryT = TypeVar("EntryT", bound=AnyEntry)


class HistoryQuery(Frozen):
    """Which entries are meant; a field that is `None` sets no condition."""

    run_id: str | None = None
    lineage: str | None = None
    plan: str | None = None
    task_id: str | None = None
    kind: str | None = None
    agent: str | None = None
    model: str | None = None
    prompt_id: str | None = None
    """The id of a prompt template, in any version."""
    status: str | None = None
    code: str | None = None
    resolution: str | None = None
    since: AwareDatetime | None = None
    """Those that began at this time or later."""
    until: AwareDatetime | None = None
    """Those that began before this time."""
    rehearsals: bool = False
    """Whether rehearsals are meant, too."""
    latest: int | None = Field(default=None, gt=0)
    """At most so many, the latest ones."""

    def equals(self) -> Mapping[str, str]:
        """The fields that an entry must have exactly so."""
        free = {"since", "until", "rehearsals", "latest"}
        return self.model_dump(exclude_none=True, exclude=free)


ANY = HistoryQuery()
"""Sets no condition."""

NONE = "none"
"""Under this what has no value of a field is counted."""

GROUPS = ("code", "task_id", "plan", "kind", "agent", "model", "prompt", "status", "resolution", "run_id", "lineage")
"""Fields that entries can be counted by; a prompt is `id@version`."""


def conditions(kind: type[AnyEntry], query: HistoryQuery) -> Mapping[str, str]:
    """The fields that an entry of this kind must have exactly so.

    Raises:
        UnknownCondition: Such entries do not have one of them.
    """
    wanted = query.equals()
    for name in wanted:
        if not _has(kind, name):
            known = tuple(each for each in HistoryQuery.model_fields if _has(kind, each))
            raise UnknownCondition(_name(kind), name, known)
    return wanted


def group(kind: type[AnyEntry], by: str) -> str:
    """The field that entries of this kind are to be counted by.

    Raises:
        UnknownCondition: Such entries do not have it.
    """
    if by not in GROUPS or by not in kind.model_fields:
        raise UnknownCondition(_name(kind), by, tuple(each for each in GROUPS if each in kind.model_fields))
    return by


def _has(kind: type[AnyEntry], name: str) -> bool:
    return name in kind.model_fields or (name == "prompt_id" and "prompt" in kind.model_fields)


def _name(kind: type[AnyEntry]) -> str:
    return kind.__name__.removesuffix("Entry").lower()


Metric = Literal["duration_s", "tokens", "calls", "attempts", "cost_usd"]
"""What can be summed up over tasks. Tokens are those of input and output together."""


class Summary(Frozen):
    """A metric over some tasks. Those without a value, such as a cost that is not known, are only counted."""

    count: int
    known: int
    """How many have a value."""
    total: float = 0.0
    mean: float | None = None
    """`None` when no value is known, as are the two below."""
    least: float | None = None
    most: float | None = None
