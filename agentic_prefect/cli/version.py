"""`agentic-prefect version`."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from rich.panel import Panel
from rich.text import Text

from agentic_prefect.cli.terminal import stdout

SHOWN: Final = ("agentic-prefect", "prefect", "openai", "pydantic")


def show_version() -> None:
    """Show the versions of this program and of what it stands on."""
    lines = [f"{name}: {_version(name)}" for name in SHOWN]
    lines += [f"Python: {platform.python_version()}", f"Platform: {platform.platform()}"]
    console = stdout()
    text = Text("\n".join(lines))
    if console.is_terminal:
        console.print(Panel(text, title="agentic-prefect", border_style="blue", expand=False))
    else:
        sys.stdout.write(f"{text.plain}\n")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
