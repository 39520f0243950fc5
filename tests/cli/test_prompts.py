"""`prompts`: templates listed, shown and rendered, without a model."""

from __future__ import annotations

import importlib
import inspect
import json
from pathlib import Path

import pytest

from agentic_prefect.cli.prompts import COMMANDS
from tests.cli.conftest import Command

SHORT = """---
id: summary.short
version: 1.1.0
task_type: summary
description: Sums up a text.
tags: [summary]
notes: The second version asks for plain words.
variables:
  text: string
  sentences: {type: integer, default: 3, description: How long it may be}
---
{% block system %}
You sum up texts in plain words.
{% endblock %}
{% block user %}
Sum this up in {{ sentences }} sentences:

{{ text }}
{% endblock %}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with two versions of a template under `prompts`."""
    folder = tmp_path / "prompts"
    folder.mkdir()
    (folder / "short.md.j2").write_text(SHORT)
    (folder / "old.md.j2").write_text(SHORT.replace("1.1.0", "1.0.0").replace(" in plain words", ""))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", [name for name, *_ in COMMANDS])
def test_every_command_explains_itself(name: str, cli: Command) -> None:
    """The help of a command begins with its line in the overview, which is the first line of its docstring."""
    target, line = next(row[1:] for row in COMMANDS if row[0] == name)
    module, _, attribute = target.partition(":")
    command = getattr(importlib.import_module(f"agentic_prefect.cli.prompts.{module}"), attribute)

    done = cli("prompts", name, "--help")

    assert (done.code, (inspect.getdoc(command) or "").splitlines()[0]) == (0, line)
    assert line in done.out
    assert f"Usage: agentic-prefect prompts {name}" in done.out


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        ((), ["agent.default", "agent.terse", "summary.short"]),
        (("SUMMAR",), ["summary.short"]),
        (("--task-type", "agent"), ["agent.default", "agent.terse"]),
        (("--tag", "small-model"), ["agent.terse"]),
        (("--domain", "finance"), []),
    ],
    ids=["all", "by text", "by task type", "by tag", "by domain"],
)
def test_templates_are_listed(cli: Command, project: Path, arguments: tuple[str, ...], ids: list[str]) -> None:
    """The latest version of each that matches; a table has the same ones."""  # P-22
    data = json.loads(cli("prompts", "list", *arguments, "-f", "json").out)
    table = cli("prompts", "list", *arguments)

    assert [each["id"] for each in data] == ids
    assert table.code == 0
    assert [line.split()[0] for line in table.out.splitlines()[1:]] == ids if ids else "None of the 3" in table.out


def test_a_template_is_shown(cli: Command, project: Path) -> None:
    """What it says of itself, its versions and variables, and its text as it is written."""
    done = cli("prompts", "show", "summary.short")

    assert done.code == 0
    assert done.out.startswith("Template:    summary.short 1.1.0\nDescription: Sums up a text.\nFor:         summary\n")
    assert "Versions:    1.0.0, 1.1.0\n" in done.out
    assert "  text (string, required)\n  sentences (integer, default 3) How long it may be\n" in done.out
    assert done.out.endswith("{{ text }}\n{% endblock %}\n")


def test_a_certain_version_is_shown_as_data(cli: Command, project: Path) -> None:
    """By exact version or range, with the text and all versions."""
    data = json.loads(cli("prompts", "show", "summary.short@~1.0", "-f", "json").out)

    assert (data["version"], data["versions"]) == ("1.0.0", ["1.0.0", "1.1.0"])
    assert "You sum up texts.\n" in data["source"]


def test_an_unknown_template_gets_a_near_name(cli: Command, project: Path) -> None:
    """A slip of the finger is told, and the exit code is 2."""
    done = cli("prompts", "show", "sumary.short")

    assert done.code == 2
    assert "Did you mean 'summary.short'?" in done.err


def test_a_prompt_is_rendered(cli: Command, project: Path) -> None:
    """With values of the types that the template declares, from a file and from the command line."""
    (project / "values.yaml").write_text("text: from the file\nsentences: 9\n")

    done = cli("prompts", "render", "summary.short", "--data", "values.yaml", "-i", "sentences=2")

    assert done.code == 0, done.err
    title, _, text = done.out.partition("\n\n")
    assert title.startswith("# Template summary.short 1.1.0, hash ")
    assert text == (
        "## system\n\nYou sum up texts in plain words.\n\n## user\n\nSum this up in 2 sentences:\n\nfrom the file\n"
    )


def test_all_that_is_missing_is_named(cli: Command, project: Path) -> None:
    """Every variable that has no value and no default, at once."""  # P-18
    (project / "prompts" / "three.md.j2").write_text("---\nid: three\n---\n{{ one }} {{ two }} {{ three }}\n")

    done = cli("prompts", "render", "three", "-i", "two=2")

    assert done.code == 2
    assert "it needs one, three" in done.err


def test_a_template_is_tried_on_a_task(cli: Command, project: Path, plan_file: Path) -> None:
    """The prompt that a plan's task would get from another template; no model is asked, and none is set."""  # P-01
    arguments = ("--plan", plan_file, "--task", "last", "-i", "topic=coffee", "-f", "json")
    prompt = json.loads(cli("prompts", "render", "agent.terse", *arguments).out)

    assert prompt["record"]["id"] == "agent.terse"
    assert prompt["messages"][1]["content"].startswith("# Task Description\n\nLast\n\n# Input Parameters")


def test_a_task_belongs_to_a_plan(cli: Command, project: Path) -> None:
    """One without the other names nothing."""
    done = cli("prompts", "render", "agent.terse", "--task", "last")

    assert done.code == 2
    assert "`--plan PLAN --task ID`" in done.err
