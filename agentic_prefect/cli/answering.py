"""Answers at the terminal of a run that goes on."""

import asyncio
import sys
from contextlib import suppress

from pydantic import SecretStr
from rich.console import Console

from agentic_prefect.cli.progress import Progress
from agentic_prefect.cli.questions import conversation, shown, user
from agentic_prefect.cli.terminal import no_echo
from agentic_prefect.errors import PlanInvalid
from agentic_prefect.interventions import inbox
from agentic_prefect.interventions.inbox import Waiting
from agentic_prefect.interventions.keys import keep_in_memory
from agentic_prefect.models.events import Event, InterventionExpired, InterventionRequested, InterventionResolved
from agentic_prefect.plans.answers import AnswerRefused

LOOK_AGAIN_S = 0.3
"""How soon a question that has just been announced is looked for again."""


class Answering:
    """An observer that asks whoever sits at the terminal, one question after the other.

    A question that is answered elsewhere meanwhile is put away.

    Args:
        console: Where to write.
        progress: What is shown of the run; it makes room while somebody types.
    """

    def __init__(self, console: Console, progress: Progress) -> None:
        self._console, self._progress = console, progress
        self._waiting: asyncio.Queue[InterventionRequested] = asyncio.Queue()
        self._over: set[str] = set()
        self._asked: tuple[str, asyncio.Task[None]] | None = None

    def on_event(self, event: Event) -> None:
        """Take a question up, or put it away."""
        match event:
            case InterventionRequested() if event.waiting_run_id is not None and not event.escalated:
                self._waiting.put_nowait(event)
            case InterventionResolved() | InterventionExpired():
                self._over.add(event.intervention_id)
                if self._asked is not None and self._asked[0] == event.intervention_id:
                    self._asked[1].cancel()
            case _:
                pass

    async def keep_going(self) -> None:
        """Ask until cancelled."""
        while True:
            event = await self._waiting.get()
            if event.intervention_id in self._over:
                continue
            asked = asyncio.create_task(self._ask(event))
            self._asked = (event.intervention_id, asked)
            with suppress(asyncio.CancelledError):
                await asked
            if asked.cancelled() and event.intervention_id not in self._over:
                raise asyncio.CancelledError
            self._asked = None

    async def _ask(self, event: InterventionRequested) -> None:
        question = await self._find(event)
        if question is None:
            return
        with self._progress.making_room():
            self._console.print(shown(question))
            while event.intervention_id not in self._over:
                answer = await conversation(question.intervention, user(), self, _keep)
                try:
                    await inbox.respond(question, answer)
                except AnswerRefused as error:
                    self._console.print(f"{error}", style="red")
                else:
                    return

    async def _find(self, event: InterventionRequested) -> Waiting | None:
        """The question on the server, once it is there; `None` when it is over before."""
        while event.intervention_id not in self._over:
            with suppress(PlanInvalid):
                return await inbox.find(event.waiting_run_id or "")
            await asyncio.sleep(LOOK_AGAIN_S)
        return None

    async def hidden(self, text: str) -> str:
        """One line that is not shown while it is typed."""
        with no_echo():
            line = await self.line(text)
        self._console.print()
        return line

    async def line(self, text: str) -> str:
        """One line; a wait that can be cancelled, other than `input`."""
        self._console.print(text, end="")
        loop, line = asyncio.get_running_loop(), asyncio.Future[str]()
        loop.add_reader(sys.stdin, _take, line)
        try:
            return await line
        finally:
            loop.remove_reader(sys.stdin)


async def _keep(key: SecretStr) -> str:
    return keep_in_memory(key)


def _take(line: asyncio.Future[str]) -> None:
    if not line.done():
        line.set_result(sys.stdin.readline())
