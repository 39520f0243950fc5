"""The pages under `docs/` say what the code does: their tables are complete and their examples run."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import yaml

from agentic_prefect.bootstrap import check
from agentic_prefect.errors import ErrorCode
from agentic_prefect.models.agent import AgentSpec, PolicyFields
from agentic_prefect.models.asking import Asking, DecisionAction
from agentic_prefect.models.events import Event
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.policy import FailureRule
from agentic_prefect.models.result import TaskResult
from agentic_prefect.models.status import PlanStatus, TaskStatus
from agentic_prefect.models.task import AgentTask
from agentic_prefect.observers.artifacts import ArtifactObserver
from agentic_prefect.plans.load import load_plan
from agentic_prefect.settings import AgenticSettings
from agentic_prefect.testing import Fault
from tests.conftest import REPOSITORY

DOCS = REPOSITORY / "docs"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a language, in order."""
    return [code for name, code in BLOCK.findall((DOCS / page).read_text("utf-8")) if name == language]


def first_column(page: str, heading: str) -> set[str]:
    """The names in backticks in the first column of the tables under a heading."""
    section = (DOCS / page).read_text("utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


PLANS = [
    block
    for page in ("plans.md", "failures.md", "people.md", "checks.md", "prompts.md")
    for block in blocks(page, "yaml")
]
EVENT_NAMES = {kind.model_fields["name"].default for kind in get_args(get_args(Event)[0])}


@pytest.mark.parametrize("text", PLANS, ids=[text.splitlines()[0] for text in PLANS])
def test_each_plan_is_valid(text: str) -> None:
    """Every plan on the page has no problem, not even a warning."""
    assert check(load_plan(text)) == ()


@pytest.mark.parametrize(
    ("page", "heading", "names"),
    [
        ("plans.md", "The plan", set(Plan.model_fields)),
        ("plans.md", "The task", set(AgentTask.model_fields)),
        ("failures.md", "Attempts", set(FailureRule.model_fields)),
        ("people.md", "Questions about a failure", set(get_args(DecisionAction)) - {"approve", "reject"}),
        ("people.md", "How long, and who", set(Asking.model_fields)),
        ("results-and-events.md", "What a task returns", set(TaskResult.model_fields)),
        ("results-and-events.md", "Statuses", {*map(str, TaskStatus), *map(str, PlanStatus)}),
        ("results-and-events.md", "Error codes", set(map(str, ErrorCode))),
        ("results-and-events.md", "Events", EVENT_NAMES),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_table_is_complete(page: str, heading: str, names: set[str]) -> None:
    """A table names all there is, and nothing else."""
    assert first_column(page, heading) == names


def test_each_setting_stands_in_the_table() -> None:
    """With its variable, its default and what it is, in the order of the code."""
    rows = [line for line in (DOCS / "settings.md").read_text("utf-8").splitlines() if line.startswith("| `")]
    prefix = "PREFECT_INTEGRATIONS_AGENTIC_"
    expected = [
        f"| `{name}` | `{prefix}{name.upper()}` | {_default(field.default)} | {field.description} |"
        for name, field in AgenticSettings.model_fields.items()
    ]

    assert rows == expected


def _default(value: object) -> str:
    """A default as its variable would say it."""
    match value:
        case None | "":
            return "none"
        case float():
            return f"`{value:g}`"
        case str():
            return f"`{value}`"
        case _:
            return f"`{json.dumps(value)}`"


def test_each_deployment_stands_in_the_table() -> None:
    """Those of `prefect.yaml`, in its order."""
    folder = REPOSITORY / "deployments"
    names = [each["name"] for each in yaml.safe_load((folder / "prefect.yaml").read_text("utf-8"))["deployments"]]
    rows = re.findall(r"^\| `[\w-]+/([\w-]+)` ", (folder / "README.md").read_text("utf-8"), re.MULTILINE)

    assert rows == names


def test_each_field_of_an_agent_is_told() -> None:
    """On the page about plans, which says of policy fields that agents have them, too."""
    text = (DOCS / "plans.md").read_text("utf-8")
    row = next(line for line in text.splitlines() if line.startswith("| `agents` |"))
    own = set(AgentSpec.model_fields) - set(PolicyFields.model_fields) - {"name"}

    assert own <= set(re.findall(r"`(\w+)`", row))


def test_each_fault_is_one() -> None:
    """The kit's page names every fault that there is."""
    text = (DOCS / "testing.md").read_text("utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `Fault")]
    named = {name for row in rows for name in re.findall(r"\.(\w+)`", row)}

    assert named == {name for name in vars(Fault) if not name.startswith("_")}


def test_each_artifact_has_its_key() -> None:
    """The keys on the page are those that the observer writes."""
    source = Path(sys.modules[ArtifactObserver.__module__].__file__ or "").read_text("utf-8")

    assert first_column("results-and-events.md", "Artifacts") == set(re.findall(r'Sheet\("([a-z-]+)"', source))


@pytest.mark.prefect
def test_the_observer_hears_what_the_page_says(tmp_path: Path) -> None:
    """The remark beside the last line is what is printed."""
    (code,) = blocks("results-and-events.md", "python")
    (tmp_path / "waits.py").write_text(code, "utf-8")
    ended = _python("waits.py", folder=tmp_path)

    assert ended.stdout.strip() == code.rpartition("# prints: ")[2].strip(), ended.stderr[-2000:]


@pytest.mark.prefect
@pytest.mark.parametrize("code", blocks("checks.md", "python"), ids=["function", "verifier"])
def test_each_check_does_what_the_page_says(code: str, tmp_path: Path) -> None:
    """The remark after each example is what is printed."""
    (tmp_path / "example.py").write_text(code, "utf-8")
    ended = _python("example.py", folder=tmp_path)

    assert ended.stdout.strip() == code.rpartition("# prints: ")[2].strip(), ended.stderr[-2000:]


@pytest.mark.prefect
def test_the_example_test_passes(tmp_path: Path) -> None:
    """Somebody else's test with the plugin's fixtures passes as printed."""
    (code,) = blocks("testing.md", "python")
    (tmp_path / "test_letters.py").write_text(code, "utf-8")
    ended = _python("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_letters.py", folder=tmp_path)

    assert "1 passed" in ended.stdout, ended.stdout[-3000:]


def _python(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run this environment's Python in a folder."""
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
