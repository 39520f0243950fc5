"""Kinds of tasks and agents that others bring along."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentic_prefect import Plan, PlanStatus, RunOptions, load_plan, run_plan
from agentic_prefect.models.prompt import RenderedPrompt
from agentic_prefect.plugins.kinds import installed_kinds
from agentic_prefect.ports import Work
from agentic_prefect.testing import Reply, ScriptedServer

pytestmark = pytest.mark.prefect

MODEL = {"defaults": {"model": "openai/scripted"}}
CSV = "name,age\nAda,36\nAlan,41\n"


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package with a kind of task: a class that has `execute` and nothing else."""
    (tmp_path / "shouting.py").write_text(
        "class Shout:\n    async def execute(self, work):\n        return str(work.input).upper()\n"
    )
    about = tmp_path / "shouting-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: shouting\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[agentic_prefect.task_kinds]\nshout = shouting:Shout\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    installed_kinds.cache_clear()
    yield
    installed_kinds.cache_clear()


def mixed() -> Plan:
    """A plan of five kinds of tasks."""
    inner = {"name": "inner", **MODEL, "tasks": [{"id": "deep", "description": "Deep."}]}
    return load_plan(
        {
            "name": "mixed",
            **MODEL,
            "tasks": [
                {"id": "ask", "description": "Say something."},
                {"id": "shout", "kind": "shout", "input": "{{ tasks.ask.output }}"},
                {
                    "id": "profile",
                    "kind": "function",
                    "call": "agentic_prefect.examples.quality:profile",
                    "input": {"csv_text": CSV},
                },
                {"id": "nest", "kind": "plan", "plan": inner},
                {
                    "id": "sign",
                    "kind": "human",
                    "description": "Is it right?",
                    "ask": {"deadline_s": 1, "default": "approve"},
                },
            ],
        }
    )


@pytest.mark.usefixtures("plugin")
async def test_a_class_with_only_execute_plugs_in(openai_env: ScriptedServer, prefect_server: str) -> None:
    """A plan that mixes kinds, one of them from a plugin, completes; outputs are what each kind returned."""
    # A-01 A-02 A-15 A-Q3 A-11 F-13
    openai_env.on("Say something.", Reply.text("hello"))
    result = await run_plan(mixed())

    assert result.status is PlanStatus.COMPLETED, result.reason
    assert (result.results["ask"].success, result.results["ask"].output) == (True, "hello")
    assert result.results["shout"].output == "HELLO"
    assert (result.results["profile"].output or {})["rows"] == 2
    assert result.results["sign"].decisions[0].by_a_person is False
    assert set(result.results) == {"ask", "shout", "profile", "nest", "sign"}


class Parrot:
    """An agent of somebody's own, which asks no model."""

    async def run(self, prompt: RenderedPrompt, work: Work) -> Any:
        """Say back what was asked."""
        return f"{work.agent.name} heard: {work.description}"


async def test_an_agent_of_ones_own_takes_the_models_place(openai_env: ScriptedServer, prefect_server: str) -> None:
    """It gets the prompt and the work, and what it returns is the task's output."""
    #
    plan = load_plan(
        {"name": "own", "agents": {"parrot": {}}, "tasks": [{"id": "x", "agent": "parrot", "description": "Hi."}]}
    )
    result = await run_plan(plan, options=RunOptions(runners={"parrot": Parrot()}))

    assert result.output == "parrot heard: Hi."
    assert openai_env.count == 0
