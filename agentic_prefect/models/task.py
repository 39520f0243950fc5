"""One unit of work in a plan."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from agentic_prefect.models.agent import PolicyFields
from agentic_prefect.models.asking import Asking
from agentic_prefect.models.budget import Budget
from agentic_prefect.models.check import Check
from agentic_prefect.models.prompt import ContextRules, ContextText


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]


def _read_context(value: Any) -> Any:
    return (value,) if isinstance(value, str | dict) else value


def _check_context(value: str | dict[str, Any]) -> str | dict[str, Any]:
    if isinstance(value, dict):
        try:
            ContextText.model_validate(value)
        except ValidationError as error:
            told = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            raise ValueError("; ".join(told)) from error
    return value


ContextTexts = Annotated[
    tuple[Annotated[str | dict[str, Any], AfterValidator(_check_context)], ...], BeforeValidator(_read_context)
]
"""Texts, or mappings with the fields of `ContextText`; they stay as they are written, so that expressions are found."""

TASK_ID = r"^[A-Za-z][A-Za-z0-9_]{0,63}$"
"""A task's id is used as a name in expressions, hence no dashes."""


class TaskFields(PolicyFields):
    """Every field of a task but its id; a plan's `defaults` may set any of them."""

    kind: str = "agent"
    """What executes it: `agent`, `function`, `plan`, `human`, `deployment`, or a kind that a plugin brings."""
    agent: str | None = None
    """Name of an agent of the plan; `None` is a plain assistant."""
    description: str = ""
    """What is to be done; may hold expressions."""
    input: Any = None
    """Data for the task, usually a mapping; may hold expressions."""
    input_schema: str | dict[str, Any] | None = None
    """What the input must be, written like `output`; the prompt shows what it says about each field."""
    output: str | dict[str, Any] | None = None
    """JSON Schema, `{"model": "package.module:Model"}`, the name of a registered schema; `None` is text."""
    prompt: str | None = None
    """A template's id, with `@version` or `@range` after it if a certain one is meant."""
    context: ContextTexts = ()
    """Further texts for the prompt, or what `ContextText` says of each; may hold expressions."""
    context_rules: ContextRules | None = None
    """What of the context is shown, and how long the prompt may be; `None` shows everything."""
    depends_on: Names = ()
    """Tasks that must have an output before this one starts."""
    after: Names = ()
    """Tasks that must be settled, however, before this one starts."""
    when: str | bool | None = None
    """An expression; false means that the task is skipped."""
    for_each: str | tuple[Any, ...] | None = None
    """An expression that gives a list, or a list: one task run per item."""
    max_concurrency: int | None = Field(default=None, gt=0)
    """How many items of a fan-out run at once; `None` leaves it to the plan's limit."""
    call: str | None = None
    """For `function`: `"package.module:name"`. For `deployment`: `"flow/deployment"`, or the name of a plan's alone."""
    use: str | None = None
    """For `capability`: its name."""
    plan: str | dict[str, Any] | None = None
    """For `plan`: a stored plan's name, a path relative to this plan's file, or a whole plan."""
    ask: Asking | None = None
    """For `human`: how long people may take, what holds if nobody answers, how many must agree."""
    checks: tuple[Check, ...] = ()
    """What must hold of the output before it counts; a rejected one fails the attempt with `verification_failed`."""
    budget: Budget | None = None
    priority: int = 0
    """The higher one starts first when concurrency is short."""
    critical: bool = False
    """Its failure halts the plan."""
    tags: Names = ()
    special_instructions: str = ""


class AgentTask(TaskFields):
    """One unit of work: what is to be done, by whom, with what, after what, and what follows when it fails."""

    id: str = Field(pattern=TASK_ID)
