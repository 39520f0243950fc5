"""Where questions to people are handed in: they are announced, asked, and the decision is announced."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from agentic_prefect.models.events import (
    Event,
    InterventionExpired,
    InterventionRequested,
    InterventionResolved,
    InterventionVoted,
)
from agentic_prefect.models.intervention import BY_LATER, BY_NOBODY, Decision, Intervention
from agentic_prefect.models.suspension import Suspension
from agentic_prefect.plans.answers import Answer, AnswerRefused, decision_from
from agentic_prefect.policies.asking import default_decision, settled_by
from agentic_prefect.policies.disclosure import Disclosure
from agentic_prefect.ports import HumanGate, Opening


@dataclass(frozen=True, slots=True)
class Said:
    """What was said about a question before the run went on."""

    answer: Answer | None
    """`None` when it was left open."""
    votes: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True)
class Recalled:
    """What a run that was suspended knows from before."""

    suspension: Suspension = field(default_factory=Suspension)
    answers: Mapping[str, Answer] = field(default_factory=dict[str, Answer])
    """What was said meanwhile, by the id of the question."""


@dataclass(slots=True)
class Desk:
    """Asks through a gate, and lets observers know."""

    gate: HumanGate
    notify: Callable[[Event], None]
    disclosure: Disclosure = field(default_factory=Disclosure)
    """What of a question may be kept: Prefect stores it with the run that waits."""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    said: dict[str, Said] = field(default_factory=dict[str, Said])
    """What was said before the run went on, by the id of the question."""
    open: dict[str, Intervention] = field(default_factory=dict[str, Intervention])
    """What waits for an answer."""
    announced: set[str] = field(default_factory=set[str])
    """The ids of those among the open questions that somebody can answer already."""
    places: dict[str, Callable[[], Mapping[str, Any]]] = field(default_factory=dict[str, Any])
    """Gives the fields that every event about an open question carries."""

    async def ask(self, intervention: Intervention, place: Callable[[], Mapping[str, Any]]) -> Decision:
        """What was decided.

        Args:
            intervention: The question.
            place: Gives the fields that every event of a task carries.
        """

        def about(decision: Decision) -> dict[str, Any]:
            return {**place(), "intervention_id": intervention.id, "action": decision.action}

        def told(what: Opening | Decision) -> None:
            if isinstance(what, Opening):
                self.announced.add(intervention.id)
                self.notify(_requested(intervention, what, place()))
                return
            asked = self.open[intervention.id]
            self.open[intervention.id] = asked.model_copy(update={"votes": (*asked.votes, what)})
            self.notify(InterventionVoted(**about(what), comment=what.comment, by=what.by))

        asked = self.disclosure.asked(intervention)
        self.open[intervention.id], self.places[intervention.id] = asked, place
        try:
            decision = await self._decision(asked, told)
        finally:
            self.open.pop(intervention.id, None)
            self.announced.discard(intervention.id)
            self.places.pop(intervention.id, None)
        if decision.by == BY_LATER:
            return decision
        if decision.by_a_person:
            self.notify(InterventionResolved(**about(decision), comment=decision.comment, by=decision.by))
        else:
            self.notify(InterventionExpired(**about(decision), reason=decision.comment))
        return decision

    @property
    def waits_for_good(self) -> bool:
        """Whether something is asked, all of it can be answered, and nobody has to keep the time meanwhile."""
        is_timed = any(each.asking.deadline_s or each.asking.escalate_after_s for each in self.open.values())
        return bool(self.open) and not is_timed and self.announced >= self.open.keys()

    def moved(self, questions: Iterable[Intervention], opening: Opening) -> None:
        """Let it be known that questions can be answered elsewhere."""
        for each in questions:
            self.notify(_requested(each, opening, self.places[each.id]()))

    async def _decision(self, asked: Intervention, told: Callable[[Opening | Decision], None]) -> Decision:
        """What was said before, if that is enough, else what people say now."""
        said = self.said.pop(asked.id, None)
        if said is not None:
            asked = asked.model_copy(update={"votes": said.votes})
            self.open[asked.id] = asked
        if said is not None and said.answer is not None:
            try:
                vote = await taken(asked, said.answer, votes=said.votes, now=self.clock())
            except AnswerRefused as error:
                asked = asked.model_copy(update={"remark": str(error)})
            else:
                votes = (*said.votes, vote)
                decision = settled_by(votes, asked.asking)
                if decision is not None:
                    return decision
                told(vote)
                asked = asked.model_copy(update={"votes": votes})
        self.open[asked.id] = asked
        return await self.gate.ask(asked, told)


async def taken(asked: Intervention, answer: Answer, *, votes: Sequence[Decision], now: datetime) -> Decision:
    """The decision that an answer stands for; the key that it names is there.

    Raises:
        AnswerRefused: It does not fit.
    """
    if answer.secret_block:
        # Prefect's blocks take a moment to load, and most answers bring no key.
        from agentic_prefect.interventions.keys import key_named

        await key_named(answer.secret_block)
    return decision_from(asked, answer, votes=votes, now=now)


class Later:
    """A gate that waits for nobody: the question is left open, for whoever goes on with the run.

    Args:
        clock: Gives the time.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock

    async def ask(self, intervention: Intervention, told: Callable[[Opening | Decision], None]) -> Decision:
        """That it is not decided yet, which leaves the task failed for now."""
        told(Opening())
        return Decision(action="fail", intervention_id=intervention.id, by=BY_LATER, decided_at=self._clock())


class Nobody:
    """A gate where nobody is: the default decision holds at once.

    Args:
        clock: Gives the time.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock

    async def ask(self, intervention: Intervention, told: Callable[[Opening | Decision], None]) -> Decision:
        """The default decision."""
        told(Opening())
        return default_decision(intervention, by=BY_NOBODY, now=self._clock())


def _requested(intervention: Intervention, opening: Opening, place: Mapping[str, Any]) -> InterventionRequested:
    return InterventionRequested(
        **place,
        intervention_id=intervention.id,
        question=intervention.question,
        error=intervention.error,
        actions=intervention.actions,
        suggested=intervention.suggested,
        priority="critical" if opening.escalated else intervention.priority,
        deadline_s=intervention.asking.deadline_s,
        default=intervention.asking.default,
        escalated=opening.escalated,
        waiting_run_id=opening.run_id,
        url=opening.url,
    )
