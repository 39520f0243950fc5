"""The questions that wait for an answer on the server, and answering them from anywhere."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateName,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.client.schemas.sorting import FlowRunSort
from pydantic import ValidationError

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.interventions.forms import filled_in, parts_of
from agentic_prefect.interventions.prefect_gate import FLOW_NAME
from agentic_prefect.interventions.suspending import asked_by
from agentic_prefect.models.intervention import Intervention
from agentic_prefect.plans.answers import Answer, AnswerRefused, decision_from
from agentic_prefect.plans.names import telling_chars

MAX_SHOWN = 200
"""How many questions are looked at."""
_OPENING_S = 5.0
"""How long a run that has just been opened may take until it takes answers."""
_NOT_YET = ("that is not paused", "input schema not found")
"""What Prefect says of a run that is about to pause, and of one whose form is not there yet."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A question that waits."""

    run_id: str
    """The flow run that waits."""
    intervention: Intervention
    since: datetime
    until: datetime | None
    """When the default is taken; `None` waits without end."""
    together: tuple[Intervention, ...] = ()
    """All that the same run asks in one form, this question included; empty for a run of this question alone."""


async def waiting(*, limit: int = MAX_SHOWN) -> Sequence[Waiting]:
    """The open questions, the oldest first."""
    async with get_client() as client:
        runs = await client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[FLOW_NAME])),
            flow_run_filter=FlowRunFilter(
                # A question is announced a moment before its run pauses, and is Running until then.
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PAUSED, StateType.RUNNING]))
            ),
            sort=FlowRunSort.START_TIME_ASC,
            limit=limit,
        )
        suspended = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Suspended"]))),
            sort=FlowRunSort.START_TIME_ASC,
            limit=limit,
        )
    found = [found for run in runs if (found := _waiting(run)) is not None]
    for run in suspended:
        asked = tuple(await asked_by(run))
        since = run.state.timestamp if run.state else datetime.now(UTC)
        found += [Waiting(str(run.id), each, since, None, together=asked) for each in asked]
    return found


async def find(reference: str) -> Waiting:
    """The open question with a run id, the beginning of one, or of a task with this id; or both, as `RUN/TASK`.

    Raises:
        PlanInvalid: There is none, or there are several.
    """
    every = await waiting()
    wanted = reference.strip().lower()
    found = [each for each in every if each.run_id.startswith(wanted)] if wanted else []
    found = found or [each for each in every if each.intervention.task_id == reference.strip()]
    found = found or [each for each in every if _is_named(each, wanted)]
    if len(found) == 1:
        return found[0]
    length = telling_chars(each.run_id for each in every)
    listed = ", ".join(f"{each.run_id[:length]}/{each.intervention.task_id}" for each in (found or every)[:10])
    if not every:
        raise PlanInvalid(f"No question {reference!r} is open; nothing waits for an answer.")
    what = f"{len(found)} open questions fit" if found else "No open question fits"
    raise PlanInvalid(f"{what} {reference!r}. Give the run and the task: {listed}.")


async def respond(question: Waiting, answer: Answer) -> None:
    """Hand an answer in.

    Raises:
        AnswerRefused: It does not fit the question, or the question is no longer open.
    """
    votes = question.intervention.votes
    decision = decision_from(question.intervention, answer, votes=votes, now=datetime.now(UTC))
    values: dict[str, Any] = filled_in(question.intervention, answer, decision)
    if len(question.together) > 1:
        ids = [each.id for each in question.together]
        values = {parts_of(question.together)[ids.index(question.intervention.id)]: values}
    async with get_client() as client:
        deadline = asyncio.get_running_loop().time() + _OPENING_S
        while reason := await _resume(client, UUID(question.run_id), values):
            if asyncio.get_running_loop().time() > deadline or not any(each in reason for each in _NOT_YET):
                raise AnswerRefused(f"The answer was not taken: {reason}")
            await asyncio.sleep(0.2)


async def _resume(client: PrefectClient, run_id: UUID, values: dict[str, object]) -> str:
    """Why the run was not resumed; empty when it was."""
    outcome = await client.resume_flow_run(run_id, run_input=values)
    if outcome.status == SetStateStatus.ACCEPT:
        return ""
    return str(getattr(outcome.details, "reason", "") or outcome.status)


def _is_named(question: Waiting, reference: str) -> bool:
    run, _, task = reference.partition("/")
    return question.run_id.startswith(run) and question.intervention.task_id.lower() == task


def _waiting(run: FlowRun) -> Waiting | None:
    if run.state is None:
        return None
    try:
        intervention = Intervention.model_validate(run.parameters.get("intervention"))
    except ValidationError:  # a flow of somebody else's with the same name
        return None
    since, deadline_s = run.start_time or run.state.timestamp, intervention.asking.deadline_s
    return Waiting(str(run.id), intervention, since, since + timedelta(seconds=deadline_s) if deadline_s else None)
