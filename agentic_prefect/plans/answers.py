"""An answer as it was typed, checked and made a decision."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from agentic_prefect.models.asking import DecisionAction
from agentic_prefect.models.budget import Budget
from agentic_prefect.models.intervention import Decision, Intervention
from agentic_prefect.plans.names import did_you_mean, listing
from agentic_prefect.plans.schema_check import violations

MAX_ANSWER_CHARS = 100_000
"""How long an answer may be."""
BLOCK_NAME = "^(?!sk-)[A-Za-z0-9-]{0,60}$"
"""What the name of a Secret block looks like, and a key does not."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody said; texts as they were typed."""

    decision: str
    comment: str = ""
    output: Any = ""
    """Text that is read by the intervention's form, or data that was typed into fields."""
    input: str = ""
    """JSON, with `edit_input`."""
    secret_block: str = ""
    by: str = ""
    more: str = ""
    """How much more may be spent, such as `usd=0.50, calls=10`."""


class AnswerRefused(ValueError):
    """An answer that does not fit the question; it says why, and what would fit."""


def decision_from(
    intervention: Intervention, answer: Answer, *, votes: Sequence[Decision] = (), now: datetime
) -> Decision:
    """The decision that an answer stands for.

    Args:
        intervention: What was asked.
        answer: What was said.
        votes: What others decided before.
        now: The time.

    Raises:
        AnswerRefused: The answer does not fit the question.
    """
    action = _action(intervention, answer.decision)
    _check_voter(intervention, answer.by, votes)
    given = answer.output
    if (
        sum(len(text) for text in (answer.comment, answer.input, given if isinstance(given, str) else ""))
        > MAX_ANSWER_CHARS
    ):
        raise AnswerRefused(f"The answer is longer than {MAX_ANSWER_CHARS} characters.")
    return Decision(
        action=action,
        comment=answer.comment.strip(),
        output=_output(intervention, given) if action == "supply_output" else None,
        input=_json(answer.input, "The input") if action == "edit_input" else None,
        secret_block=_block(answer.secret_block) if action in ("retry", "edit_input") else "",
        more=_more(intervention, answer.more) if action in ("retry", "edit_input") else None,
        intervention_id=intervention.id,
        by=answer.by.strip(),
        decided_at=now,
    )


def _action(intervention: Intervention, given: str) -> DecisionAction:
    action = given.strip().lower().replace("-", "_").replace(" ", "_")
    if action not in intervention.actions:
        hint = did_you_mean(action, intervention.actions)
        raise AnswerRefused(
            f"{given!r} cannot be decided here. {hint} Decide: {listing(intervention.actions, most=20)}."
        )
    return action


def _check_voter(intervention: Intervention, by: str, votes: Sequence[Decision]) -> None:
    if intervention.asking.approvals == 1 and (intervention.asking.reviewers or 1) == 1:
        return
    if not by.strip():
        raise AnswerRefused(f"{intervention.asking.approvals} people must agree: say who you are.")
    if by.strip().casefold() in {vote.by.casefold() for vote in votes}:
        raise AnswerRefused(f"{by.strip()!r} has decided before; somebody else must.")


def _output(intervention: Intervention, given: Any) -> Any:
    output = given
    if isinstance(given, str) and intervention.output_form != "text":
        output = _json(given, "The output") if intervention.output_form == "json" else _json_or_text(given)
    if isinstance(given, str) and not given.strip():
        raise AnswerRefused("The output is empty. Write what the task is to put out.")
    faults = violations(intervention.output_schema, output) if intervention.output_schema is not None else ()
    if faults:
        raise AnswerRefused(f"The output does not fit: {'; '.join(faults)}.")
    return output


def _block(name: str) -> str:
    if re.match(BLOCK_NAME, name.strip()) is None:
        # The name is not repeated: it may be a key.
        raise AnswerRefused("That is no name of a Secret block. Save the key as a block, and name the block here.")
    return name.strip()


def _more(intervention: Intervention, text: str) -> Budget | None:
    if intervention.error is None or not intervention.error.is_over_budget:
        return None
    parts = [part.partition("=") for part in re.split(r"[\s,;]+", text.strip()) if part]
    given = {name.strip().lower(): amount for name, _, amount in parts}
    try:
        more = Budget.model_validate(given)
    except ValidationError:
        more = Budget()
    if more == Budget() or more.wall_s is not None:
        raise AnswerRefused(
            f"{text!r} does not say how much more may be spent. Write usd=0.50, tokens=20000 or calls=10, or several."
        )
    return more


def _json(text: str, what: str) -> Any:
    if not text.strip():
        raise AnswerRefused(f"{what} is empty. Write it as JSON.")
    try:
        return json.loads(text)
    except ValueError as error:
        raise AnswerRefused(f"{what} is no JSON: {error}.") from None


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
