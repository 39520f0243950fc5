"""`agentic-prefect prompts show`."""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter, validators

from agentic_prefect.bootstrap.prompts import open_prompts
from agentic_prefect.cli.prompts.described import described, facts
from agentic_prefect.cli.usage import UsageError


def show(
    template: str = "",
    /,
    *,
    run: str = "",
    task: str = "",
    attempt: Annotated[int | None, Parameter(validator=validators.Number(gte=1))] = None,
    format: Annotated[Literal["text", "json"], Parameter(name=("--format", "-f"))] = "text",
) -> None:
    """Show a template, or the prompts that a task of an earlier run has sent.

    Args:
        template: A template's id, with `@version` or `@range` after it if a certain one is meant.
        run: Instead of a template: the id of an earlier run, or the beginning of it.
        task: The id of that run's task; `id[index]` for an item of a fan-out.
        attempt: Only the prompts of this attempt.
        format: Text for people, or JSON for programs.
    """
    if bool(run) != bool(task) or bool(template) == bool(run):
        raise UsageError("Name a template, or a task of an earlier run: `--run RUN --task ID`.")
    if run:
        _show_sent(run, task, attempt, format)
        return
    registry = open_prompts(Path())
    found = registry.get(template)
    if format == "json":
        data = described(found, registry.versions(found.id), whole=True)
        sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")
        return
    lines = facts(found, registry.versions(found.id))
    sys.stdout.write("\n".join([*lines, "", found.source.strip("\n")]) + "\n")


def _show_sent(run: str, task: str, attempt: int | None, format: str) -> None:
    from agentic_prefect.cli.prompts.sent import heading, sent_prompts  # the history takes a while to load

    found = sent_prompts(run, task, attempt)
    if format == "json":
        data = [each.model_dump(mode="json") for each in found]
        sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("\n\n".join(f"{heading(each)}\n\n{each.text}" for each in found) + "\n")
