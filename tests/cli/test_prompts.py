"""`prompts`: templates listed, shown and rendered, without a model."""

from __future__ import annotations

import importlib
import inspect
import json
import re
from pathlib import Path

import pytest

from agentic_prefect.cli.prompts import COMMANDS
from agentic_prefect.testing import Reply, ScriptedServer
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
        ((), ["agent.default", "agent.terse", "check.judge", "context.summary", "prompt.improve", "summary.short"]),
        (("SUMMAR",), ["context.summary", "summary.short"]),
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
    assert [line.split()[0] for line in table.out.splitlines()[1:]] == ids if ids else "None of the " in table.out


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


def test_lint_tells_every_fault_with_its_line(cli: Command, project: Path) -> None:
    """On standard error, as compilers do; the exit code is 2. A broken file does not hide the others."""  # P-52
    (project / "prompts" / "bad.md.j2").write_text("---\nid: bad\nverson: 1.0.0\n---\nHi\n")
    (project / "prompts" / "typo.md.j2").write_text(SHORT.replace("{{ text }}", "{{ txt }}").replace("1.1.0", "1.2.0"))

    done = cli("prompts", "lint")

    assert done.code == 2
    assert (
        "prompts/bad.md.j2:3: error: verson: there is no such field. Did you mean 'version'? [front-matter]" in done.err
    )
    assert "prompts/typo.md.j2:18: error: the variable 'txt' is not declared under `variables`." in done.err
    assert done.out == "4 templates: 2 errors, 7 to think about.\n"


def test_lint_is_strict_where_it_is_asked(cli: Command, project: Path) -> None:
    """What is only doubtful counts, too; data is for programs."""  # P-53
    assert cli("prompts", "lint", "summary.short").code == 0

    done = cli("prompts", "lint", "summary.short", "--strict", "-f", "json")

    assert done.code == 2
    assert [(each["rule"], each["severity"]) for each in json.loads(done.out)] == [
        ("no-tests", "error"),
        ("no-output", "error"),
    ]


