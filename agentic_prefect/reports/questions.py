"""The questions that a run has put to people, and what came of each, as a page of Markdown."""

from collections.abc import Iterable

from agentic_prefect.models.base import Frozen
from agentic_prefect.models.events import (
    Event,
    InterventionExpired,
    InterventionRequested,
    InterventionResolved,
    InterventionVoted,
)
from agentic_prefect.reports.markup import bounded, inline
from agentic_prefect.reports.wording import duration

MAX_TOLD = 100
"""Questions that are told of; the rest is counted."""

Step = InterventionRequested | InterventionVoted | InterventionResolved | InterventionExpired


class Asked(Frozen):
    """One question, and what has happened to it so far."""

    request: InterventionRequested
    """As it was asked first."""
    steps: tuple[Step, ...]
    """Everything that happened, the request included, in order."""


class Record:
    """What was asked and decided in one run, built up event by event."""

    def __init__(self) -> None:
        self._asked: dict[str, Asked] = {}

    def __bool__(self) -> bool:
        return bool(self._asked)

    def hear(self, event: Event) -> None:
        """Take an event in; those that are about no question are not noticed."""
        match event:
            case InterventionRequested():
                known = self._asked.get(event.intervention_id)
                steps = known.steps if known else ()
                self._asked[event.intervention_id] = Asked(
                    request=known.request if known else event, steps=(*steps, event)
                )
            case InterventionVoted() | InterventionResolved() | InterventionExpired():
                known = self._asked.get(event.intervention_id)
                if known is not None:
                    self._asked[event.intervention_id] = known.model_copy(update={"steps": (*known.steps, event)})
            case _:
                pass

    @property
    def open(self) -> int:
        """How many questions wait."""
        return sum(not _is_over(each) for each in self._asked.values())

    @property
    def asked(self) -> tuple[Asked, ...]:
        """Every question, those that wait first."""
        return tuple(sorted(self._asked.values(), key=_is_over))


def page(record: Record) -> str:
    """The questions of a run: what was asked, why, and who decided what, when and why."""
    told = record.asked[:MAX_TOLD]
    parts = ["# Questions to people", *(_question(each) for each in told)]
    if len(record.asked) > len(told):
        parts.append(f"Not listed: {len(record.asked) - len(told)} more.")
    return bounded("\n\n".join(parts) + "\n")


def headline(record: Record) -> str:
    """How many questions there are and how many of them wait, in one line."""
    return f"**Questions to people**: {record.open} open, {len(record.asked) - record.open} decided."


def _question(asked: Asked) -> str:
    request, error = asked.request, asked.request.error
    last = (error.cause or error) if error else None
    limit = f"after {duration(request.deadline_s)}" if request.deadline_s is not None else "never by itself"
    facts = [
        f"- Task: {inline(request.task_id)}",
        f"- Error: {last.code.value}: {inline(last.message)}" if last else "- Error: none; the task is a question",
        f"- Suggested: {_named(request.suggested or request.actions)}",
        f"- Priority: {_priority(asked.steps)}",
        f"- Id: {inline(request.intervention_id)}",
        f"- By default: {_named([request.default])}, {limit}",
    ]
    if not _is_over(asked):
        url = [each.url for each in asked.steps if isinstance(each, InterventionRequested)][-1]
        where = f"[Answer here]({url})" if url else f"Go on with `agentic-prefect resume {request.run_id}`"
        facts.append(f"- **Waits for an answer.** {where}")
    steps = "\n".join(f"{number}. {_step(each)}" for number, each in enumerate(asked.steps, 1))
    return "\n\n".join([f"## {inline(request.question)}", "\n".join(facts), steps])


def _step(event: Step) -> str:
    at_the_run = isinstance(event, InterventionRequested) and event.waiting_run_id == event.run_id
    when = f"{event.at:%d %b %Y %H:%M:%S} UTC"
    match event:
        case InterventionRequested(escalated=True):
            return f"{when}: nobody had answered; asked anew as {event.priority}"
        case InterventionRequested():
            return f"{when}: asked" + (" at the run itself, which is suspended" if at_the_run else "")
        case InterventionVoted():
            return f"{when}: {_who(event.by)} decided {_named([event.action])}{_why(event.comment)}; more must agree"
        case InterventionResolved():
            return f"{when}: {_who(event.by)} decided {_named([event.action])}{_why(event.comment)}"
        case InterventionExpired():
            return f"{when}: {_named([event.action])} holds by default{_why(event.reason)}"


def _is_over(asked: Asked) -> bool:
    return isinstance(asked.steps[-1], InterventionResolved | InterventionExpired)


def _priority(steps: Iterable[Step]) -> str:
    """The last one that was announced."""
    return [each.priority for each in steps if isinstance(each, InterventionRequested)][-1]


def _who(name: str) -> str:
    return inline(name) or "somebody"


def _why(comment: str) -> str:
    return f": {inline(comment, 1_000)}" if comment else ""


def _named(actions: Iterable[str]) -> str:
    return ", ".join(action.replace("_", " ") for action in actions)
