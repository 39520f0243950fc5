"""What is wrong with a plan, as data: all of it at once."""

from dataclasses import dataclass
from typing import Literal

from agentic_prefect.errors import PlanInvalid

MOST_SHOWN = 50
"""How many problems the text of an error lists; the error itself carries all."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a plan."""

    path: str
    """The place: `task search: retries`, `agents`, `inputs.query`; empty for the plan as a whole."""
    message: str
    hint: str = ""
    """The way out."""
    severity: Literal["error", "warning"] = "error"
    """A plan with a warning can run."""
    line: int | None = None
    """Line in the file, from 1; `None` when it is not known."""

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line is not None else ""
        path = f"{self.path}: " if self.path else ""
        end = "" if self.message.endswith((".", "?", "!")) or "\n" in self.message else "."
        return f"{place}{path}{self.message}{end}{' ' + self.hint if self.hint else ''}"


class PlanProblems(PlanInvalid):
    """A plan that cannot be used, with every reason why.

    Args:
        source: Where the plan comes from, such as the file's name.
        problems: At least one.
    """

    data: object = None
    """What the plan was read from, when it is the fields that do not fit."""

    def __init__(self, source: str, problems: tuple[Problem, ...]) -> None:
        super().__init__(source, problems)
        self.source, self.problems = source, problems

    def __str__(self) -> str:
        if len(self.problems) == 1:
            return f"{self.source}: {self.problems[0]}"
        lines = [f"  - {problem}" for problem in self.problems[:MOST_SHOWN]]
        if len(self.problems) > MOST_SHOWN:
            lines.append(f"  … and {len(self.problems) - MOST_SHOWN} more")
        return "\n".join([f"{self.source} has {len(self.problems)} problems:", *lines])


def errors_in(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """Those that keep a plan from running."""
    return tuple(problem for problem in problems if problem.severity == "error")
