"""A small proxy on this machine that stands before a model and lets chosen calls fail, over real HTTP."""

import json
import math
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

from agentic_prefect.models.base import Frozen

HOST: Final = "127.0.0.1"
TIMEOUT_S: Final = 120.0
"""How long the model behind may take for one answer."""
_NOT_PASSED_ON: Final = frozenset({"connection", "host", "transfer-encoding", "content-length", "accept-encoding"})


class ProxyFault(Frozen):
    """Which calls fail, and how."""

    text: str
    """Part of the prompt of the calls that are meant."""
    status: int
    body: dict[str, Any]
    retry_after_s: int | None = None
    times: int | None = None
    """How many calls fail; `None` is all of them."""


class _Server(ThreadingHTTPServer):
    """Holds the faults that are still to come."""

    daemon_threads = True

    def __init__(self, target: str, faults: Sequence[ProxyFault]) -> None:
        super().__init__((HOST, 0), _Handler)
        self.target = urlsplit(target)
        self._faults, self._left = tuple(faults), [math.inf if each.times is None else each.times for each in faults]
        self._lock = threading.Lock()

    def fault_for(self, prompt: str) -> ProxyFault | None:
        """The fault whose turn it is for a call with this prompt; `None` passes the call on."""
        with self._lock:
            for place, fault in enumerate(self._faults):
                if fault.text in prompt and self._left[place] > 0:
                    self._left[place] -= 1
                    return fault
        return None


class _Handler(BaseHTTPRequestHandler):
    """Answers one call: with a fault, or with what the model behind says."""

    protocol_version = "HTTP/1.1"
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]  # the library's way to reach it

    def do_GET(self) -> None:
        self._pass_on(b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.server.fault_for(_prompt_in(body))
        if fault is None:
            self._pass_on(body)
            return
        extra = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
        self._answer(fault.status, json.dumps(fault.body).encode(), {"Content-Type": "application/json", **extra})

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the calls are seen in the run."""

    def _pass_on(self, body: bytes) -> None:
        target = self.server.target
        connection = HTTPConnection(target.hostname or HOST, target.port, timeout=TIMEOUT_S)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _NOT_PASSED_ON}
        try:
            connection.request(self.command, self.path, body=body or None, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in _NOT_PASSED_ON}
            self._answer(answer.status, content, kept)
        except (OSError, HTTPException) as error:
            message = {"error": {"message": f"The model behind the proxy does not answer: {error}"}}
            self._answer(502, json.dumps(message).encode(), {"Content-Type": "application/json"})
        finally:
            connection.close()

    def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except OSError:
            # The caller went away, as it does when a run is cancelled.
            self.close_connection = True


@contextmanager
def faulty(base_url: str, faults: Sequence[ProxyFault]) -> Generator[str]:
    """Put a proxy before a model while the body runs; gives the proxy's own base URL.

    Args:
        base_url: The model's, with its path: the proxy passes paths on as they are.
        faults: The first one that is meant for a call and has turns left is answered in the model's place.
    """
    server = _Server(base_url, faults)
    thread = threading.Thread(target=server.serve_forever, name="fault-proxy", daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_address[1]}{urlsplit(base_url).path}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _prompt_in(body: bytes) -> str:
    """All text that a call says to the model, with its line ends and quotes as they were written."""
    try:
        call = json.loads(body)
    except ValueError:
        return ""
    return "\n".join(_texts(call))


def _texts(value: Any) -> list[str]:
    match value:
        case str():
            return [value]
        case dict():
            return [text for part in value.values() for text in _texts(part)]  # pyright: ignore[reportUnknownVariableType]
        case list():
            return [text for part in value for text in _texts(part)]  # pyright: ignore[reportUnknownVariableType]
        case _:
            return []
