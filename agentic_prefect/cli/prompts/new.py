"""`agentic-prefect prompts new`."""

import json
import re
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from agentic_prefect.bootstrap.prompts import open_prompts
from agentic_prefect.cli.terminal import stdout
from agentic_prefect.cli.usage import OutputUnwritable, UsageError
from agentic_prefect.prompting.compiling import ROLES
from agentic_prefect.prompting.template import TEMPLATE_ID

DEFAULT_PARENT: Final = "agent.default"

OWN_BLOCK: Final = "guidance"
"""The block that a new template for tasks adds to, if its parent has it."""

FOR_TASKS: Final = """---
id: {id}
version: 1.0.0
task_type: agent
description: {description}
tags: []
{domain}notes: The first version.
tests:
  - name: shows the task
    task: {{description: Sum this up., agent: {{role: editor}}, input: {{text: Some text.}}}}
    expect: ["# Task Description", Sum this up., Some text.]
---
{{% extends "{parent}" %}}
{{% block {block} %}}
{{{{ super() }}}}

Say how this kind of work is done.
{{% endblock %}}
"""
"""A template for a plan's tasks: everything from its parent, and one block more."""

STANDALONE: Final = """---
id: {id}
version: 1.0.0
task_type: {task_type}
description: {description}
tags: []
{domain}notes: The first version.
variables:
  text: {{type: string, description: What this is about}}
  sentences: {{type: integer, default: 3, description: How long the answer may be}}
tests:
  - name: shows the text
    data: {{text: Some text.}}
    expect: [Some text., in 3 sentences]
---
{{% block system %}}
You are a careful writer.
{{% endblock %}}
{{% block user %}}
# Task Description

Sum this up:

{{{{ text }}}}

# Output Requirements

Answer in {{{{ sentences }}}} sentences, with nothing before or after them.
{{% endblock %}}
"""


def new(
    template: str,
    /,
    *,
    extends: str = DEFAULT_PARENT,
    task_type: str = "agent",
    domain: str = "",
    description: str = "",
    folder: Annotated[Path, Parameter(name=("--folder", "-d"))] = Path("prompts"),
) -> None:
    """Write a template file to begin with.

    A template for a plan's tasks (`--task-type agent`) takes over another one and changes a part of it; any other one
    stands alone. Both pass `prompts lint --strict` and their own test.

    Args:
        template: The id, such as `summary.short`; the file is named after it.
        extends: The template that one for tasks takes over.
        task_type: The kind of work it is for.
        domain: The field of work it is meant for.
        description: What it is for, in a sentence.
        folder: Where the file is written.
    """
    if not re.fullmatch(TEMPLATE_ID, template):
        raise UsageError(f"{template!r} is no id for a template. Write words with dots between them: summary.short.")
    registry = open_prompts(Path())
    parent = registry.get(extends) if task_type == "agent" else None
    blocks = registry.program(parent).blocks if parent else {}
    path = path_for(template, folder)
    if path.exists():
        raise UsageError(f"{str(path)!r} is there already. `agentic-prefect prompts edit {template}` changes it.")
    text = (FOR_TASKS if parent else STANDALONE).format(
        id=template,
        task_type=task_type,
        description=_quoted(description or f"Say here what {template} is for."),
        domain=f"domain: {_quoted(domain)}\n" if domain else "",
        block=next((name for name in (OWN_BLOCK, *ROLES) if name in blocks), OWN_BLOCK),
        parent=f"{parent.id}@^{'.'.join(parent.version.split('.')[:2])}" if parent else "",
    )
    write_file(path, text)
    stdout().print(f"Written: {path}. Look at it with `agentic-prefect prompts render`.", soft_wrap=True)


def path_for(template_id: str, folder: Path) -> Path:
    """The file of a template: what stands before a dot in its id is a folder."""
    *folders, name = template_id.split(".")
    return folder.joinpath(*folders, f"{name}.md.j2")


def write_file(path: Path, text: str) -> None:
    """Write a file, and the folders above it.

    Raises:
        OutputUnwritable: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise OutputUnwritable.because(str(path), error) from error


def _quoted(text: str) -> str:
    """The text as YAML on one line."""
    return json.dumps(" ".join(text.split()), ensure_ascii=False)
