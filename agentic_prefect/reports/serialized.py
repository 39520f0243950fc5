"""A plan's result as data that other programs read."""

import json
from typing import Any

import yaml

from agentic_prefect.models.result import PlanResult
from agentic_prefect.reports.model import PlanReport


def to_json(result: PlanResult) -> str:
    """The result as JSON; `PlanResult.model_validate_json` reads it back."""
    return json.dumps(result.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"


def to_yaml(result: PlanResult) -> str:
    """The result as YAML; `PlanResult.model_validate(yaml.safe_load(text))` reads it back."""
    return yaml.safe_dump(result.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)


def task_table(page: PlanReport) -> list[dict[str, Any]]:
    """One row per task and item, with plain values, for a table that is searched rather than read."""
    return [
        {
            "task": row.id,
            "agent": row.agent or "",
            "status": row.status.value,
            "attempts": row.attempts,
            "input tokens": row.usage.input_tokens,
            "output tokens": row.usage.output_tokens,
            "calls": row.usage.calls,
            "cost usd": None if row.usage.cost_usd is None else float(row.usage.cost_usd),
            "seconds": None if row.elapsed_s is None else round(row.elapsed_s, 3),
            "model": row.model or "",
            "reason": row.why[:200],
        }
        for row in page.tasks
    ]
