"""`docs/prompt-versions.md` does what it says."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from agentic_prefect.settings import AgenticSettings
from tests.cli.conftest import Command, cli  # noqa: F401
from tests.conftest import REPOSITORY

TEXT = (REPOSITORY / "docs" / "prompt-versions.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """The code blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the templates of the page."""
    (tmp_path / "prompts").mkdir()
    for number, text in enumerate(blocks("jinja")):
        (tmp_path / "prompts" / f"greet-{number}.md.j2").write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("session", blocks("console"), ids=[block.split("\n")[0][2:40] for block in blocks("console")])
def test_commands_say_what_the_page_shows(session: str, project: Path, cli: Command) -> None:  # noqa: F811
    """Each command of a session, one after the other."""
    for step in session.strip("\n").split("\n\n$ "):
        command, _, shown = step.removeprefix("$ ").partition("\n")
        done = cli(*shlex.split(command)[1:])

        assert (done.out + done.err).strip("\n") == shown.strip("\n")


def test_example_prints_what_the_page_says() -> None:
    """The remark after the code is what it prints."""
    (code,) = blocks("python")
    shown = re.sub(r"^# ", "", code.partition("# prints:\n")[2], flags=re.MULTILINE)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == shown


def test_settings_are_those_that_there_are() -> None:
    """The table names every setting about prompts, and no other."""
    named = set(re.findall(r"^\| `(prompt\w*)` \|", TEXT, re.MULTILINE))

    assert named == {name for name in AgenticSettings.model_fields if name.startswith("prompt")}
