"""The guide to prompts: its templates are good, its tables complete, its commands there, its example is true."""

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from agentic_prefect.cli.prompts import COMMANDS
from agentic_prefect.models.prompt import ContextRules
from agentic_prefect.prompting.compiling import ROLES
from agentic_prefect.prompting.craft import Rule, Waivable
from agentic_prefect.prompting.front_matter import read_template
from agentic_prefect.prompting.lint import lint_text
from agentic_prefect.prompting.registry import default_registry
from agentic_prefect.prompting.trial import try_template
from agentic_prefect.prompting.work_variables import GIVEN
from tests.docs.test_guides import DOCS, blocks, first_column

TEMPLATES = blocks("prompts.md", "jinja")
RULES = {*get_args(get_args(Rule)[0]), *get_args(Waivable)}


@pytest.mark.parametrize("text", TEMPLATES, ids=["alone", "for tasks"])
def test_each_template_is_good(text: str) -> None:
    """It passes lint in strict mode, and its own tests."""
    registry = default_registry()
    trials = try_template(read_template(text, origin="prompts.md"), registry)

    assert lint_text(text, origin="prompts.md", registry=registry, strict=True) == ()
    assert [trial.problems for trial in trials if not trial.passed] == []
    assert trials


@pytest.mark.parametrize(
    ("heading", "names"),
    [("A template", set(GIVEN)), ("At the terminal", RULES), ("Context", set(ContextRules.model_fields))],
)
def test_each_table_is_complete(heading: str, names: set[str]) -> None:
    """A table names all there is, and nothing else."""
    assert first_column("prompts.md", heading) == names


def test_each_block_is_one() -> None:
    """Those that can be overridden are all named."""
    registry = default_registry()
    text = (DOCS / "prompts.md").read_text("utf-8")
    sentence = text.partition("Its blocks are ")[2].partition("It is given")[0]

    assert set(re.findall(r"`(\w+)`", sentence)) == set(registry.program(registry.get("agent.default")).blocks) - {
        *ROLES
    }


def test_each_command_is_one() -> None:
    """The page calls no command that is not there."""
    (code,) = blocks("prompts.md", "bash")
    called = set(re.findall(r"agentic-prefect prompts (\w+)", code))

    assert called <= {name for name, *_ in COMMANDS}
    assert {"new", "edit", "lint", "test", "render", "show", "list"} <= called


def test_the_example_prints_what_the_page_says(tmp_path: Path) -> None:
    """The remarks after it are what is printed."""
    (code,) = blocks("prompts.md", "python")
    (tmp_path / "example.py").write_text(code, "utf-8")
    ended = subprocess.run([sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    said = [line.removeprefix("# ") for line in code.partition("# prints:\n")[2].splitlines()]

    assert ended.stdout.splitlines() == said, ended.stderr[-2000:]
