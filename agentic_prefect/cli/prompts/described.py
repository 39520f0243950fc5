"""What a template says of itself, as data and as lines."""

from collections.abc import Mapping, Sequence
from typing import Any

from agentic_prefect.prompting.template import PromptTemplate
from agentic_prefect.prompting.variables import Variable


def described(template: PromptTemplate, versions: Sequence[str], *, whole: bool = False) -> dict[str, Any]:
    """A template as data.

    Args:
        template: The template.
        versions: Of its id, the oldest first.
        whole: With its text, variables, examples and tests.
    """
    rest: set[str] = set() if whole else {"source", "variables", "examples", "few_shot", "tests", "notes", "first_line"}
    data = template.model_dump(mode="json", exclude=rest)
    return {**data, "hash": template.hash, "versions": list(versions)}


def facts(template: PromptTemplate, versions: Sequence[str]) -> list[str]:
    """A template as lines for people, without its text."""
    rows = [
        ("Template", f"{template.id} {template.version}"),
        ("Name", template.name if template.name != template.id else ""),
        ("Description", " ".join(template.description.split())),
        ("For", template.task_type),
        ("Domain", template.domain),
        ("Tags", ", ".join(template.tags)),
        ("Author", template.author),
        ("Notes", " ".join(template.notes.split())),
        ("Versions", ", ".join(versions)),
        ("Hash", template.hash[:12]),
        ("From", template.origin or "code"),
        ("Examples", str(len(template.examples) or "")),
        ("Tests", str(len(template.tests) or "")),
    ]
    return [f"{name + ':':<13}{value}" for name, value in rows if value] + _variable_lines(template.variables)


def _variable_lines(variables: Mapping[str, Variable]) -> list[str]:
    if not variables:
        return []
    lines = ["", "Variables:"]
    for name, variable in sorted(variables.items(), key=lambda each: (not each[1].is_required, each[0])):
        needed = "required" if variable.is_required else f"default {variable.default!r}"
        lines.append(f"  {name} ({variable.type}, {needed}) {variable.description}".rstrip())
    return lines
