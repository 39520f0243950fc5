"""Who does a task."""

from typing import Literal

from pydantic import Field

from agentic_prefect.models.base import Frozen
from agentic_prefect.models.chat import ModelSettings
from agentic_prefect.models.policy import FailureAction, FailurePolicy, RetryConfig


class PolicyFields(Frozen):
    """What may be set on a task, an agent, a plan, a run and in the settings; the nearest one that is set wins."""

    model: str | None = None
    """`"connection/model-id"`, a connection's name, or a model id of the default connection."""
    timeout_s: float | None = Field(default=None, gt=0)
    """Seconds that one attempt may take."""
    retries: int | None = Field(default=None, ge=0, le=50)
    """How many more attempts a retryable error gets; 0 runs once."""
    max_turns: int | None = Field(default=None, ge=1, le=1000)
    """How often the model may be asked within one attempt, repairs included."""
    retry: RetryConfig | None = None
    on_failure: FailureAction | None = None
    failure_policy: FailurePolicy | None = None


class AgentSpec(PolicyFields):
    """An agent: its part in the work, and how it works."""

    name: str = ""
    """The key under which the plan lists it."""
    role: str = ""
    purpose: str = ""
    backstory: str = ""
    constraints: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    """What it may use, and what it is able to: `json_mode` holds it to a schema, `small_context` gets short prompts.
    Nothing listed is nothing allowed."""
    domain: str = ""
    """The field that it works in; if there is a prompt template for it, that one is used."""
    detail: Literal["low", "high"] | None = None
    """How much its prompts say about the way to work; `None` says nothing."""
    settings: ModelSettings = ModelSettings()
