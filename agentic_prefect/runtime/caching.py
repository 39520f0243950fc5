"""Under which key a result is stored: everything that could change the answer, and nothing else."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from prefect.cache_policies import CachePolicy
from prefect.context import TaskRunContext
from pydantic_core import to_jsonable_python

from agentic_prefect.models.connection import Connection
from agentic_prefect.ports import Work

RELEVANT_TASK_FIELDS = frozenset(
    {
        "kind",
        "model",
        "prompt",
        "input_schema",
        "special_instructions",
        "call",
        "use",
        "plan",
        "checks",
        "context_rules",
    }
)
"""Besides description, input, context and output, which count as they were rendered."""

IRRELEVANT_TASK_FIELDS = {
    "id": "the name of the node stands for it",
    "agent": "the agent's own fields stand for it",
    "description": "counts as rendered",
    "input": "counts as rendered",
    "context": "counts as rendered",
    "output": "counts as the resolved schema",
    "depends_on": "decides when, not what",
    "after": "decides when, not what",
    "when": "decides whether, not what",
    "for_each": "the item is in the rendered fields",
    "max_concurrency": "decides when, not what",
    "timeout_s": "a success within another time is the same success",
    "retries": "only a success is stored",
    "max_turns": "a success within another number of turns is the same success",
    "retry": "only a success is stored",
    "on_failure": "only a success is stored",
    "failure_policy": "only a success is stored",
    "budget": "what was paid is paid",
    "priority": "decides when, not what",
    "critical": "only a success is stored",
    "tags": "for people",
    "ask": "decides who answers by when, not what is asked",
}
"""Task fields that cannot change an answer, each with its reason."""

RELEVANT_AGENT_FIELDS = frozenset(
    {"name", "role", "purpose", "backstory", "constraints", "capabilities", "domain", "detail", "settings"}
)

IRRELEVANT_AGENT_FIELDS = dict.fromkeys(
    ("model", "timeout_s", "retries", "max_turns", "retry", "on_failure", "failure_policy"),
    "the task's effective field stands for it",
)

RELEVANT_CONNECTION_FIELDS = frozenset({"base_url", "api", "model", "settings"})

IRRELEVANT_CONNECTION_FIELDS = {
    "api_key_env": "who pays does not change the answer",
    "api_key": "who pays does not change the answer",
    "structured_output": "decides how the form is enforced, not which form",
    "max_in_flight": "decides when, not what",
    "requests_per_minute": "decides when, not what",
    "tokens_per_minute": "decides when, not what",
    "stream": "decides how the answer arrives, not what it is",
    "idle_timeout_s": "a success within another time is the same success",
}
"""Connection fields that cannot change an answer, each with its reason."""


def content_key(work: Work, *, lineage: str, fingerprint: str = "", connection: Connection | None = None) -> str:
    """SHA-256 (hex) of the work, within one lineage of runs.

    Args:
        work: The rendered work; attempt, history and timeouts do not count.
        lineage: The id of the first run; a resumed run carries it on, so that it finds what was paid for.
        connection: The connection of the plan's own that the task's model names; its key and limits do not count.
        fingerprint: What else the kind of task depends on, such as its template's hash.
    """
    content = {
        "lineage": lineage,
        "node": work.task_id,
        "task": work.task.model_dump(mode="json", include=set(RELEVANT_TASK_FIELDS)),
        "agent": work.agent.model_dump(mode="json", include=set(RELEVANT_AGENT_FIELDS)),
        "description": work.description,
        "input": work.input,
        "context": [item.model_dump(mode="json") for item in work.context],
        "output": work.output.model_dump(mode="json") if work.output else None,
        "connection": connection.model_dump(mode="json", include=set(RELEVANT_CONNECTION_FIELDS))
        if connection
        else None,
        "fingerprint": fingerprint,
    }
    return digest(content)


def digest(value: Any) -> str:
    """SHA-256 of a value's canonical JSON, as 64 hexadecimal digits."""
    # Half of a surrogate pair has no UTF-8, and a function may well return one.
    return hashlib.sha256(canonical_json(value).encode(errors="surrogatepass")).hexdigest()


def canonical_json(value: Any) -> str:
    """The one JSON text of a value: keys sorted, no spaces."""
    plain = to_jsonable_python(value, fallback=str)
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass
class FixedKey(CachePolicy):
    """A cache policy whose key was worked out before.

    The built-in policies know no task name, so that two agents with equal inputs would share one answer.
    """

    value: str | None = None

    def compute_key(
        self,
        task_ctx: TaskRunContext,
        inputs: dict[str, Any],
        flow_parameters: dict[str, Any],
        **kwargs: Any,
    ) -> str | None:
        """The key, whatever the task's inputs are."""
        return self.value
