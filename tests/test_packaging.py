"""The wheel holds all that a run needs, and works in an environment that holds nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

pytestmark = pytest.mark.xdist_group("packaging")  # one worker builds and installs, for all of these tests

SHIPPED = {"prompts": "agentic_prefect/_prompts", "flows/plans": "agentic_prefect/_plans"}


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    _run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(repository)])
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of a new virtual environment that holds the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    # The pip that is here installs there: a pip of its own would take as long as a third of what the wheel asks for.
    _run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python")]
    _run([*pip, "install", "-q", "--no-input", "--no-compile", "-c", str(repository / "constraints.txt"), str(wheel)])
    return folder / "bin"


@pytest.mark.parametrize(("source", "target"), SHIPPED.items(), ids=list(SHIPPED))
def test_the_wheel_takes_the_files_along(source: str, target: str, wheel: Path, repository: Path) -> None:
    """Every prompt and every stored plan of the checkout is in the wheel."""
    files = [path for path in (repository / source).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    expected = {f"{target}/{path.relative_to(repository / source).as_posix()}" for path in files}

    held = set(ZipFile(wheel).namelist())

    assert expected
    assert expected <= held
    assert "agentic_prefect/py.typed" in held


def test_the_wheel_holds_nothing_of_the_checkouts_rest(wheel: Path) -> None:
    """No test, cache or document gets into a user's environment."""
    tops = {name.split("/")[0] for name in ZipFile(wheel).namelist()}

    assert {top for top in tops if not top.endswith(".dist-info")} == {"agentic_prefect"}


@pytest.mark.slow
@pytest.mark.prefect
def test_a_plan_runs_from_a_fresh_installation(installed: Path, tmp_path: Path) -> None:  # D-17
    """A plan that ships in the wheel is rehearsed to its end by the installed command, far from the checkout."""
    result = tmp_path / "result.json"
    command = [str(installed / "agentic-prefect"), "rehearse", "research", "-o", str(result)]

    answer = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=_bare_environment(tmp_path))

    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert json.loads(result.read_text())["status"] == "completed"


@pytest.mark.slow
def test_the_installation_is_the_wheels(installed: Path, repository: Path, tmp_path: Path) -> None:
    """What runs there comes from the new environment, and its pytest plugin and its block collection are found."""
    code = (
        "import agentic_prefect, importlib.metadata as m;"
        "print(agentic_prefect.__file__);"
        "print(*(p.name for g in ('pytest11', 'prefect.collections') for p in m.entry_points(group=g)), sep=',')"
    )

    answer = _run([str(installed / "python"), "-c", code], cwd=tmp_path)
    place, entry_points = answer.splitlines()

    assert Path(place).is_relative_to(installed.parent)
    assert entry_points.split(",").count("agentic_prefect") == 2


def _bare_environment(home: Path) -> dict[str, str]:
    """The environment of a stranger's shell, but for the way to the session's Prefect server."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PREFECT_", "LANG", "LC_", "DO_NOT"))}
    return kept | {"PATH": os.defpath, "HOME": str(home)}


def _run(command: list[str], cwd: Path | None = None) -> str:
    answer = subprocess.run(command, capture_output=True, text=True, cwd=cwd)
    assert answer.returncode == 0, f"{' '.join(command)}\n{answer.stdout}\n{answer.stderr}"
    return answer.stdout
