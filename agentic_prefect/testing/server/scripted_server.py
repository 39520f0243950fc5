"""A scripted model behind a real HTTP server on loopback, with its own thread."""

import asyncio
import re
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Self

from agentic_prefect.testing.request import ScriptedRequest
from agentic_prefect.testing.script import Answer, AnswerFunction, Match, Rule, Script
from agentic_prefect.testing.server.backend import Backend
from agentic_prefect.testing.server.connection import Connection
from agentic_prefect.testing.server.journal import Tally

_BACKLOG = 2048


class ScriptedServer:
    """An OpenAI-compatible server that answers from a script and records what it was asked.

    It speaks Chat Completions and Responses, streamed or not, and `GET /v1/models`. Without rules every request gets
    an echo: a valid instance of the schema that it asks for, or a short sentence. All methods may be called from every
    thread.

    ```python
    with ScriptedServer() as server:
        server.on("capital of France", Fault.rate_limited(retry_after_s=1), Reply.text("Paris"))
        ...  # point a client at server.base_url
        assert server.count == 2
    ```

    Args:
        script: What it answers after each `reset()`; rules can be added at any time.
        port: 0 takes a free one.
    """

    def __init__(self, script: Script | None = None, *, port: int = 0) -> None:
        self._backend = Backend(script or Script())
        self._journal = self._backend.journal
        self._rules = self._backend.rules
        self._wanted_port = port
        self._thread: threading.Thread | None = None
        self._port: int | None = None

    def start(self) -> Self:
        """Listen; returns when requests can come.

        Raises:
            OSError: The port is taken.
        """
        if self._thread is not None:
            return self
        started: Future[int] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(started)), name="scripted-server", daemon=True
        )
        self._thread.start()
        try:
            self._port = started.result()
        except OSError:
            self._thread.join()
            self._thread = None
            raise
        return self

    def stop(self) -> None:
        """Close all connections, answered or not, and end the thread."""
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
            self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Scheme, host and port, without a slash at the end.

        Raises:
            RuntimeError: The server was never started.
        """
        if self._port is None:
            raise RuntimeError("The scripted server has no address yet. Start it: `with ScriptedServer() as server:`.")
        return f"http://127.0.0.1:{self._port}"

    @property
    def base_url(self) -> str:
        """What `OPENAI_BASE_URL` wants: `http://127.0.0.1:PORT/v1`."""
        return f"{self.url}/v1"

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
        self._rules.add(Rule.model_validate(fields))

    def queue(self, answers: Sequence[Answer | AnswerFunction]) -> None:
        """Answer the next requests with `answers`, one each, whatever they ask; this goes before all rules."""
        self._rules.queue(list(answers))

    def answer_by_default(self, answer: Answer | AnswerFunction) -> None:
        """Answer with `answer` when no rule does."""
        self._rules.answer_by_default(answer)

    def release(self, count: int | None = None) -> None:
        """Let held requests go, the oldest first.

        Args:
            count: How many; `None` is all that have arrived. Later ones are held again.
        """
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._backend.release, count)

    def reset(self) -> None:
        """Back to the script as it was given, with empty records; requests that are in flight are dropped."""
        self._backend.reset()
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._backend.drop_forgotten)

    @property
    def requests(self) -> tuple[ScriptedRequest, ...]:
        """The requests to a model, in the order of arrival; `/models` and `/health` are not among them."""
        return self._journal.requests

    def requests_matching(self, text: str) -> tuple[ScriptedRequest, ...]:
        """The requests with `text` in their prompt."""
        return tuple(request for request in self.requests if text in request.prompt_text)

    @property
    def count(self) -> int:
        """How many requests to a model arrived."""
        return self._journal.tally.count

    @property
    def in_flight(self) -> int:
        """How many requests are being answered at this moment."""
        return self._journal.tally.in_flight

    @property
    def max_in_flight(self) -> int:
        """The most requests that were being answered at once."""
        return self._journal.tally.max_in_flight

    def wait_until(self, is_met: Callable[[Tally], bool], *, timeout_s: float = 10.0) -> None:
        """Block this thread until `is_met` is true of the server's numbers.

        Raises:
            NotInTime: It was not within `timeout_s` seconds.
        """
        self._journal.wait_until(is_met, awaited="a condition", timeout_s=timeout_s)

    async def wait_until_async(self, is_met: Callable[[Tally], bool], *, timeout_s: float = 10.0) -> None:
        """Do the same as `wait_until`, for code that runs in an event loop."""
        await self._journal.wait_until_async(is_met, awaited="a condition", timeout_s=timeout_s)

    def wait_for_requests(self, count: int, *, timeout_s: float = 10.0) -> None:
        """Block this thread until `count` requests have arrived since the last reset.

        Raises:
            NotInTime: They had not within `timeout_s` seconds.
        """
        awaited = f"{count} requests"
        self._journal.wait_until(lambda tally: tally.count >= count, awaited=awaited, timeout_s=timeout_s)

    async def wait_for_requests_async(self, count: int, *, timeout_s: float = 10.0) -> None:
        """Do the same as `wait_for_requests`, for code that runs in an event loop."""
        awaited = f"{count} requests"
        await self._journal.wait_until_async(lambda tally: tally.count >= count, awaited=awaited, timeout_s=timeout_s)

    async def _serve(self, started: "Future[int]") -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        try:
            listener = await self._loop.create_server(
                lambda: Connection(self._backend), "127.0.0.1", self._wanted_port, backlog=_BACKLOG
            )
        except OSError as error:
            started.set_exception(error)
            return
        started.set_result(listener.sockets[0].getsockname()[1])
        await self._stopping.wait()
        listener.close()
        self._backend.drop_all()
