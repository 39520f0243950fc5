"""A Prefect server on this machine, started and stopped by the process id that it was started under."""

import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from pydantic import ValidationError

from agentic_prefect.cli.usage import UsageError
from agentic_prefect.errors import ConnectionLost
from agentic_prefect.llm.local.exclusive import exclusive
from agentic_prefect.llm.local.process import is_alive, terminate
from agentic_prefect.models.base import Frozen
from agentic_prefect.settings import environment

HOST: Final = "127.0.0.1"
START_TIMEOUT_S: Final = 120.0
"""A cold start takes 8 to 15 seconds; a loaded machine takes several times that."""
_STOP_GRACE_S: Final = 10.0
_LOOK_AGAIN_S: Final = 0.1

BATCHES: Final[Mapping[str, str]] = {
    # One write per event of a task run is the server's bottleneck; in batches a task run costs a third.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
}
QUIET: Final[Mapping[str, str]] = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
}


class ServerRecord(Frozen):
    """A server that was started, as written to disk for later processes to find."""

    pid: int
    port: int

    @property
    def url(self) -> str:
        """Scheme, host and port."""
        return f"http://{HOST}:{self.port}"

    @property
    def api_url(self) -> str:
        """What `PREFECT_API_URL` wants."""
        return f"{self.url}/api"

    @property
    def ui_url(self) -> str:
        """Where a person looks. Without `/v2` links open the classic interface, which draws no diagrams."""
        return f"{self.url}/v2"

    @property
    def token(self) -> str:
        """What stands on the process's command line, so that a reused pid is not taken for ours."""
        return str(self.port)


class PortTaken(UsageError):
    """Something else listens on the port that was asked for."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.port = port

    def __str__(self) -> str:
        return f"Port {self.port} is taken by another program. Choose another one with `--port`."


class ServerDidNotStart(ConnectionLost):
    """The local Prefect server did not come up."""

    def __init__(self, why: str, log: Path) -> None:
        super().__init__(
            f"The local Prefect server {why}. Its log is in {str(log)!r}. Try again, or start one with "
            f"`prefect server start` and set PREFECT_API_URL."
        )


@dataclass(frozen=True, slots=True)
class LocalServer:
    """The server of one home folder; whoever asks shares it."""

    home: Path

    def running(self) -> ServerRecord | None:
        """The server that runs and answers; `None` when there is none."""
        try:
            record = ServerRecord.model_validate_json(self._record.read_bytes())
        except (FileNotFoundError, ValidationError):
            return None
        return record if is_alive(record.pid, token=record.token) and answers(record.api_url) else None

    def start(self, *, port: int | None = None) -> tuple[ServerRecord, bool]:
        """The server, started unless it runs already, and whether it was started by this call.

        Args:
            port: Which port; `None` takes a free one.

        Raises:
            PortTaken: Something else listens there.
            ServerDidNotStart: It ended, or did not answer in time.
        """
        with exclusive(self.home / "server.lock", timeout_s=START_TIMEOUT_S):
            record = self.running()
            if record is not None:
                return record, False
            self._stop_recorded()
            return self._start(_free_port(port)), True

    def stop(self) -> bool:
        """End the server; false when none was running."""
        with exclusive(self.home / "server.lock", timeout_s=START_TIMEOUT_S):
            return self._stop_recorded()

    def client_environment(self, record: ServerRecord) -> dict[str, str]:
        """The environment of a process that works with this server and leaves the user's own Prefect home alone."""
        return {
            **environment(),
            **QUIET,
            "PREFECT_HOME": str(self.home),
            "PREFECT_API_URL": record.api_url,
            "PREFECT_UI_URL": record.ui_url,
        }

    @property
    def _record(self) -> Path:
        return self.home / "server.json"

    @property
    def _log(self) -> Path:
        return self.home / "server.log"

    def _start(self, port: int) -> ServerRecord:
        own = {name: value for name, value in environment().items() if not name.startswith("PREFECT_")}
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "agentic_prefect.hosting.server", "--host", HOST, "--port", str(port)],
                env={**own, **BATCHES, **QUIET, "PREFECT_HOME": str(self.home)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # It outlives this process and hears none of its terminal's signals.
                start_new_session=True,
            )
        record = ServerRecord(pid=process.pid, port=port)
        well = False
        try:
            deadline = time.monotonic() + START_TIMEOUT_S
            while process.poll() is None and time.monotonic() < deadline and not (well := answers(record.api_url)):
                time.sleep(_LOOK_AGAIN_S)
            if not well:
                code = process.poll()
                why = f"did not answer in {START_TIMEOUT_S:g} s" if code is None else f"ended with exit code {code}"
                raise ServerDidNotStart(why, self._log)
            self._record.write_text(record.model_dump_json(), encoding="utf-8")
        finally:
            if not well:
                terminate(process.pid, token=record.token, grace_s=_STOP_GRACE_S)
        return record

    def _stop_recorded(self) -> bool:
        try:
            record = ServerRecord.model_validate_json(self._record.read_bytes())
        except (FileNotFoundError, ValidationError):
            return False
        was_alive = is_alive(record.pid, token=record.token)
        terminate(record.pid, token=record.token, grace_s=_STOP_GRACE_S)
        self._record.unlink(missing_ok=True)
        return was_alive


def answers(api_url: str) -> bool:
    """Whether a Prefect server at that address says that it is well. Asked directly, past any proxy."""
    try:
        return httpx.get(f"{api_url}/health", timeout=2.0, trust_env=False, verify=False).status_code == 200
    except httpx.HTTPError:
        return False


def _free_port(wanted: int | None) -> int:
    """The port that is wanted, or a free one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted or 0))
        except OSError as error:
            raise PortTaken(wanted or 0) from error
        return int(probe.getsockname()[1])
