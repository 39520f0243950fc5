"""What a run needs from outside: kinds of tasks, observers, the clock and chance. `bootstrap` puts it together."""

import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.interventions.desk import Nobody
from agentic_prefect.models.agent import PolicyFields
from agentic_prefect.models.budget import Budget
from agentic_prefect.models.chat import OutputSchema
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.result import PlanResult, TaskResult
from agentic_prefect.models.task import AgentTask
from agentic_prefect.models.usage import Usage
from agentic_prefect.plans.lineage import Lineage
from agentic_prefect.policies.disclosure import Disclosure
from agentic_prefect.ports import HumanGate, Observer, TaskKind
from agentic_prefect.runtime.stop import StopSignal


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What an observer may know about the run that it watches."""

    plan: Plan
    run_id: str
    parent_run_id: str | None
    lineage: Lineage
    """Whose finished work this run may take over."""
    snapshot: Callable[[], Mapping[str, TaskResult] | PlanResult]
    """The results so far, by task id and by `id[index]`; the plan's result once it has ended."""
    whole_plan: bool = True
    """False for a single task in somebody's own flow."""
    parent_task: AgentTask | None = None
    """The task of the parent's run that this run is; `None` for a run that is part of no other."""
    is_new: bool = False
    """Whether nothing can have been done of it before, and so nothing been shown."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Services:
    """What a run needs from outside."""

    kinds: Callable[[RunInfo], Mapping[str, TaskKind]]
    """The kinds of tasks for one run, by name."""
    observers: Callable[[RunInfo], Sequence[Observer]]
    """The observers of one run; a sub-plan's run asks for its own."""
    output_of: Callable[[AgentTask], OutputSchema | None]
    """The form of a task's answer."""
    find_plan: Callable[[str], Plan]
    """A stored plan by name or path, for sub-plans."""
    options: PolicyFields = field(default_factory=PolicyFields)
    """What the run itself sets."""
    settings: PolicyFields = field(default_factory=PolicyFields)
    clock: Callable[[], datetime] = _now
    draw: Callable[[], float] = random.random
    """A random number in [0, 1), for jitter."""
    stop: StopSignal = field(default_factory=StopSignal)
    gate: HumanGate = field(default_factory=lambda: Nobody(_now))
    """How people are asked."""
    renew_key: Callable[[Plan, AgentTask, str], Awaitable[None]] | None = None
    """Gives the connection of a task a new key, out of the Secret block of this name; `None` where there are none."""
    allow: Callable[[AgentTask, str, Budget], None] | None = None
    """Lets more be spent for a task of the run with this id; `None` where nothing is metered."""
    spent_before: Callable[[Plan, str, Mapping[str, Usage]], None] = lambda plan, run_id, usage: None
    """Takes out of the budgets of a plan's run with this id what its tasks consumed before the run was suspended."""
    limits: Callable[[str], Budget | None] = lambda run_id: None
    """What the run with this id may spend in all at this moment; `None` is what its plan says."""
    disclosure: Disclosure = field(default_factory=Disclosure)
    """What of errors, prompts and texts may be kept and shown."""
    suspend_after_s: float | None = None
    """Seconds after which the run of a deployment that waits for people alone is suspended; `None` never."""
    flush_every_s: float = 2.0
    """How often observers may write what is pending."""


_current: ContextVar[Services | None] = ContextVar("agentic_prefect_services", default=None)


def use(services: Services) -> None:
    """Make `services` those of everything that runs in this context from here on."""
    _current.set(services)


@contextmanager
def using(services: Services) -> Generator[None]:
    """Make `services` those of what runs within this block; after it those hold that held before."""
    before = _current.set(services)
    try:
        yield
    finally:
        _current.reset(before)


_disclosure: ContextVar[Disclosure | None] = ContextVar("agentic_prefect_disclosure", default=None)


def disclose(disclosure: Disclosure) -> None:
    """Have `disclosure` hold in this context, where there are no services: in another process than the run's."""
    _disclosure.set(disclosure)


def current_disclosure() -> Disclosure:
    """What may be kept and shown in this context; the built-in rules where nothing is set up."""
    alone = _disclosure.get()
    if alone is not None:
        return alone
    services = _current.get()
    return services.disclosure if services is not None else Disclosure()


def current_services() -> Services:
    """The services of this context.

    Raises:
        PlanInvalid: There are none.
    """
    services = _current.get()
    if services is None:
        raise PlanInvalid(
            "No services are set up for this run. Start the plan with `agentic_prefect.run_plan`, "
            "or call `use(services(...))` in the flow first."
        )
    return services


@asynccontextmanager
async def services_or(
    opened: Callable[[], AbstractAsyncContextManager[Services]] | None,
) -> AsyncGenerator[Services]:
    """The services of this context, else those that `opened` gives for as long as the block lasts.

    Raises:
        PlanInvalid: There are neither.
    """
    if opened is None or _current.get() is not None:
        yield current_services()
        return
    async with opened() as services:
        yield services
