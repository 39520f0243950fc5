"""Entries as rows of a table, and back."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from agentic_prefect.models.history import (
    AnyEntry,
    DeadLetterEntry,
    EntryT,
    FailureEntry,
    PromptEntry,
    ReportEntry,
    RunEntry,
    TaskEntry,
)
from agentic_prefect.models.prompt import PromptVersion
from agentic_prefect.models.usage import Usage

NAMES: Mapping[type[AnyEntry], str] = {
    RunEntry: "run",
    TaskEntry: "task",
    FailureEntry: "failure",
    DeadLetterEntry: "dead letter",
    PromptEntry: "prompt",
    ReportEntry: "report",
}
"""What an entry is called in messages."""

_COST_PLACES = 12
_PROMPT = ("id", "version", "hash")


def row_of(entry: AnyEntry) -> dict[str, Any]:
    """The entry's columns."""
    row = dict(vars(entry))  # five times as quick as iterating over the model
    if "usage" in row:
        usage: Usage = row.pop("usage")
        row |= vars(usage)
        # Fifteen digits survive a float unchanged; no call costs less than a millionth of a millionth.
        row["cost_usd"] = None if usage.cost_usd is None else round(float(usage.cost_usd), _COST_PLACES)
    if "prompt" in row:
        prompt: PromptVersion | None = row.pop("prompt")
        row |= {f"prompt_{name}": getattr(prompt, name, None) for name in _PROMPT}
    if "status" in row:
        row["status"] = str(row["status"])
    if "context" in row:
        row["context"] = json.dumps(row["context"], ensure_ascii=False)
    if isinstance(entry, DeadLetterEntry):
        row["errors"] = json.dumps([each.model_dump(mode="json") for each in entry.errors], ensure_ascii=False)
    return row


def entry_of(kind: type[EntryT], row: Mapping[str, Any]) -> EntryT:
    """The entry in a row.

    Raises:
        ValueError: The row does not hold one.
    """
    content = dict(row)
    if "cost_usd" in content:
        cost = content.pop("cost_usd")
        amounts = {name: content.pop(name) for name in Usage.model_fields if name != "cost_usd"}
        content["usage"] = {**amounts, "cost_usd": None if cost is None else Decimal(repr(float(cost)))}
    if "prompt_id" in content:
        prompt = {name: content.pop(f"prompt_{name}") for name in _PROMPT}
        content["prompt"] = None if prompt["id"] is None else prompt
    if "context" in content:
        content["context"] = json.loads(content["context"])
    if "errors" in content:
        content["errors"] = json.loads(content["errors"])
    return kind.model_validate(content)
