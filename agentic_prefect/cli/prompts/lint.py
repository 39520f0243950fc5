"""`agentic-prefect prompts lint`."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.text import Text

from agentic_prefect.cli.exit_codes import ExitCode
from agentic_prefect.cli.prompts.chosen import chosen_files
from agentic_prefect.cli.terminal import stderr, stdout
from agentic_prefect.prompting.lint import Finding, lint_text
from agentic_prefect.prompting.registry import PromptRegistry
from agentic_prefect.prompting.sources import file_text


def lint(
    *templates: str,
    strict: Annotated[bool, Parameter(negative=())] = False,
    format: Annotated[Literal["text", "json"], Parameter(name=("--format", "-f"))] = "text",
) -> ExitCode:
    """Look templates over and report everything that is wrong, by line.

    Args:
        templates: Files, folders or ids; without any, the project's templates.
        strict: Count what is only doubtful as wrong, too, such as a template that does not say what to answer.
        format: Text for people, or JSON for programs.
    """
    files, registry = chosen_files(templates)
    found = [each for path in files for each in look_over(path, registry, strict=strict)]
    if format == "json":
        sys.stdout.write(json.dumps([asdict(each) for each in found], indent=2, ensure_ascii=False) + "\n")
    else:
        print_findings(found)
        wrong = sum(each.severity == "error" for each in found)
        counted = f"{wrong} error{'' if wrong == 1 else 's'}, {len(found) - wrong} to think about"
        stdout().print(f"{len(files)} template{'' if len(files) == 1 else 's'}: {counted if found else 'all good'}.")
    return code_of(found)


def look_over(path: Path, registry: PromptRegistry, *, strict: bool = False) -> tuple[Finding, ...]:
    """Everything there is to say about a template file.

    Raises:
        PromptError: It cannot be read.
    """
    return lint_text(file_text(path), origin=str(path), registry=registry, strict=strict)


def print_findings(found: Sequence[Finding]) -> None:
    """Write findings to standard error, one line each, as compilers do."""
    for each in found:
        style = "bold red" if each.severity == "error" else "yellow"
        place = f"{each.where}:{each.line}: "
        stderr().print(
            Text.assemble(place, (f"{each.severity}: ", style), f"{each.message} ", (f"[{each.rule}]", "dim")),
            soft_wrap=True,
        )


def code_of(found: Sequence[Finding]) -> ExitCode:
    """The exit code that belongs to findings."""
    wrong = any(each.severity == "error" for each in found)
    return ExitCode.BAD_PLAN_OR_USAGE if wrong else ExitCode.COMPLETED
