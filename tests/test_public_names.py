"""The names that the package offers, and what importing them costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import agentic_prefect


@pytest.mark.parametrize("name", agentic_prefect.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """Each name in `__all__` can be used, and `dir()` offers it."""
    assert getattr(agentic_prefect, name) is not None
    assert name in dir(agentic_prefect)


def test_type_checkers_see_the_same_names(repository: Path) -> None:
    """What is imported for type checkers is what is loaded on use, from the same modules."""
    tree = ast.parse((repository / "agentic_prefect" / "__init__.py").read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    seen = {
        (alias.name, node.module)
        for node in imports
        for alias in node.names
        if (node.module or "").startswith("agentic_prefect.")
    }

    assert {(name, getattr(agentic_prefect, name).__module__) for name, _ in seen} == seen
    assert {name for name, _ in seen} | {"__version__"} == set(agentic_prefect.__all__)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    """A wrong name says what there is, and where the rest is found."""
    with pytest.raises(AttributeError, match=r"no public name 'Agnet'. It has: .*AgentSpec.*from its own module"):
        _ = agentic_prefect.Agnet  # pyright: ignore[reportAttributeAccessIssue]


def test_the_version_is_the_distributions() -> None:  # L-61
    """`__version__` is what the installed package says it is."""
    assert agentic_prefect.__version__ == version("agentic-prefect")


def test_the_package_itself_loads_nothing() -> None:  # L-49
    """`import agentic_prefect` loads none of its own modules, and no Prefect."""
    code = (
        "import sys, agentic_prefect; print([n for n in sys.modules if n.startswith(('agentic_prefect.', 'prefect'))])"
    )

    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"
