"""Makes dead letters of the events of one run, and sees which ones it has done without."""

from collections.abc import Iterable, Iterator

from agentic_prefect.history.ids import entry_id
from agentic_prefect.history.pages import Pages
from agentic_prefect.history.watched import Watched
from agentic_prefect.models.error import TaskError
from agentic_prefect.models.events import PlanCompleted, TaskDeadLettered, TaskOutputAvailable
from agentic_prefect.models.history import DeadLetterEntry, LostAttempt

MAX_MESSAGE_CHARS = 2_000
"""A longer message of an error is cut."""
MAX_ATTEMPTS = 200
"""Of a fan-out in which more attempts failed, the first ones are listed."""


class Letters:
    """The dead letters of the work that one run does. Those of a sub-plan are the business of the plan around it.

    Args:
        watched: The run.
        pages: Where they are written; it has those that earlier runs of the same work have left.
    """

    def __init__(self, watched: Watched, pages: Pages) -> None:
        self._watched, self._pages = watched, pages
        self._added: set[str] = set()
        """The ids of those that this run has added."""

    def add(self, event: TaskDeadLettered) -> None:
        """Keep that a task failed for good; a letter about it that is there already is renewed."""
        if event.parent_run_id is not None or not self._watched.whole_plan:
            return
        declared, error, clean = self._watched.task(event.task_id), event.error, self._watched.clean
        letter_id = entry_id(content=["dead letter", self._watched.lineage, event.task_id])
        before = self._pages.get(DeadLetterEntry, letter_id)
        letter = DeadLetterEntry(
            id=letter_id,
            at=before.at if before else event.at,
            updated_at=event.at,
            task_id=event.task_id,
            kind=declared.kind,
            agent=declared.agent,
            code=error.code.value,
            type=error.type,
            message=clean(error.message[:MAX_MESSAGE_CHARS]),
            errors=tuple(map(self._attempt, _attempts_in(error)))[:MAX_ATTEMPTS],
            times=before.times + 1 if before else 1,
            **self._watched.part(),
        )
        self._pages.put(letter, event.at)
        self._added.add(letter_id)

    def resolve(self, task_ids: Iterable[str], event: TaskOutputAvailable) -> None:
        """A task has an output, or something that stands in for it has."""
        wanted = set(task_ids)
        self._resolve([letter for letter in self._open() if letter.task_id in wanted], event)

    def resolve_rest(self, event: PlanCompleted) -> None:
        """The plan has completed: it did without whatever was lost before."""
        self._resolve([letter for letter in self._open() if letter.id not in self._added], event)

    def _resolve(self, letters: Iterable[DeadLetterEntry], event: TaskOutputAvailable | PlanCompleted) -> None:
        for letter in letters:
            self._pages.put(letter, event.at, status="resolved", resolved_by=event.run_id)

    def _open(self) -> Iterator[DeadLetterEntry]:
        return (letter for letter in self._pages.letters() if letter.status == "open")

    def _attempt(self, error: TaskError) -> LostAttempt:
        context = error.context
        return LostAttempt(
            task_id=context.task_id or "",
            attempt=context.attempt,
            at=error.timestamp,
            code=error.code.value,
            type=error.type,
            message=self._watched.clean(error.message[:MAX_MESSAGE_CHARS]),
            model=context.model,
        )


def _attempts_in(error: TaskError) -> Iterator[TaskError]:
    """Every attempt that an error is the sum of, oldest first; the error itself where it is none."""
    for each in error.history:
        yield from _attempts_in(each)
    if not error.history:
        yield error
