"""What one run sets, besides the plan and its inputs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agentic_prefect.models.agent import PolicyFields
from agentic_prefect.models.budget import Budget
from agentic_prefect.models.error import ErrorDetail
from agentic_prefect.models.plan import Plan
from agentic_prefect.ports import AgentRunner, Observer, Runners, Verifier, Verifiers
from agentic_prefect.prompting.registry import PromptRegistry


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What one run sets, besides the plan and its inputs."""

    policy: PolicyFields = field(default_factory=PolicyFields)
    """Model, timeout, retries and failure policy for tasks, agents and plans that set none."""
    max_concurrency: int | None = None
    """In place of the plan's."""
    budget: Budget | None = None
    """In place of the plan's."""
    observers: Sequence[Observer] = ()
    """Besides the standard ones."""
    runners: Runners = field(default_factory=dict[str, AgentRunner])
    """Agents by name that do not use the built-in runner."""
    verifiers: Verifiers = field(default_factory=dict[str, Verifier])
    """Checks by name that plans may ask for, besides those that are built in or installed."""
    rehearse: bool = False
    """Answer every model call from the output schema, without a provider."""
    faults: Sequence[str] = ()
    """Failures to inject into a rehearsal, as `task:codexN`, such as `search:429x2`."""
    error_detail: ErrorDetail | None = None
    """What is kept of errors: `none`, `summary` or `full`; `None` leaves it to the setting."""
    attended: bool = False
    """Whether somebody sits at this run's terminal and can be asked there."""
    prompts: PromptRegistry | None = None
    """The prompt templates, and no others; `None` takes those of the folders, of Prefect and of this process."""
    ask_later: bool = False
    """Whether questions to people are left open rather than waited for; who goes on with the run is asked."""
    base_dir: Path | None = None
    """The folder from which a plan's relative paths are meant."""
    plans_within: Sequence[Path] | None = None
    """Below which folders a sub-plan that is named by its path must lie; `None` reads any file."""
    plan_version: int | None = None
    """Which version of a stored plan it is; `None` when the plan comes from elsewhere."""
    run_name: str | None = None
    resume: str = ""
    """The id of an earlier run: what it finished, and is as it was then, is not done and paid again."""
    rerun_from: str = ""
    """With `resume`: a task (`id` or `id[index]`) that is done again all the same, with all that comes after it."""

    def applied_to(self, plan: Plan) -> Plan:
        """The plan with this run's own limits."""
        changes: dict[str, object] = {}
        if self.max_concurrency is not None:
            changes["max_concurrency"] = self.max_concurrency
        if self.budget is not None:
            changes["budget"] = self.budget
        return plan.model_copy(update=changes)
