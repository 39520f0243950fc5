"""The demo's prompts, as they are sent, are within what the default model can do."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentic_prefect.llm.local.service import running_local
from agentic_prefect.models.chat import OutputSchema
from agentic_prefect.models.plan import Plan
from agentic_prefect.ports import Work
from agentic_prefect.prompting.builder import PromptBuilder
from agentic_prefect.prompting.registry import PromptRegistry
from agentic_prefect.stored_plans import read_plan

pytestmark = [pytest.mark.local_model, pytest.mark.xdist_group("local_model")]

SENTIMENTS = ["negative", "positive", "negative", "positive", "negative", "positive"]


@pytest.fixture(scope="module")
def plan(repository: Path) -> Plan:
    """The shipped demo."""
    return read_plan("demo", folders=(repository / "flows" / "plans",))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, default_weights: Path) -> Iterator[httpx.Client]:
    """A client of a running engine that serves the default model."""
    with running_local(tmp_path_factory.mktemp("engine"), model_file=default_weights) as current:
        assert current.base_url is not None
        with httpx.Client(base_url=current.base_url, timeout=120, trust_env=False) as client:
            yield client


def answers(engine: httpx.Client, repository: Path, plan: Plan, task_id: str) -> list[dict[str, Any]]:
    """What the model answers to the task's prompt for each of the demo's comments, all asked at once."""
    registry = PromptRegistry()
    registry.load(repository / "prompts")
    builder, task = PromptBuilder(registry), plan.task(task_id)
    assert task.agent is not None
    output = OutputSchema(name="answer", json_schema=task.output) if isinstance(task.output, dict) else None

    def ask(comment: str) -> dict[str, Any]:
        description = task.description.replace("{{ item }}", comment)
        work = Work(
            task=task, task_id=task_id, agent=plan.agents[task.agent or ""], description=description, output=output
        )
        body: dict[str, Any] = {"messages": [each.model_dump() for each in builder.build_for_task(work).messages]}
        if output is not None:
            schema = {"name": output.name, "strict": True, "schema": output.json_schema}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return engine.post("/chat/completions", json=body).raise_for_status().json()["choices"][0]

    comments = plan.inputs["comments"]["default"]
    with ThreadPoolExecutor(len(comments)) as threads:
        return list(threads.map(ask, comments))


def test_labels_are_right(engine: httpx.Client, repository: Path, plan: Plan) -> None:
    """At least five of the six comments get the label that a person would give them."""
    labels = [json.loads(answer["message"]["content"]) for answer in answers(engine, repository, plan, "classify")]
    hits = sum(label == {"sentiment": right} for label, right in zip(labels, SENTIMENTS, strict=True))

    assert hits >= 5, labels


def test_summaries_end_and_are_shorter(engine: httpx.Client, repository: Path, plan: Plan) -> None:
    """Each summary ends by itself, and all of them together are shorter than the comments."""
    found = answers(engine, repository, plan, "summarise")
    texts = [answer["message"]["content"] for answer in found]

    assert [answer["finish_reason"] for answer in found] == ["stop"] * len(found)
    assert all(texts)
    assert sum(map(len, texts)) < sum(map(len, plan.inputs["comments"]["default"])), texts
