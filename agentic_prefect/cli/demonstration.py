"""The demo: a server, a small model, a call that meets a rate limit, a branch that fails, and what came of it."""

import signal
import subprocess
import sys
from collections.abc import Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from agentic_prefect.cli.exit_codes import ExitCode
from agentic_prefect.cli.fault_proxy import ProxyFault, faulty
from agentic_prefect.cli.local_server import LocalServer, ServerRecord
from agentic_prefect.cli.places import local_model_folder, server_folder
from agentic_prefect.cli.terminal import stdout
from agentic_prefect.errors import AgenticError
from agentic_prefect.llm.local import service
from agentic_prefect.llm.local.status import LocalModelStatus
from agentic_prefect.llm.local.weights import DEFAULT_MODEL, fetch, fetched
from agentic_prefect.models.connection import Connection
from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.load import dump_plan
from agentic_prefect.stored_plans import read_plan, shipped_folder

PLAN: Final = "demo"
CONNECTION: Final = "local"
RATE_LIMITED: Final = "classify"
"""The task whose first call meets a rate limit."""
FAILING: Final = "draft"
"""The task whose calls are all refused, so that its fallback steps in."""
REPORTS: Final = ("demo-report.html", "demo-report.md")
RETRY_AFTER_S: Final = 2
ADVICE: Final = "Stop the server and the model with: agentic-prefect demo --stop"


def give_demo(*, rehearse: bool) -> ExitCode:
    """Run the demo plan and say what there is to look at; the plan's own exit code."""
    console, plan = stdout(), read_plan(PLAN, folders=(shipped_folder(),))
    server = LocalServer(server_folder())
    with ThreadPoolExecutor(max_workers=1) as pool, ExitStack() as stack:
        console.print("Starting a Prefect server of the demo's own …")
        starting = pool.submit(server.start)
        model = None if rehearse else _local_model()
        record = _started(starting)
        if model is None or model.base_url is None:
            arguments = ["rehearse", "-", *_rehearsed_faults()]
        else:
            console.print(f"Model: {model.model} on this machine's processor, from {model.model_path}.", soft_wrap=True)
            base_url = stack.enter_context(faulty(model.base_url, _faults(plan)))
            connection = Connection(base_url=base_url, model=model.model, structured_output="json_schema")
            plan = plan.model_copy(update={"models": {**plan.models, CONNECTION: connection}})
            arguments = ["run", "-", "--model", CONNECTION]
        code = _run(plan, arguments, server.client_environment(record))
        _tell(record, rehearsed=model is None)
    return ExitCode(code)


def end_demo() -> ExitCode:
    """End the server and the model that a demo left running."""
    console = stdout()
    server = LocalServer(server_folder()).stop()
    model = _end_own_model()
    ended = [name for name, was_running in (("the Prefect server", server), ("the local model", model)) if was_running]
    console.print(f"Ended {' and '.join(ended)}." if ended else "Nothing was running.")
    return ExitCode.COMPLETED


def _local_model() -> LocalModelStatus | None:
    """The local model, fetched and started; `None` where that cannot be done, with the reason said."""
    console, folder = stdout(), local_model_folder()
    try:
        if fetched(folder) is None:
            console.print(f"Downloading {DEFAULT_MODEL.name} ({DEFAULT_MODEL.size_bytes / 1e6:.0f} MB), once …")
        fetch(folder)
        if not service.status(folder).running:
            _mark().write_text(str(service.start(folder).pid), encoding="utf-8")
        return service.status(folder)
    except AgenticError as error:
        console.print(f"No model can be had: {error}", soft_wrap=True)
        console.print("So the demo is a rehearsal: every answer in it is made up.")
        return None


def _end_own_model() -> bool:
    """End the model if a demo started it; one that somebody started by hand is theirs."""
    folder, mark = local_model_folder(), _mark()
    if not mark.is_file():
        return False
    now = service.status(folder)
    is_own = now.running and mark.read_text(encoding="utf-8") == str(now.pid)
    mark.unlink()
    if is_own:
        service.stop(folder)
    return is_own


def _mark() -> Path:
    """The file that keeps the process id of a model that a demo started."""
    return server_folder() / "model.pid"


def _started(starting: Future[tuple[ServerRecord, bool]]) -> ServerRecord:
    record, is_new = starting.result()
    stdout().print(f"Prefect server: {record.ui_url}{'' if is_new else ' (of an earlier demo)'}", soft_wrap=True)
    return record


def _faults(plan: Plan) -> tuple[ProxyFault, ...]:
    limit = {"error": {"message": "Rate limit reached for requests", "type": "requests", "code": "rate_limit_exceeded"}}
    refused = {"error": {"message": "The content was filtered", "type": "invalid", "code": "content_filter"}}
    return (
        ProxyFault(text=_words_of(plan, RATE_LIMITED), status=429, body=limit, retry_after_s=RETRY_AFTER_S, times=1),
        ProxyFault(text=_words_of(plan, FAILING), status=400, body=refused),
    )


def _rehearsed_faults() -> tuple[str, ...]:
    return ("--fail", f"{RATE_LIMITED}:429", "--fail", f"{FAILING}:content_filter")


def _words_of(plan: Plan, task_id: str) -> str:
    """The first words of a task's description, which stand in its prompts and in no other's."""
    return plan.task(task_id).description.partition("{{")[0].strip()


def _run(plan: Plan, arguments: list[str], environment: Mapping[str, str]) -> int:
    """Run the plan as a user would, in a process of its own that works with the demo's server."""
    outputs = [word for path in REPORTS for word in ("-o", path)]
    command = [sys.executable, "-m", "agentic_prefect.cli", *arguments, *outputs]
    with _ctrl_c_left_to_the_run():
        run = subprocess.Popen(command, env=dict(environment), stdin=subprocess.PIPE)
        run.communicate(dump_plan(plan).encode())
    return run.returncode


@contextmanager
def _ctrl_c_left_to_the_run() -> Generator[None]:
    """The terminal sends Ctrl-C to both processes; the run cancels itself and this one waits for it."""
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _tell(record: ServerRecord, *, rehearsed: bool) -> None:
    reports = [path for path in REPORTS if Path(path).is_file()]
    lines = [f"Report: {', '.join(str(Path(path).resolve()) for path in reports)}"] if reports else []
    asked = "No model was asked: this was a rehearsal." if rehearsed else "The model ran on this machine: no bill."
    lines.append(asked)
    lines += [f"The Prefect server goes on at {record.ui_url}", ADVICE]
    stdout().print("\n".join(lines), soft_wrap=True)
