"""A result file is right in every form, and no model is needed for it."""

import json
from typing import get_args

import pytest
import yaml

from agentic_prefect.models.result import PlanResult
from agentic_prefect.reports.data import task_table
from agentic_prefect.reports.document import Form, document
from agentic_prefect.reports.model import report_of
from tests.reports.samples import PLAN, RESULT


def test_json_reads_back_equal() -> None:
    """Nothing is lost in JSON, and the computed figures are in it."""  # L-11
    text = document(PLAN, RESULT, "json")

    assert PlanResult.model_validate_json(text) == RESULT
    assert json.loads(text)["counts"] == {"completed": 3, "failed": 1, "skipped": 1}


def test_yaml_reads_back_equal() -> None:
    """Nothing is lost in YAML."""  # L-11, L-57
    assert PlanResult.model_validate(yaml.safe_load(document(PLAN, RESULT, "yaml"))) == RESULT


BEGINNINGS = {
    "json": '{\n  "plan": "trip-research"',
    "yaml": "plan: trip-research\n",
    "md": "# trip-research: ✓ completed\n",
    "html": "<!doctype html>\n",
    "txt": "Plan trip-research\n",
}


@pytest.mark.parametrize("form", get_args(Form))
def test_every_form_is_written(form: Form) -> None:
    """Each form begins as such a file does, ends with a line end and holds the output."""  # L-57, C-03
    text = document(PLAN, RESULT, form)

    assert text.startswith(BEGINNINGS[form])
    assert text.endswith("\n")
    assert "Go in *April*" in text
    assert "\x1b" not in text


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
        "output tokens": 14,
        "calls": 2,
        "cost usd": 0.0042,
        "seconds": 2.5,
        "model": "",
        "reason": "max_retries_exceeded: All 2 attempts failed. The last one: rate_limit: Too many | requests",
    }
    assert (rows["write_short"]["cost usd"], rows["translate"]["cost usd"]) == (None, 0.0)
