"""Asks people through Prefect: a small flow run per question pauses itself, and the UI shows its form."""

import asyncio
import contextlib
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.flow_runs import apause_flow_run
from prefect.input import Keyset, RunInput
from prefect.states import Cancelled, Completed
from pydantic import ValidationError

from agentic_prefect.interventions.desk import taken
from agentic_prefect.interventions.forms import answer_of, form_for
from agentic_prefect.models.intervention import BY_DEADLINE, Decision, Intervention
from agentic_prefect.plans.answers import Answer, AnswerRefused
from agentic_prefect.policies.asking import default_decision, settled_by
from agentic_prefect.ports import Opening

FLOW_NAME = "ask-a-person"
"""The name of the flow whose runs wait for answers."""
WITHOUT_END_S = 10 * 365 * 24 * 3600
"""How long a question without a deadline waits; Prefect knows no pause without an end."""
SPARE_S = 600
"""How much longer than the question Prefect's pause lasts."""
POLL_S = 1
"""How often it is looked whether somebody answered."""


@dataclass
class _Asked:
    """A question under way, and what has been said to it."""

    intervention: Intervention
    told: Callable[[Opening | Decision], None]
    clock: Callable[[], datetime]
    page: Callable[[str], str | None]
    form_is_there: Callable[[], None]
    """To be called as soon as the server has the form."""
    votes: list[Decision] = field(default_factory=list[Decision])
    since: datetime | None = None
    is_announced: bool = False

    def left_s(self) -> float:
        """Seconds until the deadline."""
        deadline = self.intervention.asking.deadline_s
        if deadline is None or self.since is None:
            return deadline or WITHOUT_END_S
        return deadline - (self.clock() - self.since).total_seconds()

    def announce(self, run_id: str, *, escalated: bool = False) -> None:
        """Let it be known that somebody can answer."""
        self.told(Opening(run_id, self.page(run_id), escalated=escalated))


_asked: ContextVar[_Asked] = ContextVar("agentic_prefect_asked")


class _Form(RunInput):
    """A form that is announced once the server has it: who hears of it can answer."""

    @classmethod
    async def asave(cls, keyset: Keyset, flow_run_id: UUID | None = None) -> None:
        await super().asave(keyset, flow_run_id)
        asked = _asked.get()
        asked.form_is_there()
        if not asked.is_announced:
            asked.is_announced = True
            asked.announce(_run_id())


class PrefectGate:
    """Asks with a flow run of its own for each question, within the run that asks; the others go on meanwhile.

    Args:
        clock: Gives the time.
        page: Where a flow run can be looked at; `None` when there is no page.
    """

    def __init__(self, clock: Callable[[], datetime], page: Callable[[str], str | None]) -> None:
        self._clock, self._page = clock, page
        # A server on SQLite refuses several new runs at once for a moment, and Prefect's client then waits for seconds.
        self._one_opens = asyncio.Lock()

    async def ask(self, intervention: Intervention, told: Callable[[Opening | Decision], None]) -> Decision:
        """What people decided, or the default decision after the deadline."""
        await self._one_opens.acquire()
        opening = contextlib.ExitStack()
        opening.callback(self._one_opens.release)
        asked = _Asked(intervention, told, self._clock, self._page, opening.close, votes=[*intervention.votes])
        token = _asked.set(asked)
        name = f"ask: {intervention.task_id}".replace("{", "(").replace("}", ")")
        try:
            state = cast(
                "State[Decision]",
                await cast(Any, ask_a_person.with_options(flow_run_name=name))(
                    intervention.model_dump(mode="json", exclude={"diagram"}), return_state=True
                ),
            )
        finally:
            opening.close()
            _asked.reset(token)
        if state.is_cancelled():
            raise asyncio.CancelledError(state.message)
        return await state.aresult()


@flow(name=FLOW_NAME, retries=0, persist_result=False, validate_parameters=False)
async def ask_a_person(intervention: dict[str, Any]) -> Any:
    """Wait for people to decide about a task of a plan. Resume this run to answer."""
    asked = _asked.get()
    try:
        decision = await _decided(asked)
    except asyncio.CancelledError as error:
        current = asyncio.current_task()
        if current is not None:
            current.uncancel()
        return Cancelled(message=str(error) or "The answer is no longer needed.")
    said = f": {decision.comment}" if decision.comment else ""
    action = decision.action.replace("_", " ")
    if not decision.by_a_person:
        return Completed(name="Expired", message=f"{action}{said}", data=decision)
    return Completed(message=f"{decision.by or 'somebody'} decided: {action}{said}", data=decision)


async def _decided(asked: _Asked) -> Decision:
    run_id = _run_id()
    asked.since = asked.clock()
    escalation = asyncio.create_task(_escalate(asked, run_id))
    remark, number = asked.intervention.remark, 0
    try:
        while True:
            number += 1
            left = asked.left_s()
            if left <= 0:
                raise TimeoutError
            form = form_for(asked.intervention, remark=remark, votes=asked.votes, base=_Form)
            try:
                answer = await _answer(form, left, key=f"answer-{number}")
                vote = await taken(asked.intervention, answer, votes=asked.votes, now=asked.clock())
            except (AnswerRefused, ValidationError) as error:
                remark = _remark(error)
                continue
            asked.votes.append(vote)
            remark = ""
            decision = settled_by(asked.votes, asked.intervention.asking)
            if decision is not None:
                return decision
            asked.told(vote)
    except TimeoutError:
        return default_decision(asked.intervention, by=BY_DEADLINE, now=asked.clock())
    finally:
        escalation.cancel()


async def _answer(form: type[RunInput], left_s: float, *, key: str) -> Answer:
    # Past its own timeout Prefect fails a paused run and takes no other state for it, so ours comes first.
    async with asyncio.timeout(left_s):
        filled = await apause_flow_run(
            wait_for_input=form, timeout=int(left_s) + SPARE_S, poll_interval=POLL_S, key=key
        )
    return answer_of(filled)


async def _escalate(asked: _Asked, run_id: str) -> None:
    after = asked.intervention.asking.escalate_after_s
    if after is not None:
        await asyncio.sleep(after)
        asked.announce(run_id, escalated=True)


def _remark(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
    return str(error)


def _run_id() -> str:
    context = FlowRunContext.get()
    assert context is not None
    assert context.flow_run is not None
    return str(context.flow_run.id)
