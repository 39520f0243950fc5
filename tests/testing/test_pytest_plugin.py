"""The plugin in a test run of somebody else."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import openai
import pytest

from agentic_prefect.testing import Fault, Reply, ScriptedServer

USERS_TESTS = """
import os
import sys

import httpx


def test_nothing_heavy_is_loaded():
    assert not {"prefect", "openai", "pydantic", "jinja2"} & set(sys.modules)


def test_the_environment_leads_to_the_server(openai_env):
    assert os.environ["OPENAI_API_KEY"] == "sk-scripted"
    assert os.environ["OPENAI_BASE_URL"] == openai_env.base_url
    body = {"model": "m", "input": "Hello"}
    assert httpx.post(os.environ["OPENAI_BASE_URL"] + "/responses", json=body).status_code == 200
    assert openai_env.count == 1


def test_each_test_starts_empty(scripted_server):
    assert scripted_server.count == 0
    assert "OPENAI_BASE_URL" not in os.environ


def test_the_model_in_process(scripted_model):
    assert scripted_model.count == 0
"""


def test_a_users_test_run(tmp_path: Path) -> None:
    """The fixtures work outside this repository, and loading the plugin loads no large library."""
    (tmp_path / "test_mine.py").write_text(USERS_TESTS)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "agentic_prefect.testing.pytest_plugin",
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "PYTEST_"))}

    run = subprocess.run(
        [*command, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )

    assert run.returncode == 0, run.stdout
    assert "4 passed" in run.stdout


def test_openai_finds_the_server_by_itself(openai_env: ScriptedServer) -> None:
    """A client that is given nothing talks to the scripted server."""
    openai_env.on(None, Fault.server_error(), Reply.text("In Lisbon."))
    client = openai.OpenAI(max_retries=0)

    with pytest.raises(openai.InternalServerError):
        client.responses.create(model="m", input="Hello")

    assert client.responses.create(model="m", input="Hello").output_text == "In Lisbon."
    assert openai_env.requests[0].api_key == "sk-scripted"


def test_unknown_names_of_the_kit_are_said() -> None:
    """A name that the kit does not have is an error that lists those it has."""
    import agentic_prefect.testing as kit  # the module itself is what is tested

    with pytest.raises(AttributeError, match=r"no public name 'Mock'\. It has: .*ScriptedServer"):
        _ = kit.Mock
    for name in kit.__all__:
        assert getattr(kit, name).__name__ == name


def test_the_server_is_reset_between_tests(scripted_server: ScriptedServer) -> None:
    """Rules and records of an earlier test are gone."""
    response = httpx.post(f"{scripted_server.base_url}/responses", json={"model": "m", "input": "x"})

    assert response.json()["output"][0]["content"][0]["text"].startswith("Scripted answer ")
    assert scripted_server.count == 1


TEMPLATE = """---
id: letter
variables: {name: string}
tests:
  - {name: greets, data: {name: Ada}, expect: [Dear Ada]}
  - {name: fails, data: {name: Ada}, expect: [Dear Bob]}
---
Dear {{ name }},
"""


def test_templates_are_tested_with_everything_else(tmp_path: Path) -> None:  # P-54
    """The tests in front matter are items of the run; a broken expectation shows a diff and no traceback."""
    folder = tmp_path / "prompts"
    folder.mkdir()
    (folder / "letter.md.j2").write_text(TEMPLATE)
    (folder / "child.md.j2").write_text(
        "---\nid: child\ntests: [{data: {name: Bob}, expect: [Dear Bob]}]\n---\n{% extends 'letter' %}\n"
    )
    (tmp_path / "page.html.j2").write_text("<p>{{ not ours }}</p>")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]

    run = subprocess.run(
        [*command, "-p", "agentic_prefect.testing.pytest_plugin", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )

    assert run.returncode == 1, run.stdout
    assert "1 failed, 2 passed" in run.stdout
    assert "letter@1.0.0: fails" in run.stdout
    assert "-Dear Bob\n  +Dear Ada," in run.stdout
    assert "Traceback" not in run.stdout


def test_template_that_cannot_be_read_is_an_error_of_the_run(tmp_path: Path) -> None:
    """It says the line, and is no crash of the plugin."""
    (tmp_path / "bad.j2").write_text(TEMPLATE.replace("expect", "expct"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]

    run = subprocess.run(
        [*command, "-p", "agentic_prefect.testing.pytest_plugin", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )

    assert run.returncode == 2, run.stdout
    assert "bad.j2 is no prompt template: line 5:" in run.stdout
