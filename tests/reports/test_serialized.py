"""Another program reads a result without losing anything."""

import json

import yaml

from agentic_prefect.models.result import PlanResult
from agentic_prefect.reports.model import report_of
from agentic_prefect.reports.serialized import task_table, to_json, to_yaml
from tests.reports.samples import PLAN, RESULT


def test_json_reads_back_equal() -> None:
    """Nothing is lost in JSON, and the computed figures are in it."""  # L-11
    text = to_json(RESULT)

    assert PlanResult.model_validate_json(text) == RESULT
    assert json.loads(text)["counts"] == {"completed": 3, "failed": 1, "skipped": 1}


def test_yaml_reads_back_equal() -> None:
    """Nothing is lost in YAML."""  # L-11, L-57
    assert PlanResult.model_validate(yaml.safe_load(to_yaml(RESULT))) == RESULT


def test_the_table_for_searching_holds_plain_values() -> None:
    """Each row is flat, survives JSON, and tells an unknown cost from none."""  # L-33
    rows = {row["task"]: row for row in task_table(report_of(PLAN, RESULT))}

    assert json.loads(json.dumps(rows)) == rows
    assert rows["write"] == {
        "task": "write",
        "agent": "writer",
        "status": "failed",
        "attempts": 2,
        "input tokens": 200,
        "cached tokens": 0,
        "verdict": "",
        "output tokens": 14,
        "calls": 2,
        "cost usd": 0.0042,
        "seconds": 2.5,
        "model": "",
        "reason": "max_retries_exceeded: All 2 attempts failed. The last one: rate_limit: Too many | requests",
    }
    assert (rows["write_short"]["cost usd"], rows["translate"]["cost usd"]) == (None, 0.0)
