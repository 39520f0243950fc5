"""A script while it is played: which answer a request gets, what was asked so far, and who waits to be let go."""

import asyncio
import threading
import time
from dataclasses import dataclass
from typing import cast

from agentic_prefect.testing.journal import Journal, Ticket
from agentic_prefect.testing.matching import RuleBook
from agentic_prefect.testing.request import ScriptedRequest
from agentic_prefect.testing.script import ANSWER_TYPES, Answer, AnswerFunction, Script, StatusFault

Gate = asyncio.Future[None]


@dataclass(slots=True)
class Turn:
    """One request and the answer that was chosen for it."""

    request: ScriptedRequest
    ticket: Ticket
    answer: Answer | AnswerFunction
    gate: Gate | None
    """Done when a held answer may go; `None` when it is known that the answer is not held."""

    @property
    def answer_at_once(self) -> Answer | None:
        """The answer, when nothing is to be computed or waited for before it."""
        answer = self.answer
        return answer if isinstance(answer, ANSWER_TYPES) and not answer.held and not answer.delay_s else None


class Play:
    """What a scripted model knows, whether it answers over HTTP or in process."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.rules = RuleBook(script)
        self.journal = Journal()
        self._lock = threading.Lock()
        self._gates: dict[Gate, None] = {}

    def reset(self) -> None:
        """Back to the script as it was given, with an empty journal. May be called from every thread."""
        self.rules.reset()
        self.journal.reset()

    def begin(self, request: ScriptedRequest, refusal: StatusFault | None = None) -> Turn:
        """Choose the answer and note the request; called in the event loop that will answer.

        Args:
            refusal: The answer to a request that no rule is asked about.
        """
        answer = refusal or self.rules.choose(request)
        gate = None
        if not isinstance(answer, ANSWER_TYPES) or answer.held:
            gate = asyncio.get_running_loop().create_future()
            with self._lock:
                self._gates[gate] = None
        # After the gate is there: who sees that the request has arrived may let it go.
        return Turn(request, self.journal.arrived(request), answer, gate)

    async def decided(self, turn: Turn) -> Answer:
        """The answer, after everything that is to be computed or waited for before it."""
        answer = turn.answer
        if not isinstance(answer, ANSWER_TYPES):
            answer = await _computed(answer, turn.request)
        if answer.held and turn.gate is not None:
            await turn.gate
        self._forget(turn)
        if answer.delay_s:
            await asyncio.sleep(answer.delay_s)
        return answer

    def end(self, turn: Turn, *, status: int | None, whole: bool) -> None:
        """Note the end of a turn; the first end counts.

        Args:
            status: The HTTP status that was sent; `None` when none was.
            whole: All of the answer is out.
        """
        self._forget(turn)
        self.journal.closed(turn.ticket, status=status, answered_at=time.monotonic() if whole else None)

    def release(self, count: int | None) -> None:
        """Let the `count` oldest held requests go; `None` is all. May be called from every thread."""
        with self._lock:
            gates = list(self._gates)[:count]
            for gate in gates:
                del self._gates[gate]
        for gate in gates:
            gate.get_loop().call_soon_threadsafe(_open, gate)

    def _forget(self, turn: Turn) -> None:
        if turn.gate is not None:
            with self._lock:
                self._gates.pop(turn.gate, None)


def _open(gate: Gate) -> None:
    if not gate.done():
        gate.set_result(None)


async def _computed(function: AnswerFunction, request: ScriptedRequest) -> Answer:
    """What the script's function answers; its error becomes an answer that no client tries again."""

    async def call() -> Answer:
        return function(request)

    outcome = cast("object", (await asyncio.gather(call(), return_exceptions=True))[0])
    if isinstance(outcome, ANSWER_TYPES):
        return outcome
    done = "raised" if isinstance(outcome, BaseException) else "returned no answer but"
    return StatusFault(status=400, code="script_error", message=f"The script's answer function {done} {outcome!r}.")
