"""What `explain RUN` shows: why each task of a run went the way it did."""

import json
import sys
from typing import Literal

from rich.table import Table
from rich.text import Text

from agentic_prefect.bootstrap.recorded import find
from agentic_prefect.cli.engine import keep_prefects_log_aside
from agentic_prefect.cli.recollection import look_up
from agentic_prefect.cli.server import ask_server
from agentic_prefect.cli.terminal import stderr, stdout
from agentic_prefect.plans.reasons import reasons


def write(reference: str, format: Literal["text", "json"]) -> None:
    """Write why each task of a run went the way it did.

    Raises:
        AgenticError: No such run is recorded, the server does not know it, or it does not say which plan it ran.
    """
    keep_prefects_log_aside(stderr())
    found = look_up(reference)
    plan = ask_server(find(found.run.id)).plan()
    told = reasons(plan, {task.task_id: task for task in found.tasks})
    if format == "json":
        rows = [{"task": each.task_id, "status": each.status.value, "why": each.why} for each in told]
        content = {"run": found.run.id, "plan": plan.name, "status": found.run.status, "tasks": rows}
        sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        return
    console = stdout()
    ended = f"Run {found.run.id} of plan {plan.name}: {found.run.status.replace('_', ' ')}"
    console.print(Text(f"{ended}. {found.run.reason}".strip()), soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Task", no_wrap=True)
    table.add_column("Status", no_wrap=True)
    table.add_column("Why", overflow="fold")
    for each in told:
        table.add_row(Text(each.task_id), Text(each.status.replace("_", " ")), Text(each.why))
    console.print(table)
