"""Plans of LLM agent tasks, run by Prefect.

The names below are loaded when they are first used, so that `import agentic_prefect.models.plan` costs no Prefect.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from agentic_prefect.bootstrap.history import open_history
    from agentic_prefect.bootstrap.options import RunOptions
    from agentic_prefect.bootstrap.prompts import register_prompt
    from agentic_prefect.bootstrap.run import agent_task, run_plan
    from agentic_prefect.errors import AgenticError, AgentTaskGeneralError, RetryableError, TerminalError
    from agentic_prefect.models.agent import AgentSpec
    from agentic_prefect.models.error import TaskError
    from agentic_prefect.models.plan import Plan
    from agentic_prefect.models.result import PlanResult, TaskResult
    from agentic_prefect.models.status import PlanStatus, TaskStatus
    from agentic_prefect.models.task import AgentTask
    from agentic_prefect.models.usage import Usage
    from agentic_prefect.plans.load import load_plan
    from agentic_prefect.plans.validate import validate_plan
    from agentic_prefect.prompting.registry import PromptRegistry
    from agentic_prefect.prompting.template import PromptTemplate

    __version__: str

_PUBLIC: Final = {
    "AgentSpec": "agentic_prefect.models.agent",
    "AgentTask": "agentic_prefect.models.task",
    "AgentTaskGeneralError": "agentic_prefect.errors",
    "AgenticError": "agentic_prefect.errors",
    "Plan": "agentic_prefect.models.plan",
    "PlanResult": "agentic_prefect.models.result",
    "PlanStatus": "agentic_prefect.models.status",
    "PromptRegistry": "agentic_prefect.prompting.registry",
    "PromptTemplate": "agentic_prefect.prompting.template",
    "RetryableError": "agentic_prefect.errors",
    "RunOptions": "agentic_prefect.bootstrap.options",
    "TaskError": "agentic_prefect.models.error",
    "TaskResult": "agentic_prefect.models.result",
    "TaskStatus": "agentic_prefect.models.status",
    "TerminalError": "agentic_prefect.errors",
    "Usage": "agentic_prefect.models.usage",
    "agent_task": "agentic_prefect.bootstrap.run",
    "load_plan": "agentic_prefect.plans.load",
    "open_history": "agentic_prefect.bootstrap.history",
    "register_prompt": "agentic_prefect.bootstrap.prompts",
    "run_plan": "agentic_prefect.bootstrap.run",
    "validate_plan": "agentic_prefect.plans.validate",
}
"""Public name -> the module that defines it."""

__all__ = [
    "AgentSpec",
    "AgentTask",
    "AgentTaskGeneralError",
    "AgenticError",
    "Plan",
    "PlanResult",
    "PlanStatus",
    "PromptRegistry",
    "PromptTemplate",
    "RetryableError",
    "RunOptions",
    "TaskError",
    "TaskResult",
    "TaskStatus",
    "TerminalError",
    "Usage",
    "__version__",
    "agent_task",
    "load_plan",
    "open_history",
    "register_prompt",
    "run_plan",
    "validate_plan",
]


def __getattr__(name: str) -> object:
    """Load the public name `name` on first use and keep it."""
    if name == "__version__":
        # It takes longer to load than all the rest of this package's beginning.
        from importlib.metadata import version

        value: object = version("agentic-prefect")
    elif name in _PUBLIC:
        value = getattr(import_module(_PUBLIC[name]), name)
    else:
        raise AttributeError(
            f"module 'agentic_prefect' has no public name {name!r}. It has: {', '.join(__all__)}. "
            f"Everything else is imported from its own module."
        )
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
