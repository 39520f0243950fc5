"""A model plans, the plan is shown and run, and the report has the planned sections."""

import json
from typing import Any

import pytest
from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.sorting import ArtifactSort

from agentic_prefect.testing import Fault, Reply, ScriptedServer
from flows.plan_and_run import Draft, plan_and_run, plan_for

pytestmark = pytest.mark.prefect

DRAFT: dict[str, Any] = {
    "steps": [
        {"id": "facts", "description": "Collect the facts about {{ inputs.goal }}.", "needs": []},
        {"id": "risks", "description": "List the risks.", "needs": ["facts"]},
        {"id": "costs", "description": "Estimate the costs.", "needs": ["facts"]},
    ],
    "answer": {"format": "a report", "sections": ["Summary", "Risks", "Next steps"], "length": "one page"},
}


@pytest.fixture(autouse=True)
def _model(openai_env: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_MODEL", "openai/scripted")


async def test_the_planned_tasks_run_and_the_report_has_the_planned_sections(
    openai_env: ScriptedServer, prefect_server: str
) -> None:
    """In their order; each step's prompt has the outcome of those it needs; the plan is an artifact."""
    # L-06 L-08 F-19
    written: dict[str, Any] = {"Risks": "Few.", "Summary": "Yes.", "Next steps": "Start."}
    openai_env.on("Split the work", Reply.json_value(DRAFT))
    openai_env.on("Write the answer", Reply.json_value(written))
    openai_env.on("List the risks", Reply.text("rain"))
    openai_env.on("Collect the facts", Reply.text("facts: it rains"))

    report = await plan_and_run("Shall we go out?")
    risks = openai_env.requests_matching("List the risks")[0].prompt_text
    async with get_client() as client:
        found = await client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=["plan"])), sort=ArtifactSort.CREATED_DESC
        )

    assert report == "## Summary\n\nYes.\n\n## Risks\n\nFew.\n\n## Next steps\n\nStart."
    assert "facts: it rains" in risks
    assert openai_env.requests_matching("about {{ inputs.goal }}.")  # what a model wrote is not evaluated
    assert "**costs**: Estimate the costs." in str(found[0].data)
    assert "t_facts --> t_risks" in str(found[0].data)
    assert openai_env.count == 5


async def test_a_planner_that_fails_is_a_clear_failure(openai_env: ScriptedServer) -> None:
    """No empty plan is run and taken for a success."""
    # L-06
    openai_env.on("Split the work", Fault.status(400))

    with pytest.raises(Exception, match="400"):
        await plan_and_run("Shall we go out?")
    assert openai_env.count == 1


async def test_a_draft_that_hangs_in_the_air_is_sent_back(openai_env: ScriptedServer) -> None:
    """A step that needs one that is not there is a fault of the answer, which the model is asked to mend."""
    broken = json.loads(json.dumps(DRAFT))
    broken["steps"][1]["needs"] = ["nothing"]
    with pytest.raises(ValueError, match="no earlier step is called"):
        Draft.model_validate(broken)
    plan, inputs = plan_for("g", Draft.model_validate(DRAFT))

    assert [task.id for task in plan.tasks] == ["facts", "risks", "costs", "report"]
    assert inputs["steps"]["risks"] == "List the risks."
