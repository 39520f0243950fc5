"""What a test says to a scripted model and reads from it, over HTTP or in process."""

import re
from collections.abc import Callable, Sequence

from agentic_prefect.testing.journal import Tally
from agentic_prefect.testing.play import Play
from agentic_prefect.testing.request import ScriptedRequest
from agentic_prefect.testing.script import Answer, AnswerFunction, Match, Rule, Script


class Scripted:
    """Rules and records of a scripted model. All methods may be called from every thread.

    Args:
        script: What it answers after each `reset()`; rules can be added at any time. `None` echoes.
    """

    def __init__(self, script: Script | None = None) -> None:
        self._play = Play(script or Script())

    def on(
        self,
        when: str | re.Pattern[str] | Match | None,
        *answers: Answer | AnswerFunction,
        times: int | None = None,
        skip: int = 0,
    ) -> None:
        """Add a rule after those that are there.

        Args:
            when: A part of the prompt's text, a pattern found in it, a `Match`, or `None` for every request.
            answers: One after the other; the last one answers all further requests. None at all is an echo.
            times: How many requests the rule answers; `None` is all of them.
            skip: That many matching requests are left to later rules first.
        """
        fields = {"when": when, "times": times, "skip": skip} | ({"answers": answers} if answers else {})
        self._play.rules.add(Rule.model_validate(fields))

    def queue(self, answers: Sequence[Answer | AnswerFunction]) -> None:
        """Answer the next requests with `answers`, one each, whatever they ask; this goes before all rules."""
        self._play.rules.queue(list(answers))

    def answer_by_default(self, answer: Answer | AnswerFunction) -> None:
        """Answer with `answer` when no rule does."""
        self._play.rules.answer_by_default(answer)

    def release(self, count: int | None = None) -> None:
        """Let held requests go, the oldest first.

        Args:
            count: How many; `None` is all that have arrived. Later ones are held again.
        """
        self._play.release(count)

    def reset(self) -> None:
        """Back to the script as it was given, with empty records; requests that are in flight are forgotten."""
        self._play.reset()

    @property
    def requests(self) -> tuple[ScriptedRequest, ...]:
        """The requests to the model, in the order of arrival, refused ones included."""
        return self._play.journal.requests

    def requests_matching(self, text: str) -> tuple[ScriptedRequest, ...]:
        """The requests with `text` in their prompt."""
        return tuple(request for request in self.requests if text in request.prompt_text)

    @property
    def count(self) -> int:
        """How many requests to the model arrived."""
        return self._play.journal.tally.count

    @property
    def in_flight(self) -> int:
        """How many requests are being answered at this moment."""
        return self._play.journal.tally.in_flight

    @property
    def max_in_flight(self) -> int:
        """The most requests that were being answered at once."""
        return self._play.journal.tally.max_in_flight

    def wait_until(self, is_met: Callable[[Tally], bool], *, timeout_s: float = 10.0) -> None:
        """Block this thread until `is_met` is true of the numbers.

        Raises:
            NotInTime: It was not within `timeout_s` seconds.
        """
        self._play.journal.wait_until(is_met, awaited="a condition", timeout_s=timeout_s)

    async def wait_until_async(self, is_met: Callable[[Tally], bool], *, timeout_s: float = 10.0) -> None:
        """Do the same as `wait_until`, for code that runs in an event loop."""
        await self._play.journal.wait_until_async(is_met, awaited="a condition", timeout_s=timeout_s)

    def wait_for_requests(self, count: int, *, timeout_s: float = 10.0) -> None:
        """Block this thread until `count` requests have arrived since the last reset.

        Raises:
            NotInTime: They had not within `timeout_s` seconds.
        """
        awaited = f"{count} requests"
        self._play.journal.wait_until(lambda tally: tally.count >= count, awaited=awaited, timeout_s=timeout_s)

    async def wait_for_requests_async(self, count: int, *, timeout_s: float = 10.0) -> None:
        """Do the same as `wait_for_requests`, for code that runs in an event loop."""
        awaited = f"{count} requests"
        journal = self._play.journal
        await journal.wait_until_async(lambda tally: tally.count >= count, awaited=awaited, timeout_s=timeout_s)
