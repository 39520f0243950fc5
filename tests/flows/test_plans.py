"""The shipped plans: each is valid, runs in rehearsal and on a scripted model, and takes the branches it promises."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from agentic_prefect import run_plan
from agentic_prefect.bootstrap import RunOptions, check
from agentic_prefect.models.agent import PolicyFields
from agentic_prefect.models.result import PlanResult
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.stored_plans import read_plan, shipped_folder, stored_plans
from agentic_prefect.testing import Fault, Reply, ScriptedServer

PLANS = sorted(stored_plans((shipped_folder(),)))
SCRIPTED = RunOptions(policy=PolicyFields(model="openai/scripted"))
REHEARSED = RunOptions(rehearse=True)


def test_the_promised_plans_are_there() -> None:
    """Research, triage, data quality, a nested plan and the demo ship with the package."""
    assert {"research", "triage", "data_quality", "newsletter", "demo"} <= set(PLANS)


@pytest.mark.parametrize("name", PLANS)
def test_a_shipped_plan_is_valid(name: str) -> None:
    """No shipped plan has a problem, not even a warning, and each is called like its file."""
    plan = read_plan(name, folders=(shipped_folder(),))

    assert check(plan, REHEARSED) == ()
    assert plan.name == name


@pytest.mark.prefect
@pytest.mark.parametrize("name", PLANS)
async def test_a_shipped_plan_can_be_rehearsed(name: str) -> None:
    """With its own default inputs and no model at all, each shipped plan completes."""
    result = await _run(name, options=REHEARSED)

    assert result.successful, result.reason
    assert result.usage.cost_usd == 0


@pytest.mark.prefect
@pytest.mark.parametrize("name", PLANS)
async def test_a_shipped_plan_runs_on_a_model(name: str, openai_env: ScriptedServer) -> None:
    """Each shipped plan completes on a model that answers what its schemas ask for."""
    result = await _run(name)

    assert result.successful, result.reason
    assert openai_env.count == result.usage.calls > 0


@pytest.mark.prefect
async def test_research_goes_on_without_a_failed_search(openai_env: ScriptedServer) -> None:
    """One search that is refused does not stop the others, and the report is written from them."""
    openai_env.on("Come up with", Reply.json_value({"searches": [_search("ferries"), _search("trains")]}))
    openai_env.on("Search for ferries", Fault.refusal())
    openai_env.on("Search for trains", Reply.text("Trains run at night."))

    result = await _run("research", {"query": "night travel"})
    asked = openai_env.requests_matching("Write a report")[0].prompt_text

    assert result.successful
    assert result.results["search"].failed
    assert result.results["search[1]"].output == "Trains run at night."
    assert "Trains run at night." in asked


@pytest.mark.prefect
async def test_research_falls_back_to_a_short_report(openai_env: ScriptedServer) -> None:
    """When the report is refused, the short one takes its place and the plan is complete."""
    openai_env.on("Write a report", Fault.refusal())

    result = await _run("research")

    assert result.successful
    assert result.output == result.results["write_short"].output


@pytest.mark.prefect
async def test_triage_sends_each_kind_down_its_branch(openai_env: ScriptedServer) -> None:
    """Only the branches of the labels that were given run; a refused reply is replaced by the standard one."""
    openai_env.on("The cup is broken", Reply.json_value({"label": "complaint", "urgent": False}), times=1)
    openai_env.on("Where is my parcel", Reply.json_value({"label": "question", "urgent": True}), times=1)
    openai_env.on("Draft an apology", Fault.refusal())
    openai_env.on("Draft an answer", Reply.text("It is on its way."))

    result = await _run("triage", {"documents": ["The cup is broken.", "Where is my parcel?"]})
    states = {name: each.status for name, each in result.results.items() if "[" not in name}

    assert result.successful
    assert states["read_invoices"] is TaskStatus.SKIPPED
    assert states["answer_complaints"] is TaskStatus.FAILED
    assert states["alert"] is TaskStatus.COMPLETED
    assert result.output["answers"] == ["It is on its way."]
    assert '"The cup is broken."' in result.output["replies"][0]


@pytest.mark.prefect
async def test_data_quality_asks_no_model_about_a_clean_table(openai_env: ScriptedServer) -> None:
    """A table without findings is reported by functions alone."""
    result = await _run("data_quality", {"name": "Clean", "csv_text": "id,name\n1,a\n2,b"})

    assert result.output["report"].endswith("Nothing was found to be wrong.")
    assert openai_env.count == 0


@pytest.mark.prefect
async def test_data_quality_reports_without_a_model_when_it_must(openai_env: ScriptedServer) -> None:
    """When the model refuses to write, the findings are reported as a table."""
    openai_env.on("Write a report", Fault.refusal())

    result = await _run("data_quality")

    assert result.successful
    assert "| amount | outliers | 1 |" in result.output["report"]


@pytest.mark.prefect
async def test_a_newsletter_is_made_of_sub_plans(openai_env: ScriptedServer) -> None:
    """Each topic is a run of `research`, and what those cost is counted."""
    result = await _run("newsletter", {"topics": ["heat pumps", "night trains"]})
    topics = [request for request in openai_env.requests if "Come up with 3 searches" in request.prompt_text]

    assert result.successful
    assert len(topics) == 2
    assert result.usage.calls == openai_env.count
    assert result.results["section"].usage.calls == openai_env.count - 2


async def _run(name: str, inputs: Mapping[str, Any] | None = None, *, options: RunOptions = SCRIPTED) -> PlanResult:
    return await run_plan(read_plan(name, folders=(shipped_folder(),)), inputs, options=options)


def _search(query: str) -> JsonValue:
    return {"query": query, "reason": "it belongs to the answer"}


def test_the_shipped_folder_is_that_of_the_checkout(repository: Path) -> None:
    """In a checkout the plans are read where they are edited."""
    assert shipped_folder() == repository / "flows" / "plans"
