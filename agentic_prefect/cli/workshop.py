"""A server, a worker and the deployments on this machine, for as long as somebody works with them."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import httpx
from prefect.settings import PREFECT_API_URL, PREFECT_UI_URL, temporary_settings

from agentic_prefect.bootstrap.keeping import plan_to_keep
from agentic_prefect.cli.exit_codes import ExitCode
from agentic_prefect.cli.local_server import LocalServer, ServerRecord
from agentic_prefect.cli.places import server_folder
from agentic_prefect.cli.terminal import stdout
from agentic_prefect.cli.usage import UsageError
from agentic_prefect.cli.worker import QUERY_S, work_until_stopped, worker_process
from agentic_prefect.hosting.deploying import Deployed
from agentic_prefect.stored_plans import shipped_folder, stored_plans

POOL: Final = "agentic"
PREFECT_FILES: Final = (Path("prefect.yaml"), Path("deployments/prefect.yaml"))
CONFLICT: Final = 409
"""HTTP status: there is a pool of that name already."""

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
        worker = stack.enter_context(worker_process(environment, server.home / "worker.log", pool=POOL))
        _deploy(source, environment)
        examples: Sequence[Deployed] = () if source is not None else _deploy_examples(record)
        console.print(_directions(record, examples), soft_wrap=True)
        if stay:
            return work_until_stopped(
                worker, server.home / "worker.log", goodbye="Stopping the worker and the server …"
            )
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


def _deploy_examples(record: ServerRecord) -> Sequence[Deployed]:
    """Give the plans that ship with the package deployments of their own."""
    # They are many modules, and whoever brings a prefect.yaml needs none of them.
    from agentic_prefect.cli.launching import watch_runs
    from agentic_prefect.cli.serving import deploy_all

    with temporary_settings({PREFECT_API_URL: record.api_url, PREFECT_UI_URL: record.ui_url}):
        plans = [plan_to_keep(str(path)) for path in stored_plans([shipped_folder()]).values()]
        made = deploy_all(plans, pool=POOL)
        watch_runs()  # the server is this command's own, and nobody else's
        return made


def _directions(record: ServerRecord, examples: Sequence[Deployed]) -> str:
    return "\n".join(
        (
            f"UI:          {record.ui_url}",
            f"Deployments: {record.ui_url}/deployments",
            *(f"Form:        {each.form}" for each in examples),
            f"In another terminal: export PREFECT_API_URL={record.api_url}",
            "                     prefect deployment run run-plan/any-plan --param plan=research",
            "Ctrl-C stops the worker and the server.",
        )
    )
