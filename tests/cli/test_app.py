"""The overview, the help of each command, versions, and what a wrong word on the command line gets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from agentic_prefect.cli.app import COMMANDS
from tests.cli.conftest import PROGRAM, Command

NAMES = [name for name, *_ in COMMANDS]


def test_the_overview_lists_every_command_once(cli: Command) -> None:  # CT-02, L-54
    """Whoever asks for help sees each command once, and the exit codes."""
    done = cli("--help")
    listed = [line.split()[1] for line in done.out.splitlines() if line.startswith("│ ") and line[2].isalpha()]

    assert done.code == 0
    assert sorted(listed) == sorted(NAMES)
    assert "130 cancelled" in done.out


@pytest.mark.parametrize("name", NAMES)
def test_every_command_explains_itself(name: str, cli: Command) -> None:  # CT-02
    """The help of a command exits 0, begins with its line in the overview, and says how it is called."""
    line = next(row[3] for row in COMMANDS if row[0] == name)

    done = cli(name, "--help")

    assert done.code == 0
    assert f"Usage: agentic-prefect {name}" in done.out
    assert line in done.out


def test_the_overview_says_what_the_code_says() -> None:
    """The line in the overview is the beginning of the command's own help.

    A process of its own reads them: a group that is shown by the command line takes over the line of the overview.
    """
    code = (
        "import importlib, inspect, json\n"
        "from agentic_prefect.cli.app import COMMANDS\n"
        "def help_of(target):\n"
        "    module, _, attribute = target.partition(':')\n"
        "    command = getattr(importlib.import_module('agentic_prefect.cli.' + module), attribute)\n"
        "    return inspect.getdoc(command) if inspect.isfunction(command) else command.help\n"
        "print(json.dumps({name: help_of(target) for name, target, *_ in COMMANDS}))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    own = json.loads(done.stdout)
    assert {name: line for name, _, _, line in COMMANDS} == {
        name: own[name][: len(line)] for name, _, _, line in COMMANDS
    }


def test_the_help_loads_nothing_heavy() -> None:
    """The overview needs neither Prefect nor pydantic, which take longer to load than anybody waits for a help."""
    heavy = ["prefect", "pydantic", "openai", "jinja2", "yaml", "httpx"]
    code = (
        "import json, sys, agentic_prefect.cli as cli\n"
        "try:\n    cli.main(['--help'])\n"
        f"except SystemExit:\n    found = [name for name in {heavy!r} if name in sys.modules]\n"
        "    print(json.dumps(found), file=sys.stderr)"
    )

    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert json.loads(answer.stderr) == []


def test_version_is_that_of_the_package(cli: Command, repository: Path) -> None:  # C-01, L-61
    """`--version` and `version` say what the package's metadata and the project file say."""
    project = tomllib.loads((repository / "pyproject.toml").read_text())

    assert cli("--version").out.strip() == version("agentic-prefect") == project["project"]["version"]
    assert f"agentic-prefect: {version('agentic-prefect')}\nprefect: {version('prefect')}\n" in cli("version").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rnu"], "rnu"),
        (["run"], "--plan requires an argument"),
        (["run", "plan.yaml", "--modle", "x"], "Did you mean --model?"),
        (["run", "--modle", "x"], "'--modle' is an option that this command does not have"),
        (["run", "plan.yaml", "--max-concurrency", "many"], "many"),
        (["graph", "plan.yaml", "--format", "picture"], "picture"),
    ],
)
def test_a_wrong_word_is_named(arguments: list[str], message: str, cli: Command) -> None:  # CT-03
    """A mistake on the command line exits 2 with one message that names it, and where to look."""
    done = cli(*arguments)

    assert done.code == 2
    assert message in done.err
    assert "--help" in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("prune", "--older-than", "999999w"),
        ("history", "prune", "--older-than", "999999w"),
        ("history", "list", "--since", "999999w"),
        ("history", "report", "--days", "1e9"),
        ("dev", "--port", "99999"),
    ],
)
def test_a_number_beyond_all_bounds_is_refused(arguments: tuple[str, ...], cli: Command) -> None:
    """It is a mistake on the command line, and no fault of the program."""
    done = cli(*arguments)

    assert done.code == 2
    assert done.err.startswith("Error: ")
    assert "fault of agentic-prefect" not in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("deploy", "small.yaml"),
        ("plans", "list", "small"),
        ("plans", "save", "small.yaml"),
        ("runs", "list"),
        ("schedule", "list"),
    ],
)
def test_a_command_that_needs_a_server_says_so(
    arguments: tuple[str, ...], cli: Command, plan_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where none is set each of them ends with exit code 5."""
    monkeypatch.chdir(plan_file.parent)
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        done = cli(*arguments)

    assert done.code == 5
    assert "PREFECT_API_URL" in done.err


def test_a_reader_that_goes_away_is_no_fault(plan_file: Path) -> None:
    """As with `| head`: nothing is said, and the exit code is that of SIGPIPE."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [str(PROGRAM), "graph", str(plan_file)], stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)

    assert (done.returncode, done.stderr) == (141, "")
