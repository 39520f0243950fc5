"""What `serve` does: deploy plans, and run a worker for them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from prefect.settings import PREFECT_API_URL, get_current_settings

from agentic_prefect.blocks.plan_store import save_plan
from agentic_prefect.bootstrap.keeping import plan_to_keep
from agentic_prefect.cli.clear_text import require_no_keys
from agentic_prefect.cli.exit_codes import ExitCode
from agentic_prefect.cli.launching import require_lasting_server, watch_runs
from agentic_prefect.cli.server import ask_server
from agentic_prefect.cli.terminal import stdout
from agentic_prefect.cli.usage import UsageError
from agentic_prefect.cli.worker import QUERY_S, work_until_stopped, worker_process
from agentic_prefect.errors import AgenticError
from agentic_prefect.hosting.deploying import Deployed, Wish, deploy, pool_of, require_process_pool
from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.form import input_defaults
from agentic_prefect.settings import environment
from agentic_prefect.stored_plans import stored_plans

LOG: Final = "agentic-worker.log"
"""In Prefect's home."""


def serve(references: Sequence[str], *, pool: str, limit: int | None, stay: bool) -> ExitCode:
    """Deploy plans, say where their forms are, and run a worker until Ctrl-C.

    Raises:
        AgenticError: A plan would not run or is deployed elsewhere, or the pool is no process pool. Nothing changed.
    """
    plans = _plans(references)
    require_lasting_server()
    ask_server(require_process_pool(pool))
    for plan in plans:
        before = ask_server(pool_of(plan.name))
        if before is not None and before != pool:
            raise UsageError(
                f"Plan {plan.name!r} is deployed to the work pool {before!r} already. Run a worker there (`prefect "
                f"worker start --pool {before}`), or serve it there with `--work-pool {before}`."
            )
    console = stdout()
    for made in deploy_all(plans, pool=pool):
        console.print(f"{made.name}: {made.form}", soft_wrap=True)
    for line in watch_runs():
        console.print(line, soft_wrap=True)
    log = get_current_settings().home / LOG
    api = {"PREFECT_API_URL": PREFECT_API_URL.value() or "", "PREFECT_WORKER_QUERY_SECONDS": QUERY_S}
    with worker_process({**environment(), **api}, log, pool=pool, limit=limit) as worker:
        console.print(f"A worker waits for runs; its log is {log}. Ctrl-C stops it.", soft_wrap=True)
        return work_until_stopped(worker, log, goodbye="Stopping the worker …") if stay else ExitCode.COMPLETED


def deploy_all(plans: Sequence[Plan], *, pool: str) -> Sequence[Deployed]:
    """Save and deploy plans, each under its name; what its deployment has beside the plan stays."""
    done: list[Deployed] = []
    for plan in plans:
        stored, _ = save_plan(plan)
        done.append(ask_server(deploy(Wish(plan=plan, stored=stored, name=plan.name, pool=pool, as_it_is=True))))
    return done


def _plans(references: Sequence[str]) -> Sequence[Plan]:
    """The plans that are meant, all of them checked.

    Raises:
        UsageError: There is none, some would not run, or two have one name.
    """
    named = [name for reference in references for name in _files_of(reference)]
    found: dict[str, Plan] = {}
    faults: list[str] = []
    for name in named:
        try:
            plan = plan_to_keep(name)
            require_no_keys(input_defaults(plan), "default of the input")
        except AgenticError as error:
            faults.append(str(error))
            continue
        if plan.name in found:
            faults.append(f"Two plans are called {plan.name!r}; {name!r} is the second one. Rename one of them.")
        found[plan.name] = plan
    if faults:
        raise UsageError("Nothing is served.\n" + "\n".join(faults))
    if not found:
        raise UsageError(
            f"There is no plan in {', '.join(map(repr, references))}. Name a folder with YAML or JSON files."
        )
    return list(found.values())


def _files_of(reference: str) -> Sequence[str]:
    folder = Path(reference).expanduser()
    return [str(path) for path in stored_plans([folder]).values()] if folder.is_dir() else [reference]
