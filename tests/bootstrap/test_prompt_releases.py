"""Versions of prompts in runs: tried, taken back, edited while a process runs, registered in code."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agentic_prefect import Plan, PromptRegistry, PromptTemplate, RunOptions, load_plan, register_prompt, run_plan
from agentic_prefect.bootstrap.prompt_releases import PromptReleases
from agentic_prefect.bootstrap.prompts import open_prompts, prompts_of_process
from agentic_prefect.llm.local.engine import is_installed
from agentic_prefect.llm.local.unavailable import LocalModelUnavailable
from agentic_prefect.llm.local.weights import default_cache_dir, fetch
from agentic_prefect.models.prompt import RenderedPrompt
from agentic_prefect.ports import Work
from agentic_prefect.prompting.release_log import FILE, ReleaseFile
from agentic_prefect.prompting.releases import Change

VERSIONS = ("1.0.0", "1.1.0")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with two versions of a template."""
    (tmp_path / "prompts").mkdir()
    for version in VERSIONS:
        write(tmp_path, version, f"Text {version}: {{{{ description }}}}")
    return tmp_path


def write(project: Path, version: str, text: str) -> None:
    """A version of template `say`."""
    path = project / "prompts" / f"say-{version}.md.j2"
    path.write_text(f"---\nid: say\nversion: {version}\n---\n{text}\n")


def change(project: Path) -> tuple[Change, ReleaseFile]:
    """How the template may change, and where that is kept."""
    log = ReleaseFile(project / "prompts" / FILE)
    return Change("say", VERSIONS, "1.1.0", log.read()), log


class Echo:
    """An agent that says back its prompt, after whatever else is to happen at a task."""

    def __init__(self, **meanwhile: Callable[[], object]) -> None:
        self._meanwhile, self.tried = meanwhile, 0

    async def run(self, prompt: RenderedPrompt, work: Work) -> Any:
        self.tried += 1
        if act := self._meanwhile.get(f"{work.task_id}_{work.attempt}"):
            act()
        return prompt.messages[-1].content


def plan(**task: Any) -> Plan:
    """Two tasks, one after the other."""
    first = {"id": "first", "agent": "echo", "prompt": "say", "description": "One.", **task}
    second = {"id": "second", "agent": "echo", "prompt": "say", "description": "Two.", "after": ["first"]}
    return load_plan({"name": "two", "agents": {"echo": {}}, "tasks": [first, second]})


async def outputs(project: Path, echo: Echo, **task: Any) -> list[Any]:
    """What the tasks put out."""
    result = await run_plan(plan(**task), options=RunOptions(base_dir=project, runners={"echo": echo}))
    return [result.results[name].output for name in ("first", "second")]


@pytest.mark.prefect
async def test_rollback_takes_effect_on_the_next_task(project: Path, prefect_server: str) -> None:  # P-59
    """The task that is under way goes on with the version that it began with, in its later attempts, too."""

    def roll_back_and_fail() -> None:
        state, log = change(project)
        log.add(state.rollback(at=datetime.now(UTC)))
        raise TimeoutError

    echo = Echo(first_1=roll_back_and_fail)
    said = await outputs(project, echo, retry={"base_s": 0.01})

    assert said == ["Text 1.1.0: One.", "Text 1.0.0: Two."]
    assert echo.tried == 3


