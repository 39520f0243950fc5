"""A scripted model behind a real HTTP server on loopback, with its own thread."""

import asyncio
import threading
from concurrent.futures import Future
from types import TracebackType
from typing import Self

from agentic_prefect.testing.script import Script
from agentic_prefect.testing.scripted import Scripted
from agentic_prefect.testing.server.backend import Backend
from agentic_prefect.testing.server.connection import Connection

_BACKLOG = 2048


class ScriptedServer(Scripted):
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
        script: What it answers after each `reset()`; rules can be added at any time. `None` echoes.
        port: 0 takes a free one.
    """

    def __init__(self, script: Script | None = None, *, port: int = 0) -> None:
        super().__init__(script)
        self._backend = Backend(self._play)
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
        thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), name="scripted-server", daemon=True)
        thread.start()
        self._port = started.result()
        self._thread = thread
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

    def reset(self) -> None:
        """Back to the script as it was given, with empty records; connections with a request in flight are closed."""
        super().reset()
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._backend.drop_forgotten)

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
