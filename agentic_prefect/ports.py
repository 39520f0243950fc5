"""Everything that a user may replace, as one Protocol each; the work that is handed over is among its names."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from agentic_prefect.models.chat import ChatRequest, ChatResponse, ModelSettings
from agentic_prefect.models.events import Event
from agentic_prefect.models.history import ANY, AnyEntry, EntryT, HistoryQuery, Metric, Summary
from agentic_prefect.models.intervention import Decision, Intervention
from agentic_prefect.models.prompt import RenderedPrompt
from agentic_prefect.models.verdict import CheckVerdict
from agentic_prefect.models.work import PaidCalls as PaidCalls
from agentic_prefect.models.work import Trail as Trail
from agentic_prefect.models.work import Work as Work


@runtime_checkable
class TaskKind(Protocol):
    """A way of executing tasks. One method; what it returns is the output, what it raises is the failure."""

    def execute(self, work: Work) -> Awaitable[Any]:
        """The output of `work`, as plain JSON data, a pydantic model or a dataclass."""
        ...


class FunctionRunner(Protocol):
    """A place away from this process where functions run."""

    def call(self, work: Work) -> Awaitable[Any]:
        """What the function that `work.task.call` names returns for `work.input`, as JSON data.

        Cancelled, it stops the function where that can be done.

        Raises:
            Exception: Whatever the function raises, or an `AgenticError` that tells of it.
        """
        ...


@runtime_checkable
class Verifier(Protocol):
    """Looks at an output before it counts."""

    def verify(self, output: Any, work: Work, options: Any) -> Awaitable[CheckVerdict]:
        """What it finds about an output, as JSON data; `options` stand after its name in the plan, if there are any."""
        ...


@runtime_checkable
class AgentRunner(Protocol):
    """An agent that answers a finished prompt: a model, a framework's agent, or a function."""

    def run(self, prompt: RenderedPrompt, work: Work) -> Awaitable[Any]:
        """The answer to `prompt` in the form `work.output` asks for."""
        ...


@runtime_checkable
class ChatModel(Protocol):
    """A connection to a provider."""

    def complete(self, request: ChatRequest) -> Awaitable[ChatResponse]:
        """One answer.

        Raises:
            AgenticError: With the code that says what happened; nothing of the provider's own types leaves.
        """
        ...


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A model that was asked for by name, found."""

    chat: ChatModel
    model: str
    """The provider's name of the model."""
    connection: str
    """The name of the connection."""
    settings: ModelSettings = field(default_factory=ModelSettings)


class ModelDirectory(Protocol):
    """Finds models by name."""

    def resolve(self, name: str | None) -> ResolvedModel:
        """The model called `"connection/model-id"`, a connection's name, or a bare model id; `None` is the default.

        Raises:
            AuthenticationFailed: A key is needed and there is none.
            PlanInvalid: No such connection, or none that could serve as the default.
        """
        ...


class SharedLimits(Protocol):
    """Limits per minute that all processes have in common, by the name of a connection."""

    def acquire(self, connection: str, tokens: int) -> Awaitable[None]:
        """Wait until one request of so many tokens may be sent. A connection without limits does not wait."""
        ...

    def hold(self, connection: str, seconds: float) -> Awaitable[None]:
        """Let no process send anything for so long."""
        ...


class Observer(Protocol):
    """Hears what happens and decides nothing. What it raises is logged and changes nothing."""

    def on_event(self, event: Event) -> None:
        """Called in the run's own thread, in the order of the events; slow work belongs in `flush`."""
        ...


@runtime_checkable
class FlushingObserver(Observer, Protocol):
    """An observer that has something to write out."""

    def flush(self) -> Awaitable[None]:
        """Write what is pending. Called from time to time during a run, and once at its end."""
        ...


@runtime_checkable
class PatientObserver(FlushingObserver, Protocol):
    """An observer that writes to something that may be away for a while."""

    patience_s: float
    """Seconds that what it writes at the end of a run may take."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Where a question can be answered."""

    run_id: str | None = None
    """The flow run that waits for the answer; `None` when none does."""
    url: str | None = None
    """The page to answer on; `None` when there is none."""
    escalated: bool = False
    """Whether it is asked anew since nobody has answered for too long."""


class HumanGate(Protocol):
    """A way to ask people."""

    def ask(self, intervention: Intervention, told: Callable[[Opening | Decision], None]) -> Awaitable[Decision]:
        """What people decided, or the intervention's default once its deadline has passed.

        Called within the run's own flow, so that it may start a subflow. It is cancelled when the answer is no longer
        needed.

        Args:
            intervention: What is asked.
            told: To be called as soon as somebody can answer, once more when the question is escalated, and with each
                vote while more are needed.
        """
        ...


class HistoryStore(Protocol):
    """Keeps what happened in earlier runs. It may be called in any thread, and in several processes at once.

    Each method raises `HistoryUnusable` when the store cannot be read or written.
    """

    def register(self, *entries: AnyEntry) -> None:
        """Add entries; all of them or none.

        Raises:
            AlreadyRecorded: One is there already.
        """
        ...

    def update(self, *entries: AnyEntry) -> None:
        """Put entries in the place of those with their ids; all of them or none.

        Raises:
            NotRecorded: One is not there.
        """
        ...

    def get(self, kind: type[EntryT], entry_id: str) -> EntryT | None:
        """The entry with an id, if there is one."""
        ...

    def find(self, kind: type[EntryT], query: HistoryQuery = ANY) -> Sequence[EntryT]:
        """The entries that are meant, the latest first. One that cannot be read is logged and left out.

        Raises:
            UnknownCondition: The query asks for what such entries do not have.
        """
        ...

    def count(self, kind: type[EntryT], by: str, query: HistoryQuery = ANY) -> Mapping[str, int]:
        """How many entries there are for each value of a field (see `GROUPS`), the most frequent first.

        Raises:
            UnknownCondition: Such entries do not have this field, or one that the query asks for.
        """
        ...

    def summarise(self, metric: Metric, by: str, query: HistoryQuery = ANY) -> Mapping[str, Summary]:
        """A metric over tasks for each value of a field. What has entries of its own elsewhere is left out.

        Raises:
            UnknownCondition: Tasks do not have this field, or one that the query asks for.
        """
        ...

    def prune(self, before: datetime) -> int:
        """Remove the runs in which nothing has changed since `before`, with all that belongs to them.

        A dead letter goes when nothing has changed in it since, and never while it is open.

        Returns:
            How many entries that were.
        """
        ...


Runners = Mapping[str, AgentRunner]
"""Agents by name that do not use the built-in runner."""

Verifiers = Mapping[str, Verifier]
"""Checks by name that a plan may ask for."""