def test_shipped_templates_are_looked_at_where_there_are_no_others(
    cli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a project of one's own."""
    monkeypatch.chdir(tmp_path)

    assert re.fullmatch(r"\d+ templates: all good\.\n", cli("prompts", "lint", "--strict").out)
    assert re.fullmatch(r"\d+ tests, all passed\.\n", cli("prompts", "test").out)


def test_tests_of_templates_are_run(cli: Command, project: Path) -> None:
    """A broken expectation fails with a diff, and the exit code says so."""  # P-54
    case = "tests: [{name: says it, data: {text: x}, expect: [in 4 sentences]}]\nvariables:"
    (project / "prompts" / "short.md.j2").write_text(SHORT.replace("variables:", case))

    done = cli("prompts", "test")
    data = json.loads(cli("prompts", "test", "summary.short", "-f", "json").out)

    assert (done.code, done.out) == (4, "1 test, 1 failed.\n")
    assert done.err.startswith("Failed: summary.short@1.1.0, says it: this is not in the prompt:\n")
    assert "-in 4 sentences\n  +Sum this up in 3 sentences:" in done.err
    assert [(each["name"], each["passed"]) for each in data] == [("says it", False)]


@pytest.mark.parametrize("arguments", [(), ("--task-type", "note", "--domain", "finance")], ids=["for tasks", "alone"])
def test_new_template_is_good_as_it_is(cli: Command, project: Path, arguments: tuple[str, ...]) -> None:
    """It passes lint in strict mode and its own test; it is there at once."""  # P-51
    said = 'What "happened": today'
    made = cli("prompts", "new", "notes.daily", *arguments, "--description", said)

    assert (made.code, (project / "prompts/notes/daily.md.j2").is_file()) == (0, True), made.err
    assert cli("prompts", "lint", "notes.daily", "--strict").out == "1 template: all good.\n"
    assert cli("prompts", "test", "notes.daily").out == "1 test, all passed.\n"
    assert json.loads(cli("prompts", "show", "notes.daily", "-f", "json").out)["description"] == said


def test_new_template_displaces_nothing(cli: Command, project: Path) -> None:
    """A file that is there stays; an id that is none is refused."""
    cli("prompts", "new", "summary.long")
    before = (project / "prompts/summary/long.md.j2").read_text()

    again = cli("prompts", "new", "summary.long", "--task-type", "note")

    assert (again.code, (project / "prompts/summary/long.md.j2").read_text()) == (2, before)
    assert "`agentic-prefect prompts edit summary.long` changes it" in again.err
    assert "'a b' is no id for a template" in cli("prompts", "new", "a b").err


@pytest.mark.parametrize(
    ("part", "version"), [((), "1.2.0"), (("--part", "patch"), "1.1.1"), (("--part", "major"), "2.0.0")]
)
def test_edit_makes_the_next_version(
    cli: Command, project: Path, monkeypatch: pytest.MonkeyPatch, part: tuple[str, ...], version: str
) -> None:
    """What the editor saved is the latest version; the one before stays as it was."""  # P-51
    monkeypatch.setenv("EDITOR", "sed -i s/plain/simple/")

    done = cli("prompts", "edit", "summary.short", *part)

    path = f"prompts/summary/short-{version}.md.j2"
    assert (done.code, done.out) == (0, f"Written: {path}, summary.short@{version}.\n"), done.err
    assert "simple words" in cli("prompts", "show", "summary.short").out
    assert "plain words" in cli("prompts", "show", "summary.short@1.1.0").out
    assert sorted(each.name for each in (project / "prompts" / "summary").iterdir()) == [f"short-{version}.md.j2"]


def test_edit_keeps_what_is_wrong_as_a_draft(cli: Command, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told by line, is no template yet, and the same command goes on with it."""
    draft = project / "prompts/summary/short-1.2.0.md.j2.draft"
    monkeypatch.setenv("EDITOR", "sed -i s/sentences}}/sentences/;s/{{.sentences.}}/{{sentnces}}/")

    wrong = cli("prompts", "edit", "summary.short")

    assert (wrong.code, draft.is_file()) == (2, True)
    assert "short-1.2.0.md.j2.draft:16: error: the variable 'sentnces'" in wrong.err
    assert json.loads(cli("prompts", "show", "summary.short", "-f", "json").out)["version"] == "1.1.0"

    monkeypatch.setenv("EDITOR", "sed -i s/sentnces/sentences/")
    assert cli("prompts", "edit", "summary.short").out.endswith("short-1.2.0.md.j2, summary.short@1.2.0.\n")
    assert not draft.exists()


def test_edit_without_a_change_leaves_nothing(cli: Command, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing the editor is enough to think better of it."""
    monkeypatch.setenv("VISUAL", "true")

    assert cli("prompts", "edit", "summary.short").out == "Nothing was changed.\n"
    assert list((project / "prompts" / "summary").iterdir()) == []


def test_program_writes_a_version_from_a_text(cli: Command, project: Path) -> None:
    """Without an editor: the text comes from a file or from standard input, with whatever version it says."""  # P-51
    done = cli("prompts", "edit", "summary.short", "--text", "-", stdin=SHORT.replace("plain", "short"))
    other = cli("prompts", "edit", "summary.short", "--text", "-", stdin=SHORT.replace("summary.short", "other"))

    assert done.out.endswith("summary.short@1.2.0.\n")
    assert "short words" in cli("prompts", "show", "summary.short").out
    assert (other.code, "is about 'other' and not about 'summary.short'" in other.err) == (2, True)


def test_a_shipped_template_gets_its_next_version_in_the_project(
    cli: Command, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package's own file is never written to."""
    monkeypatch.setenv("EDITOR", "sed -i 's/Your role: assistant/Your role: helper/'")
    done = cli("prompts", "edit", "agent.default")

    assert done.code == 0, done.err
    shown = json.loads(cli("prompts", "show", "agent.default", "-f", "json").out)
    assert (Path(shown["origin"]).parent, shown["version"]) == (Path("prompts/agent"), "1.2.0")


@pytest.mark.parametrize(
    ("editor", "said"),
    [
        ("", "There is no editor. Set VISUAL or EDITOR"),
        ("no-such-editor -w", "The editor 'no-such-editor' cannot be started"),
        ("false", "The editor 'false' ended with exit code 1"),
    ],
)
def test_an_editor_that_does_not_work_is_told(
    cli: Command, project: Path, monkeypatch: pytest.MonkeyPatch, editor: str, said: str
) -> None:
    """With the way out, and exit code 2."""
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", editor)
    done = cli("prompts", "edit", "summary.short")

    assert done.code == 2
    assert said in done.err


RUDE = """
name: rude
defaults: {model: openai/scripted, retry: {base_s: 0.01}}
tasks:
  - {id: ask, description: Ask for tea., checks: [{expression: "{{ 'please' in output }}", message: Say please.}]}
"""


@pytest.mark.prefect
def test_prompts_of_a_run_are_shown(
    cli: Command, openai_env: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All attempts of a task as they were sent, or one of them; what there is not is told with what there is."""
    # P-43
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_HISTORY_URL", f"sqlite:///{tmp_path}/history.db")
    openai_env.on("Ask for tea.", Reply.text("Tea!"), Reply.text("Tea, please."))
    assert cli("run", "-", stdin=RUDE).code == 0
    run = json.loads(cli("history", "list", "-f", "json").out)[0]["id"][:13]
    sent = ["\n\n".join(each["content"] for each in one.body["messages"]) for one in openai_env.requests]

    every = cli("prompts", "show", "--run", run, "--task", "ask", "-f", "json")
    second = cli("prompts", "show", "--run", run, "--task", "ask", "--attempt", 2)

    assert [each["text"] for each in json.loads(every.out)] == sent
    assert second.out.startswith("# Attempt 2: template agent.default@")
    assert second.out.partition("\n\n")[2] == f"{sent[1]}\n"
    assert "Say please." in second.out
    assert "Did you mean 'ask'?" in cli("prompts", "show", "--run", run, "--task", "aks").err
    assert "There are attempts: 1, 2." in cli("prompts", "show", "--run", run, "--task", "ask", "--attempt", 3).err


@pytest.mark.parametrize("arguments", [(), ("--run", "x"), ("agent.default", "--run", "x", "--task", "y")])
def test_show_needs_to_know_what(cli: Command, arguments: tuple[str, ...]) -> None:
    """A template, or a task of a run; not both and not neither."""
    done = cli("prompts", "show", *arguments)

    assert done.code == 2
    assert "`--run RUN --task ID`" in done.err
