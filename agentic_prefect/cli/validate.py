"""`agentic-prefect validate`."""

import json
import sys
from dataclasses import asdict
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.text import Text

from agentic_prefect.cli.arguments import PlanReference
from agentic_prefect.cli.exit_codes import ExitCode
from agentic_prefect.cli.terminal import stderr, stdout
from agentic_prefect.errors import PlanInvalid
from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.graph import build_graph
from agentic_prefect.plans.problems import PlanProblems, Problem, errors_in
from agentic_prefect.stored_plans import find_given


def validate(
    plan: PlanReference,
    /,
    *more: PlanReference,
    format: Annotated[Literal["text", "json"], Parameter(name=("--format", "-f"))] = "text",
) -> ExitCode:
    """Check a plan and report every problem in it.

    Args:
        plan: A plan's file, the name of a stored plan, or `-` for standard input.
        more: Further plans.
        format: Text for people, or JSON for programs.
    """
    looked_at = {name: _look_at(name) for name in (plan, *more)}
    if format == "json":
        sys.stdout.write(json.dumps([_as_data(name, *found) for name, found in looked_at.items()], indent=2) + "\n")
    else:
        for name, (read, problems) in looked_at.items():
            _print(name, read, problems)
    wrong = any(errors_in(problems) for _, problems in looked_at.values())
    return ExitCode.BAD_PLAN_OR_USAGE if wrong else ExitCode.COMPLETED


def _look_at(name: str) -> tuple[Plan | None, tuple[Problem, ...]]:
    """The plan as far as it can be read, and what is wrong with it."""
    try:
        given = find_given(name)
    except PlanProblems as error:
        return None, error.problems
    except PlanInvalid as error:
        return None, (Problem("", str(error)),)
    # Prefect takes more than a second to load; a plan that cannot be read is said at once.
    from agentic_prefect.bootstrap import RunOptions, check

    return given.plan, check(given.plan, RunOptions(base_dir=given.folder))


def _as_data(name: str, plan: Plan | None, problems: tuple[Problem, ...]) -> dict[str, object]:
    return {
        "source": name,
        "plan": plan.name if plan else None,
        "valid": not errors_in(problems),
        "problems": [asdict(problem) for problem in problems],
    }


def _print(name: str, plan: Plan | None, problems: tuple[Problem, ...]) -> None:
    errors = errors_in(problems)
    for problem in problems:
        label, style = ("Error", "bold red") if problem.severity == "error" else ("Warning", "yellow")
        stderr().print(Text.assemble((f"{label}: ", style), f"{name}: {problem}"), soft_wrap=True)
    if errors or plan is None:
        count = f"{len(errors)} problem{'' if len(errors) == 1 else 's'}"
        stdout().print(Text.assemble((f"{name}: ", ""), (f"not valid, {count}", "red")), soft_wrap=True)
    else:
        facts = str(build_graph(plan).stats)
        stdout().print(Text.assemble(f"{name}: ", ("valid", "green"), f", {facts}"), soft_wrap=True)
