"""`agentic-prefect prompts list`."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.console import RenderableType
from rich.table import Table

from agentic_prefect.bootstrap.prompts import open_prompts
from agentic_prefect.cli.prompts.described import described
from agentic_prefect.cli.terminal import stdout
from agentic_prefect.prompting.template import PromptTemplate
from agentic_prefect.reports.wording import one_line


def list_prompts(
    text: str = "",
    /,
    *,
    task_type: str = "",
    tag: str = "",
    domain: str = "",
    format: Annotated[Literal["text", "json"], Parameter(name=("--format", "-f"))] = "text",
) -> None:
    """List the prompt templates that there are.

    Args:
        text: Only those with this text in id, name, description, task type, domain or a tag.
        task_type: Only those for this kind of work.
        tag: Only those with this tag.
        domain: Only those for this field of work.
        format: A table for people, or JSON for programs.
    """
    registry = open_prompts(Path())
    found = registry.search(text, task_type=task_type, tag=tag, domain=domain)
    if format == "json":
        data = [described(each, registry.versions(each.id)) for each in found]
        sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")
    elif found:
        stdout().print(_table(found))
    else:
        known = len(registry)
        stdout().print(f"None of the {known} templates matches." if known else "There are no prompt templates.")


def _table(found: Sequence[PromptTemplate]) -> RenderableType:
    page = Table("Template", "Version", "For", "Domain", "Description", box=None, pad_edge=False)
    for each in found:
        page.add_row(each.id, each.version, each.task_type, each.domain, one_line(each.description or each.name, 60))
    return page