@pytest.mark.prefect
@pytest.mark.local_model
async def test_agents_of_ones_own_start_no_local_model(
    project: Path, prefect_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan that asks no model leaves the one on this machine alone, though it could be started."""
    if not is_installed():
        pytest.skip("the engine is not installed: pip install 'agentic-prefect[local]'")
    try:
        weights = fetch(default_cache_dir(os.environ))
    except LocalModelUnavailable as error:
        pytest.skip(f"the default model cannot be fetched here: {error}")
    folder = tmp_path / "cache" / "agentic-prefect" / "local"
    folder.mkdir(parents=True)
    (folder / "models").symlink_to(weights.parents[1], target_is_directory=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    said = await outputs(project, Echo())

    assert said == ["Text 1.1.0: One.", "Text 1.1.0: Two."]
    assert [path.name for path in folder.iterdir()] == ["models"]


@pytest.mark.prefect
@pytest.mark.parametrize(("percent", "version", "arm"), [(100, "1.1.0", "candidate"), (0, "1.0.0", "stable")])
async def test_arm_is_on_the_result(
    project: Path, prefect_server: str, percent: float, version: str, arm: str
) -> None:  # P-40
    """Which version a task was given while one is tried, and that it was."""
    state, log = change(project)
    log.add(state.rollout("1.1.0", percent, at=datetime.now(UTC)))
    result = await run_plan(plan(), options=RunOptions(base_dir=project, runners={"echo": Echo()}))
    prompt = result.results["first"].prompt

    assert prompt is not None
    assert (prompt.id, prompt.version, prompt.arm) == ("say", version, arm)


@pytest.mark.prefect
async def test_served_process_follows_its_files(project: Path, prefect_server: str) -> None:  # P-49
    """The next run uses an edited file, and after a broken edit what was good before."""
    first = await outputs(project, Echo())
    write(project, "1.1.0", "Edited: {{ description }}")
    second = await outputs(project, Echo())
    write(project, "1.1.0", "{% if %}")
    third = await outputs(project, Echo())

    assert first == ["Text 1.1.0: One.", "Text 1.1.0: Two."]
    assert second == third == ["Edited: One.", "Edited: Two."]


@pytest.mark.prefect
async def test_run_may_have_templates_of_its_own(project: Path, prefect_server: str) -> None:  # P-24
    """It sees those and no others."""
    own = PromptRegistry([PromptTemplate(id="say", source="My own: {{ description }}")])
    options = RunOptions(base_dir=project, runners={"echo": Echo()}, prompts=own)
    result = await run_plan(plan(), options=options)

    assert result.results["first"].output == "My own: One."


@pytest.mark.prefect
async def test_what_an_agent_achieves_is_on_the_version(
    project: Path, prefect_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:  # P-46 P-62
    """Success and verdict of a run's tasks are found under the version that they were given."""
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_HISTORY_URL", f"sqlite:///{project}/history.db")
    state, log = change(project)
    log.add(state.rollout("1.1.0", 100, at=datetime.now(UTC)))
    checks = [{"expression": "{{ 'One' in output }}", "message": "it is about something else"}]
    await run_plan(plan(checks=checks), options=RunOptions(base_dir=project, runners={"echo": Echo()}))
    await run_plan(
        plan(checks=checks, description="Else.", prompt="say@1.0.0", retries=0, on_failure="continue"),
        options=RunOptions(base_dir=project, runners={"echo": Echo()}),
    )
    report = PromptReleases(project).outcomes("say", since=datetime(2026, 1, 1, tzinfo=UTC))

    assert [(each.version, each.succeeded, each.samples) for each in report.versions] == [
        ("1.1.0", 3, 3),
        ("1.0.0", 0, 1),
    ]
    assert [each.verdict.mean for each in report.versions] == [1.0, 0.0]
    assert report.versions[1].failures == {"verification_failed": 1}
    assert "it is about something else" in report.versions[1].messages["verification_failed"][0]


def test_process_has_one_registry_per_folder(project: Path) -> None:  # P-24
    """The next run of a plan from there uses the same one; whoever opens another sees nothing of it."""
    mine = prompts_of_process(project)

    assert prompts_of_process(project) is mine
    assert prompts_of_process() is not mine
    assert open_prompts(project) is not mine
    assert prompts_of_process(project).versions("say") == VERSIONS
    assert prompts_of_process().versions("say") == ()


def test_template_registered_in_code_goes_before_every_folder(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # P-51
    """Registries that were made before find it, too."""
    monkeypatch.setattr("agentic_prefect.bootstrap.prompts._code._kept", {})
    before = prompts_of_process(project)
    register_prompt(PromptTemplate(id="say", source="In code", version="0.9"))

    assert prompts_of_process(project).get("say").source == "In code"
    assert prompts_of_process(project) is before
    monkeypatch.setattr("agentic_prefect.bootstrap.prompts._code._kept", {})
    prompts_of_process(project)


def test_environment_is_a_setting(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # P-50
    """The process's environment decides which variant is used."""
    (project / "prompts" / "dev.md.j2").write_text("---\nid: say\nversion: 1.1.0\nenvironment: dev\n---\nFor dev\n")
    texts: list[str] = []
    for name in ("", "dev", "prod"):
        monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_PROMPT_ENVIRONMENT", name)
        texts.append(prompts_of_process(project).get("say").source.strip()[:8])

    assert texts == ["Text 1.1", "For dev", "Text 1.1"]
