"""The run whose events are kept."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agentic_prefect.models.plan import Plan
from agentic_prefect.models.task import AgentTask
from agentic_prefect.plans.progress import split_name


@dataclass(frozen=True, slots=True)
class Watched:
    """A run whose events are kept."""

    plan: Plan
    """With every task's effective fields."""
    run_id: str
    lineage: str
    rehearsal: bool = False
    whole_plan: bool = True
    """False for a single task in somebody's own flow, which may be called several times in one run."""
    clean: Callable[[str], str] = str
    """Takes out of a text what must not be kept."""
    keeps_prompts: bool = True
    """Whether the texts of prompts are kept."""

    def task(self, name: str) -> AgentTask:
        """The task of that id, or of which `name` is an item.

        Raises:
            KeyError: The plan has none.
        """
        return self.plan.task(split_name(name)[0])

    def part(self) -> dict[str, Any]:
        """What every entry says about the run."""
        return {"run_id": self.run_id, "lineage": self.lineage, "plan": self.plan.name, "rehearsal": self.rehearsal}
