"""Where questions to people are handed in: they are announced, asked, and the decision is announced."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agentic_prefect.models.events import (
    Event,
    InterventionExpired,
    InterventionRequested,
    InterventionResolved,
    InterventionVoted,
)
from agentic_prefect.models.intervention import BY_NOBODY, Decision, Intervention
from agentic_prefect.policies.asking import default_decision
from agentic_prefect.policies.disclosure import Disclosure
from agentic_prefect.ports import HumanGate, Opening


@dataclass(frozen=True, slots=True)
class Desk:
    """Asks through a gate, and lets observers know."""

    gate: HumanGate
    notify: Callable[[Event], None]
    disclosure: Disclosure = field(default_factory=Disclosure)
    """What of a question may be kept: Prefect stores it with the run that waits."""

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
                self.notify(_requested(intervention, what, place()))
            else:
                self.notify(InterventionVoted(**about(what), comment=what.comment, by=what.by))

        decision = await self.gate.ask(self.disclosure.asked(intervention), told)
        if decision.by_a_person:
            self.notify(InterventionResolved(**about(decision), comment=decision.comment, by=decision.by))
        else:
            self.notify(InterventionExpired(**about(decision), reason=decision.comment))
        return decision


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
