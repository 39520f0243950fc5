"""A plan's result as data that other programs read."""

import json
from typing import Any

import yaml

from agentic_prefect.models.result import PlanResult
from agentic_prefect.models.usage import Usage
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
            "cached tokens": row.usage.cached_tokens,
            "output tokens": row.usage.output_tokens,
            "calls": row.usage.calls,
            "cost usd": None if row.usage.cost_usd is None else float(row.usage.cost_usd),
            "seconds": None if row.elapsed_s is None else round(row.elapsed_s, 3),
            "model": row.model or "",
            "verdict": row.verdict.outcome if row.verdict else "",
            "reason": row.why[:200],
        }
        for row in page.tasks
    ]


def spending_table(page: PlanReport) -> list[dict[str, Any]]:
    """What a budget was spent on: its limits, what is spent and left of them, then the tasks, the dearest first.

    A fan-out is one row, and what was taken over from another run is none, since it cost nothing again. A cost that is
    not known is null.
    """
    used = [row for row in page.tasks if not row.is_item and not row.cached and row.usage.calls]
    used.sort(key=lambda row: (row.usage.cost_usd or 0, row.usage.total_tokens), reverse=True)
    rows = [_spent("spent", page.usage), *(_spent(f"task {row.id}", row.usage) for row in used)]
    if page.budget is None:
        return rows
    limits = {"of": "budget", "calls": page.budget.calls, "tokens": page.budget.tokens, "cost usd": page.budget.usd}
    left = {"of": "left", **{name: _left(limits[name], rows[0][name]) for name in ("calls", "tokens", "cost usd")}}
    return [limits, rows[0], left, *rows[1:]]


def _spent(of: str, usage: Usage) -> dict[str, Any]:
    cost_usd = None if usage.cost_usd is None else float(usage.cost_usd)
    return {"of": of, "calls": usage.calls, "tokens": usage.total_tokens, "cost usd": cost_usd}


def _left(limit: Any, spent: Any) -> float | int | None:
    """`None` where there is no limit, or nobody knows what is spent."""
    return None if limit is None or spent is None else round(max(limit - spent, 0), 6)
