"""`agentic-prefect failures`."""

import json
import sys
from typing import Annotated, Literal

from cyclopts import Parameter

from agentic_prefect.cli.terminal import stdout

By = Literal["type", "task", "agent", "model", "plan", "kind", "prompt", "resolution"]


def failures(
    *,
    by: By = "type",
    since: str = "",
    plan: str | None = None,
    rehearsals: Annotated[bool, Parameter(negative=())] = False,
    format: Annotated[Literal["text", "json"], Parameter(name=("--format", "-f"))] = "text",
) -> None:
    """Count the failed attempts of earlier runs.

    Args:
        by: What to count by: the type of error, the task, the agent, the model, the plan, the kind of task, the prompt,
            or what was done about it.
        since: Only those of this time, such as 90m, 12h, 7d, 4w.
        plan: Only those of this plan.
        rehearsals: Count those of rehearsals, too.
        format: A table for people, or JSON for programs.
    """
    # Loaded here, as in the other commands: pydantic and SQLAlchemy take a while.
    from agentic_prefect.cli.recollection import counts, counts_table

    found = counts(by, since, plan, rehearsals)
    total = sum(found.values())
    if format == "json":
        sys.stdout.write(json.dumps({"by": by, "total": total, "counts": found}, indent=2) + "\n")
    elif found:
        stdout().print(counts_table(by, found))
    else:
        stdout().print("No failures are recorded.")
