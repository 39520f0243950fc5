"""What the README shows is run as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agentic_prefect.hosting.deploying import POOL
from agentic_prefect.testing import ScriptedServer

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TRIP = "# trip.yaml\n"


def blocks(repository: Path, language: str) -> list[str]:
    """The code blocks of a language, in order."""
    return [code for name, code in BLOCK.findall((repository / "README.md").read_text("utf-8")) if name == language]


def commands(repository: Path, program: str) -> list[str]:
    """The README's shell lines that call `program`, without their remarks."""
    lines = [line.partition("  #")[0].strip() for block in blocks(repository, "sh") for line in block.splitlines()]
    return [line for line in lines if line.startswith(f"{program} ")]


def run(command: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a line in a shell, with the programs of this environment."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env={**os.environ, "PATH": path, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_nothing_is_left_unread(repository: Path) -> None:
    """Every block and every shell line of the README belongs to one of the tests here."""
    text = (repository / "README.md").read_text("utf-8")
    known = {program: commands(repository, program) for program in ("make", "agentic-prefect", "prefect")}
    lines = [line for block in blocks(repository, "sh") for line in block.splitlines() if line.strip()]

    assert {name for name, _ in BLOCK.findall(text)} == {"sh", "yaml", "python"}
    assert len(lines) == sum(map(len, known.values()))
    assert [len(blocks(repository, name)) for name in ("yaml", "python")] == [1, 3]


@pytest.mark.prefect
@pytest.mark.automations
def test_the_commands_work(repository: Path, tmp_path: Path, scripted_server: ScriptedServer) -> None:
    """Each command on the README's plan ends with 0, and the run leaves the file that it names."""  # CT-02
    (tmp_path / "trip.yaml").write_text(blocks(repository, "yaml")[0].removeprefix(TRIP), "utf-8")
    shown = commands(repository, "agentic-prefect")
    ended = run(" && ".join(shown), tmp_path, OPENAI_API_KEY="sk-readme", OPENAI_BASE_URL=scripted_server.base_url)

    assert len(shown) == 8
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert '"status": "completed"' in (tmp_path / "trip.json").read_text("utf-8")
    assert "night trains" in scripted_server.requests[0].prompt_text
    assert "write_short" in (tmp_path / "trip.md").read_text("utf-8")


@pytest.mark.prefect
def test_the_failure_example_prints_what_it_says(repository: Path, tmp_path: Path) -> None:
    """The remarks beside the `print` lines are what is printed."""  # F-44
    code = blocks(repository, "python")[0]
    (tmp_path / "letters.py").write_text(code, "utf-8")
    ended = run("python letters.py", tmp_path)
    promised = re.findall(r"^print\(.*?\)\s+# (.*)$", code, re.MULTILINE)

    assert len(promised) == 4
    assert ended.stdout.splitlines() == promised, ended.stderr[-2000:]


@pytest.mark.prefect
def test_the_decorator_example_runs(repository: Path, tmp_path: Path, scripted_server: ScriptedServer) -> None:
    """The flow of the README gives a typed summary."""
    call = "\nimport asyncio\nprint(asyncio.run(digest('A long text.')))\n"
    (tmp_path / "digest.py").write_text(blocks(repository, "python")[1] + call, "utf-8")
    ended = run(
        "python digest.py",
        tmp_path,
        OPENAI_API_KEY="sk-readme",
        OPENAI_BASE_URL=scripted_server.base_url,
        PREFECT_INTEGRATIONS_AGENTIC_MODEL="openai/scripted",
    )

    assert "points=['points']" in ended.stdout, ended.stderr[-2000:]
    assert "Summarise A long text. in three bullets." in scripted_server.requests[0].prompt_text


def test_the_kit_example_runs(repository: Path, tmp_path: Path) -> None:
    """The scripted server says where it listens."""
    (tmp_path / "kit.py").write_text(blocks(repository, "python")[2], "utf-8")
    ended = run("python kit.py", tmp_path)

    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/v1\n", ended.stdout), ended.stderr


def test_the_targets_exist(repository: Path, tmp_path: Path) -> None:
    """`make demo`, `make test` and `make dev` are targets."""
    shown = {*commands(repository, "make"), "make dev"}

    assert shown == {"make demo", "make test", "make dev"}
    for command in shown:
        assert run(f"{command} -n", repository).returncode == 0


def test_the_worker_takes_the_pool_that_deploy_makes(repository: Path) -> None:
    """Whoever types both lines has a worker for the deployment."""
    (worker,) = commands(repository, "prefect")

    assert worker.split() == ["prefect", "worker", "start", "--pool", POOL]
