"""Asks people through Prefect: a small flow run per question pauses itself, and the UI shows its form."""

import asyncio
import contextlib
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
from prefect import flow
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.exceptions import ObjectNotFound
from prefect.input import RunInput
from prefect.states import Cancelled, Completed
from prefect.tasks import Task
from pydantic import ValidationError

from agentic_prefect.interventions.desk import taken
from agentic_prefect.interventions.forms import answer_of, form_for
from agentic_prefect.interventions.pausing import pause_for
from agentic_prefect.models.intervention import BY_CANCELLATION, BY_DEADLINE, Decision, Intervention
from agentic_prefect.patience import patiently
from agentic_prefect.plans.answers import AnswerRefused
from agentic_prefect.policies.asking import default_decision, settled_by
from agentic_prefect.policies.brief import in_brief
from agentic_prefect.ports import Opening

FLOW_NAME = "ask-a-person"
"""The name of the flow whose runs wait for answers."""
WITHOUT_END_S = 10 * 365 * 24 * 3600
"""How long a question without a deadline waits; Prefect knows no pause without an end."""
SPARE_S = 600
"""How much longer than the question Prefect's pause lasts."""


@dataclass
class _Asked:
    """A question under way, and what has been said to it."""

    intervention: Intervention
    told: Callable[[Opening | Decision], None]
    clock: Callable[[], datetime]
    page: Callable[[str], str | None]
    form_is_there: Callable[[], None]
    """To be called as soon as the server has the form."""
    began: Callable[[], None] = lambda: None
    """To be called as soon as the question has a run."""
    votes: list[Decision] = field(default_factory=list[Decision])
    since: datetime | None = None
    is_open: asyncio.Event = field(default_factory=asyncio.Event)
    """Whether it was announced, since somebody can answer."""
    decision: Decision | None = None

    def left_s(self) -> float:
        """Seconds until the deadline."""
        deadline = self.intervention.asking.deadline_s
        if deadline is None or self.since is None:
            return deadline or WITHOUT_END_S
        return deadline - (self.clock() - self.since).total_seconds()

    def opened(self, run_id: str) -> None:
        """The form is there: who hears of it can answer."""
        self.form_is_there()
        if not self.is_open.is_set():
            self.is_open.set()
            self.announce(run_id)

    def announce(self, run_id: str, *, escalated: bool = False) -> None:
        """Let it be known that somebody can answer."""
        self.told(Opening(run_id, self.page(run_id), escalated=escalated))


_asked: ContextVar[_Asked] = ContextVar("agentic_prefect_asked")


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
        """What people decided, or the default decision after the deadline or when the question was cancelled.

        A server that is away is waited for, until the deadline.
        """
        opening = contextlib.ExitStack()
        asked = _Asked(intervention, told, self._clock, self._page, opening.close, votes=[*intervention.votes])
        token = _asked.set(asked)
        try:
            async with asyncio.timeout(intervention.asking.deadline_s) as until_begun:
                asked.began = lambda: until_begun.reschedule(None)
                await self._one_opens.acquire()
                opening.callback(self._one_opens.release)
                return await patiently(lambda: _through_prefect(asked))
        except TimeoutError:
            return default_decision(intervention, by=BY_DEADLINE, now=self._clock())
        finally:
            opening.close()
            _asked.reset(token)


async def _through_prefect(asked: _Asked) -> Decision:
    """What was decided in a flow run of its own."""
    _count_anew()
    name = f"ask: {asked.intervention.task_id}".replace("{", "(").replace("}", ")")
    try:
        state = cast(
            "State[Decision]",
            await cast(Any, ask_a_person.with_options(flow_run_name=name))(
                in_brief(asked.intervention).model_dump(mode="json", exclude={"diagram"}), return_state=True
            ),
        )
    except (httpx.HTTPError, ObjectNotFound):
        if asked.decision is None:
            raise
        return asked.decision  # the server is away or has deleted the run, and cannot be told
    if asked.decision is None and state.is_cancelled():
        raise asyncio.CancelledError(state.message)
    return asked.decision or await state.aresult()


def _count_anew() -> None:
    """Have each question open a run that was not there before.

    Prefect numbers the subflows of a run, and takes up the run that has the number already: a run that goes on after a
    suspension would ask in that of an earlier question. So its numbers begin at one that no other process has.
    """
    context = FlowRunContext.get()
    if context is not None:
        context.task_run_dynamic_keys.setdefault(_TASK_KEY, uuid4().int)


@flow(name=FLOW_NAME, retries=0, persist_result=False, validate_parameters=False)
async def ask_a_person(intervention: dict[str, Any]) -> Any:
    """Wait for people to decide about a task of a plan. Resume this run to answer."""
    asked = _asked.get()
    asked.began()
    try:
        asked.decision = decision = await _decided(asked)
    except asyncio.CancelledError as error:
        current = asyncio.current_task()
        if current is not None:
            current.uncancel()
        return Cancelled(message=str(error) or "The answer is no longer needed.")
    said = f": {decision.comment}" if decision.comment else ""
    action = decision.action.replace("_", " ")
    if decision.by == BY_CANCELLATION:
        return Cancelled(message=f"{action}{said}")
    if not decision.by_a_person:
        return Completed(name="Expired", message=f"{action}{said}", data=decision)
    return Completed(message=f"{decision.by or 'somebody'} decided: {action}{said}", data=decision)


_TASK_KEY = Task(name=FLOW_NAME, fn=ask_a_person.fn).task_key
"""Under which Prefect counts the runs of this flow in the run around them."""


async def _decided(asked: _Asked) -> Decision:
    run_id = _run_id()
    asked.since = asked.clock()
    escalation = asyncio.create_task(_escalate(asked, run_id))
    remark, number = asked.intervention.remark, 0
    try:
        while True:
            number += 1
            form = form_for(asked.intervention, remark=remark, votes=asked.votes)
            try:
                vote = await _vote(asked, form, key=f"answer-{number}")
            except (AnswerRefused, ValidationError) as error:
                remark = _remark(error)
                continue
            if vote is None:
                return default_decision(asked.intervention, by=BY_CANCELLATION, now=asked.clock())
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


async def _vote(asked: _Asked, form: type[RunInput], *, key: str) -> Decision | None:
    """What the next answer stands for; `None` when the question was cancelled."""
    left_s, run_id = max(asked.left_s(), 0.0), _run_id()
    # Past its own timeout Prefect fails a paused run and takes no other state for it, so ours comes first.
    async with asyncio.timeout(left_s):
        filled = await pause_for(
            form, UUID(run_id), key=key, timeout_s=int(left_s) + SPARE_S, opened=lambda: asked.opened(run_id)
        )
        if filled is None:
            return None
        answer = answer_of(filled)
        return await patiently(lambda: taken(asked.intervention, answer, votes=asked.votes, now=asked.clock()))


async def _escalate(asked: _Asked, run_id: str) -> None:
    after = asked.intervention.asking.escalate_after_s
    if after is not None:
        await asked.is_open.wait()
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
