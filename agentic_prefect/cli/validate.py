"""`agentic-prefect validate`."""

import json
import sys
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.text import Text

from agentic_prefect.cli.arguments import PlanReference
from agentic_prefect.cli.exit_codes import ExitCode
from agentic_prefect.cli.terminal import stderr, stdout
from agentic_prefect.errors import ConnectionLost, PlanInvalid
from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.graph import build_graph
from agentic_prefect.plans.problems import PlanProblems, Problem, errors_in
from agentic_prefect.stored_plans import read_given, with_agents_of_server


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
    looks = [_look_at(name) for name in (plan, *more)]
    if format == "json":
        sys.stdout.write(json.dumps([look.as_data() for look in looks], indent=2) + "\n")
    else:
        for look in looks:
            _print(look)
    if any(errors_in(look.problems) for look in looks):
        return ExitCode.BAD_PLAN_OR_USAGE
    return ExitCode.NO_CONNECTION if any(look.open for look in looks) else ExitCode.COMPLETED


@dataclass(frozen=True, slots=True)
class Look:
    """What was found out about a plan."""

    source: str
    plan: Plan | None
    """`None` when it cannot be read."""
    problems: tuple[Problem, ...]
    open: str = ""
    """What only the Prefect server could tell, and it did not answer; empty when nothing is open."""

    @property
    def valid(self) -> bool | None:
        """Whether it can run; `None` when that is open."""
        if errors_in(self.problems):
            return False
        return None if self.open else True

    @property
    def all_problems(self) -> tuple[Problem, ...]:
        """The problems, with what is open as one of them."""
        return (*self.problems, Problem("", self.open)) if self.open else self.problems

    def as_data(self) -> dict[str, object]:
        """The same for programs."""
        return {
            "source": self.source,
            "plan": self.plan.name if self.plan else None,
            "valid": self.valid,
            "problems": [asdict(problem) for problem in self.all_problems],
        }


def _look_at(name: str) -> Look:
    """The plan as far as it can be read, and what is wrong with it."""
    try:
        given = read_given(name)
    except PlanProblems as error:
        return Look(name, None, error.problems)
    except PlanInvalid as error:
        return Look(name, None, (Problem("", str(error)),))
    # Prefect takes more than a second to load; a plan that cannot be read is said at once.
    from agentic_prefect.bootstrap import RunOptions, check, check_offline

    options = RunOptions(base_dir=given.folder)
    try:
        plan = with_agents_of_server(given).plan
        return Look(name, plan, check(plan, options))
    except ConnectionLost as error:
        return Look(name, given.plan, check_offline(given.plan, options), open=str(error))


def _print(look: Look) -> None:
    for problem in look.all_problems:
        label, style = ("Error", "bold red") if problem.severity == "error" else ("Warning", "yellow")
        stderr().print(Text.assemble((f"{label}: ", style), f"{look.source}: {problem}"), soft_wrap=True)
    if look.valid and look.plan is not None:
        facts = str(build_graph(look.plan).stats)
        stdout().print(Text.assemble(f"{look.source}: ", ("valid", "green"), f", {facts}"), soft_wrap=True)
        return
    errors = len(errors_in(look.all_problems))
    verdict = "not valid" if look.valid is False else "cannot be told"
    count = f"{errors} problem{'' if errors == 1 else 's'}"
    stdout().print(Text.assemble(f"{look.source}: ", (f"{verdict}, {count}", "red")), soft_wrap=True)
