"""A server, a worker and the deployments on this machine, for as long as somebody works with them."""

import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

import httpx

from agentic_prefect.cli.exit_codes import ExitCode
from agentic_prefect.cli.local_server import LocalServer, ServerRecord
from agentic_prefect.cli.places import server_folder
from agentic_prefect.cli.terminal import stdout
from agentic_prefect.cli.usage import UsageError

POOL: Final = "agentic"
PREFECT_FILES: Final = (Path("prefect.yaml"), Path("deployments/prefect.yaml"))
QUERY_S: Final = "2"
"""How often the worker looks for runs; its default of 10 s makes a click feel lost."""
CONFLICT: Final = 409
"""HTTP status: there is a pool of that name already."""
_STOP_GRACE_S: Final = 10.0
_LOOK_AGAIN_S: Final = 0.5

DEPLOY_ONE: Final = (
    "from prefect.types.entrypoint import EntrypointType\n"
    "from agentic_prefect.doors import run_plan\n"
    "run_plan.deploy('any-plan', work_pool_name={pool!r}, entrypoint_type=EntrypointType.MODULE_PATH, build=False,\n"
    "    push=False, ignore_warnings=True, print_next_steps=False, job_variables={{'working_dir': {folder!r}}})\n"
)
"""What is deployed where no file says it."""


class DeployFailed(UsageError):
    """Prefect did not take the deployments."""

    def __init__(self, source: str, output: str) -> None:
        super().__init__(source, output)
        self.source, self.output = source, output

    def __str__(self) -> str:
        return f"The deployments of {self.source!r} could not be made. Prefect said:\n{self.output.strip()}"


def open_workshop(*, port: int, prefect_file: Path | None, stay: bool) -> ExitCode:
    """Start everything, say where it is, and stop by process id what was started.

    Raises:
        AgenticError: The server, the worker or the deployments did not come up.
    """
    source = _prefect_file(prefect_file)
    server, console = LocalServer(server_folder()), stdout()
    with ExitStack() as stack:
        console.print("Starting a Prefect server …")
        record, is_ours = server.start(port=port)
        if is_ours:
            stack.callback(server.stop)
        environment = {**server.client_environment(record), "PREFECT_WORKER_QUERY_SECONDS": QUERY_S}
        _make_pool(record)
        worker = stack.enter_context(_worker(environment, server.home / "worker.log"))
        _deploy(source, environment)
        console.print(_directions(record), soft_wrap=True)
        if stay:
            return _wait(worker, server.home / "worker.log")
    return ExitCode.COMPLETED


def _prefect_file(given: Path | None) -> Path | None:
    if given is not None and not given.is_file():
        raise UsageError(f"There is no file {str(given)!r}. Give the path of a prefect.yaml, or leave it out.")
    return given or next((path for path in PREFECT_FILES if path.is_file()), None)


def _make_pool(record: ServerRecord) -> None:
    # Asked directly: `prefect work-pool create` takes two seconds and fails when the pool is there.
    answer = httpx.post(f"{record.api_url}/work_pools/", json={"name": POOL, "type": "process"}, trust_env=False)
    if answer.status_code != CONFLICT:
        answer.raise_for_status()


def _deploy(source: Path | None, environment: Mapping[str, str]) -> None:
    if source is None:
        command = [sys.executable, "-c", DEPLOY_ONE.format(pool=POOL, folder=str(Path.cwd()))]
    else:
        command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(source)]
    done = subprocess.run(
        command, env=dict(environment), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise DeployFailed(str(source or "run-plan/any-plan"), done.stdout + done.stderr)


@contextmanager
def _worker(environment: Mapping[str, str], log_path: Path) -> Generator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process"]
    with log_path.open("wb") as log:
        worker = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Ctrl-C is heard here, and then the worker is ended; both at once would end it in the middle of a run.
            start_new_session=True,
        )
    try:
        yield worker
    finally:
        worker.terminate()
        try:
            worker.wait(_STOP_GRACE_S)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


def _wait(worker: subprocess.Popen[bytes], log: Path) -> ExitCode:
    """Stay until Ctrl-C or the end of the worker."""
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        while not stop.wait(_LOOK_AGAIN_S):
            if worker.poll() is not None:
                stdout().print(f"The worker ended with exit code {worker.returncode}; its log is {log}.")
                return ExitCode.FAILED
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    stdout().print("Stopping the worker and the server …")
    return ExitCode.COMPLETED


def _directions(record: ServerRecord) -> str:
    return "\n".join(
        (
            f"UI:          {record.ui_url}",
            f"Deployments: {record.ui_url}/deployments",
            f"In another terminal: export PREFECT_API_URL={record.api_url}",
            "                     prefect deployment run run-plan/any-plan --param plan=research",
            "Ctrl-C stops the worker and the server.",
        )
    )
