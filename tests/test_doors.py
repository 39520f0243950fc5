"""The flow that deployments point at: which files it reads, and what it does not tell."""

from __future__ import annotations

import io
import logging
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from agentic_prefect.doors import run_plan
from agentic_prefect.policies.redaction import MASK
from agentic_prefect.testing import Reply, ScriptedServer
from agentic_prefect.testing.pytest_plugin import SCRIPTED_KEY

pytestmark = pytest.mark.prefect

LOOKS_LIKE_ONE = "sk-proj-Kl34Mn56Op78Qr90"
CONFIGURED = "ACME-654321"
NO_PLANS = {
    ".env.prod": "DB_PASSWORD=hunter2secret\nUSER=ada\n",
    "secrets.yaml": "DB_PASSWORD: hunter2secret\nDB_PASSWORD: hunter2secret\n",
    "broken.yaml": "DB_PASSWORD: hunter2secret: more\n",
    "tag.yaml": "DB_PASSWORD: !hunter2secret x\n",
    "alias.yaml": "DB_PASSWORD: *hunter2secret\n",
    "list.json": '["hunter2secret"',
}


@pytest.fixture(autouse=True)
def _places(openai_env: ScriptedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A working folder, and the model that answers."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_MODEL", "openai/scripted")
    openai_env.answer_by_default(Reply.text("done"))


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the logger of flow runs hands to its handlers."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("prefect.flow_runs")
    logger.addHandler(handler)
    yield stream
    logger.removeHandler(handler)


@pytest.mark.parametrize("name", NO_PLANS)
async def test_a_file_that_is_no_plan_is_not_quoted(name: str, tmp_path: Path, lines: io.StringIO) -> None:
    """The state and the log name the file and say that it is no plan; nothing of what it says stands there."""
    (tmp_path / "work" / name).write_text(NO_PLANS[name])

    state = await _state(plan=name)
    told = f"{state.message}\n{lines.getvalue()}"

    assert state.is_failed()
    assert name in state.message
    assert [word for word in ("hunter2secret", "DB_PASSWORD") if word in told] == []


@pytest.mark.parametrize("reference", ["../outside.yaml", "{outside}", "a/../../outside.yaml"])
async def test_a_file_elsewhere_on_the_worker_is_not_read(
    reference: str, tmp_path: Path, openai_env: ScriptedServer
) -> None:
    """A path leads below the folders of plans and the working folder; any other is refused, with the way out."""
    outside = tmp_path / "outside.yaml"
    outside.write_text("name: outside\ntasks: [{id: one, description: One}]\n")

    state = await _state(plan=reference.format(outside=outside))

    assert state.is_failed()
    assert "PREFECT_INTEGRATIONS_AGENTIC_PLANS" in state.message
    assert openai_env.count == 0


async def test_a_sub_plan_elsewhere_on_the_worker_is_not_read(tmp_path: Path, openai_env: ScriptedServer) -> None:
    """A plan that is given as text leads to no other files than a path does."""
    outside = tmp_path / "outside.yaml"
    outside.write_text("name: outside\ntasks: [{id: one, description: One}]\n")

    state = await _state(plan=f"name: outer\ntasks:\n- {{id: inner, kind: plan, plan: {outside}}}\n")

    assert state.is_failed()
    assert f"The plan '{outside}' lies outside of the folders" in state.message
    assert "PREFECT_INTEGRATIONS_AGENTIC_PLANS" in state.message
    assert openai_env.count == 0


async def test_files_below_the_working_folder_and_the_folders_of_plans_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, openai_env: ScriptedServer
) -> None:
    """By a relative path, by a whole one, and as a sub-plan beside the plan."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_PLANS", f'["{shelf}"]')
    (tmp_path / "work" / "here.yaml").write_text("name: here\ntasks: [{id: one, description: One}]\n")
    (shelf / "part.yaml").write_text("name: part\ntasks: [{id: two, description: Two}]\n")
    (shelf / "whole.yaml").write_text("name: whole\ntasks: [{id: inner, kind: plan, plan: part.yaml}]\n")

    states = [await _state(plan=reference) for reference in ("here.yaml", str(shelf / "whole.yaml"))]

    assert [state.name for state in states] == ["Completed", "Completed"]
    assert openai_env.count == 2


async def test_what_is_wrong_is_told_without_secrets(monkeypatch: pytest.MonkeyPatch, lines: io.StringIO) -> None:
    """An input that does not fit is quoted neither in the state nor in the log where it looks like a key, is one in
    use, or matches a configured pattern.
    """
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_REDACT", '["ACME-[0-9]{6}"]')
    plan = "name: secretive\ninputs: {given: {type: string}}\ntasks: [{id: one, description: One}]\n"
    secrets = (LOOKS_LIKE_ONE, CONFIGURED, SCRIPTED_KEY)

    state = await _state(plan=plan, inputs={"given": list(secrets)})
    told = f"{state.message}\n{lines.getvalue()}"

    assert state.is_failed()
    assert [secret for secret in secrets if secret in told] == []
    assert f"{MASK!r}, {MASK!r}" in state.message


async def test_a_wrong_policy_is_told_without_secrets(monkeypatch: pytest.MonkeyPatch, lines: io.StringIO) -> None:
    """What is wrong is told without secrets from the first line of the flow on, before the plan is looked at."""
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_REDACT", '["ACME-[0-9]{6}"]')

    state = await _state(plan="research", policy={CONFIGURED: 1})

    assert state.is_failed()
    assert MASK in state.message
    assert CONFIGURED not in f"{state.message}\n{lines.getvalue()}"


async def _state(**parameters: Any) -> Any:
    """The final state of a run of the door, its failure not raised."""
    door = cast("Callable[..., Awaitable[Any]]", run_plan)
    return await door(**parameters, return_state=True)
