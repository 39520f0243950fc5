"""`agentic-prefect prompts rollback`."""

from pathlib import Path

from agentic_prefect.bootstrap.prompt_releases import PromptReleases
from agentic_prefect.cli.terminal import stdout
from agentic_prefect.settings import user_name


def rollback(template: str, /, *, to: str = "", author: str = "", note: str = "") -> None:
    """Take back the version that is tried, or go back to the version before.

    It holds from the next task on.

    Args:
        template: A template's id.
        to: The version to go back to, if a certain one is meant.
        author: Who does it; the name of the user, unless it is given.
        note: Why.
    """
    entry = PromptReleases(Path()).roll_back(template, to, author=author or user_name(), note=note)
    stdout().print(f"{template}: {entry.stable} is in use from the next task on.", soft_wrap=True)
