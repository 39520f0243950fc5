"""`agentic-prefect prompts show`."""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from agentic_prefect.bootstrap.prompts import open_prompts
from agentic_prefect.cli.prompts.described import described, facts


def show(
    template: str,
    /,
    *,
    format: Annotated[Literal["text", "json"], Parameter(name=("--format", "-f"))] = "text",
) -> None:
    """Show a template: what it says of itself, and its text.

    Args:
        template: A template's id, with `@version` or `@range` after it if a certain one is meant.
        format: Text for people, or JSON for programs.
    """
    registry = open_prompts(Path())
    found = registry.get(template)
    if format == "json":
        data = described(found, registry.versions(found.id), whole=True)
        sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")
        return
    lines = facts(found, registry.versions(found.id))
    sys.stdout.write("\n".join([*lines, "", found.source.strip("\n")]) + "\n")
