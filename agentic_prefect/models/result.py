"""What a task and a plan return, on success and on failure alike."""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Generic, Literal, Self, cast

from pydantic import AwareDatetime, Field, computed_field, model_validator
from typing_extensions import TypeVar

from agentic_prefect.errors import TaskFailed
from agentic_prefect.models.base import Frozen
from agentic_prefect.models.budget import Budget
from agentic_prefect.models.error import TaskError
from agentic_prefect.models.intervention import Decision
from agentic_prefect.models.prompt import PromptRecord
from agentic_prefect.models.status import PlanStatus, TaskStatus
from agentic_prefect.models.usage import Usage
from agentic_prefect.models.verdict import Verdict

OutputT = TypeVar("OutputT", default=Any)


class Related(Frozen):
    """Another task that has to do with this one."""

    task_id: str
    relation: Literal["fallback", "fallback_for", "item", "item_of", "sub_plan"]


class TaskResult(Frozen, Generic[OutputT]):
    """What became of one task. It is returned, never raised."""

    task_id: str
    status: TaskStatus
    success: bool
    output: OutputT | None = None
    """The answer; `None` unless the task succeeded (and it may be `None` then, too)."""
    error: TaskError | None = None
    """Why it failed; `None` when it did not."""
    reason: str = ""
    """Why it was skipped or cancelled, naming the cause; empty otherwise."""
    usage: Usage = Usage()
    """Everything the task consumed, failed attempts included."""
    attempts: int = Field(default=0, ge=0)
    """How often it was tried; 0 when it was skipped."""
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    agent: str | None = None
    model: str | None = None
    """The model that answered, as the provider names it."""
    prompt: PromptRecord | None = None
    """The prompt of the last attempt; `None` for work without a model."""
    related: tuple[Related, ...] = ()
    verdict: Verdict | None = None
    decisions: tuple[Decision, ...] = ()
    """What was decided about it, by people or by a deadline, in order."""
    cached: bool = False
    """Whether the stored result of an earlier attempt at the same work was used, at no cost."""
    run_id: str | None = None
    """The id of the run that did the work, as the scheduler knows it."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.success != (self.status is TaskStatus.COMPLETED):
            raise ValueError(f"success={self.success!r} contradicts status={self.status.value!r}")
        if (self.error is not None) != (self.status is TaskStatus.FAILED):
            raise ValueError(f"a result has an error exactly when it is failed; status is {self.status.value!r}")
        return self

    @property
    def successful(self) -> bool:
        """Whether there is an output to use."""
        return self.success

    @property
    def failed(self) -> bool:
        """Whether there is none: failed, skipped or cancelled. Always the opposite of `successful`."""
        return not self.success

    @property
    def skipped(self) -> bool:
        """Whether the task never ran, on purpose."""
        return self.status is TaskStatus.SKIPPED

    @property
    def elapsed_s(self) -> float | None:
        """Seconds from the first attempt's start to the end, waits included; `None` when it never ran."""
        if self.started_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.started_at).total_seconds()

    def unwrap(self) -> OutputT:
        """The output.

        Raises:
            TaskFailed: The task has none.
        """
        if not self.success:
            why = f"{self.error.code}: {self.error.message}" if self.error else self.reason
            raise TaskFailed(self.task_id, self.status.value, why)
        return self.output  # pyright: ignore[reportReturnType]  # a success may have None as its output


class BudgetReport(Frozen):
    """The limits of a plan and what was used of them."""

    usd: float | None = None
    tokens: int | None = None
    calls: int | None = None
    wall_s: float | None = None
    exceeded: bool = False
    """Whether a budget stopped anything, the plan's own or that of a task."""
    timed_out: bool = False
    """Whether `wall_s` ended the plan."""
    before: Budget | None = None
    """The limits that the plan or the run had set, where people let more be spent; `None` where nobody did."""


class PlanResult(Frozen):
    """What became of a plan."""

    plan: str
    run_id: str
    status: PlanStatus
    output: Any = None
    results: Mapping[str, TaskResult] = Field(default_factory=dict[str, TaskResult])
    """Every task's result by id, in the plan's order; the items of a fan-out are named `id[0]`, `id[1]`, …"""
    usage: Usage = Usage()
    budget: BudgetReport | None = None
    started_at: AwareDatetime
    ended_at: AwareDatetime
    reason: str = ""
    """Why the plan ended as it did, unless it completed."""
    url: str | None = None
    """Where a person can look at the run; `None` without a server that stays."""
    plan_hash: str = ""
    """SHA-256 of the plan's content, as 64 hexadecimal digits; the run's own limits are no part of it."""
    plan_version: int | None = None
    """Which version of a stored plan ran, from 1; `None` when the plan came from elsewhere."""

    @model_validator(mode="before")
    @classmethod
    def _drop_computed(cls, data: Any) -> Any:
        """The JSON form carries the computed fields; they are worked out again on load."""
        if isinstance(data, Mapping):
            fields = cast("Mapping[str, Any]", data)
            return {key: value for key, value in fields.items() if key not in cls.model_computed_fields}
        return data

    @computed_field
    @property
    def elapsed_s(self) -> float:
        """Seconds from start to end."""
        return (self.ended_at - self.started_at).total_seconds()

    @computed_field
    @property
    def cost_usd(self) -> Decimal | None:
        """US dollars of all calls; `None` when a price is unknown."""
        return self.usage.cost_usd

    @computed_field
    @property
    def counts(self) -> dict[TaskStatus, int]:
        """How many of the plan's tasks ended in each state; fan-out items are not counted besides their task."""
        tally = Counter(result.status for name, result in self.results.items() if "[" not in name)
        return {status: tally[status] for status in TaskStatus if tally[status]}

    def result_of(self, task_id: str) -> TaskResult:
        """The result that counts for a task: that of the fallback that stood in for it, else its own.

        Raises:
            KeyError: The plan has no such task.
        """
        own = self.results[task_id]
        for each in own.related:
            if each.relation == "fallback" and each.task_id in self.results:
                # A fallback may have failed and have one of its own.
                stand_in = self.result_of(each.task_id)
                if stand_in.success:
                    return stand_in
        return own

    @property
    def over_budget(self) -> str:
        """Why a task has no output, if a budget kept it from having one, or why the plan's time was up; else empty."""
        if self.budget is not None and self.budget.timed_out:
            return self.reason
        errors = (self.result_of(name).error for name in self.results if "[" not in name)
        return next((error.message for error in errors if error and error.is_over_budget), "")

    @property
    def successful(self) -> bool:
        """Whether the plan completed."""
        return self.status is PlanStatus.COMPLETED

    @property
    def failed(self) -> bool:
        """Whether it did not."""
        return not self.successful
