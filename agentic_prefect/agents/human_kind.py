"""The kind `human`: a task that is a question to people."""

import json
from typing import Any

from agentic_prefect.errors import CriticalError, HumanInterventionRequiredError, HumanRejected, HumanTimedOut
from agentic_prefect.models.intervention import BY_LATER, Decision
from agentic_prefect.policies.asking import human_task
from agentic_prefect.ports import Work


class HumanKind:
    """Asks, and puts out the answer: what fits the task's schema, or that it was approved."""

    async def execute(self, work: Work) -> Any:
        """The answer, or `{"approved": true, "by": …, "comment": …}`.

        Raises:
            HumanRejected: Somebody said no.
            HumanTimedOut: Nobody answered, and no other default is set.
            HumanInterventionRequiredError: Nobody was waited for.
            CriticalError: Somebody aborted the plan.
        """
        decision = await work.ask(
            human_task(
                work.task,
                id=f"{work.run_id}:{work.task_id}:{work.attempt}",
                plan=work.plan,
                name=work.task_id,
                question=work.description,
                details=_details(work),
                output_schema=work.output.json_schema if work.output else None,
            )
        )
        work.trail.decided(decision)
        return _answer(work.task_id, decision)


def _answer(name: str, decision: Decision) -> Any:
    said, who = f": {decision.comment}" if decision.comment else ".", decision.by or "A person"
    if decision.by == BY_LATER:
        raise HumanInterventionRequiredError(decision.intervention_id)
    match decision.action:
        case "supply_output":
            return decision.output
        case "approve":
            return {"approved": True, "by": decision.by, "comment": decision.comment}
        case "abort":
            raise CriticalError(f"{who} aborted the plan at {name!r}{said}")
        case _ if decision.by_a_person:
            raise HumanRejected(f"{who} rejected {name!r}{said}")
        case "reject":
            raise HumanRejected(f"{name!r} counts as rejected. {decision.comment}".strip())
        case _:
            raise HumanTimedOut(f"{name!r} has no answer. {decision.comment}".strip())


def _details(work: Work) -> str:
    parts = [f"### {item.source}\n\n{item.text}" if item.source else item.text for item in work.context]
    if work.input is not None:
        shown = work.input if isinstance(work.input, str) else _fenced(work.input)
        parts.insert(0, shown)
    return "\n\n".join(part for part in parts if part)


def _fenced(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, indent=2, default=str)
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}json\n{text}\n{fence}"


def _longest_run(text: str) -> int:
    """How many backticks stand in a row at most, so that a value cannot end its own block."""
    longest = run = 0
    for character in text:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    return longest
