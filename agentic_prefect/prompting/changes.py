"""What changed between two versions of a template, and whether whoever uses it must change, too."""

from collections.abc import Sequence
from difflib import unified_diff
from itertools import pairwise

from agentic_prefect.prompting.front_matter import written_template
from agentic_prefect.prompting.program import Program
from agentic_prefect.prompting.registry import PromptRegistry
from agentic_prefect.prompting.template import PromptTemplate
from agentic_prefect.prompting.versions import parse_version


def diff(before: PromptTemplate, after: PromptTemplate, *, context_lines: int = 3) -> str:
    """What has to change in the file of one template to get the other, as a unified diff; empty when nothing has.

    Args:
        before: The older one.
        after: The newer one.
        context_lines: How many lines around each change are shown.
    """
    lines = unified_diff(
        written_template(before).splitlines(),
        written_template(after).splitlines(),
        before.reference,
        after.reference,
        n=context_lines,
        lineterm="",
    )
    return "".join(f"{line}\n" for line in lines)


def breaking_changes(before: Program, after: Program) -> tuple[str, ...]:
    """Why data that does for one version of a template may not do for another; empty when it always does."""
    found = [
        f"`{name}` is required, and was not"
        if name in before.variables
        else f"`{name}` is required, and was not there before"
        for name in sorted(after.required - before.required)
    ]
    for name, new in sorted(after.variables.items()):
        old = before.variables[name].type if name in before.variables else "any"
        if new.type not in (old, "any") and not (old == "integer" and new.type == "number"):
            if old == "any" and name in after.required - before.required:
                continue
            found.append(f"`{name}` must be of the type {new.type}; it could be of the type {old}")
    return tuple(found)


def is_breaking_allowed(before: str, after: str) -> bool:
    """Whether a change of version is one that may break what uses the template: a new major version, or before 1.0.0 a
    new minor one.
    """
    old, new = parse_version(before), parse_version(after)
    return new.major != old.major or (old.major == 0 and new.minor != old.minor)


def undeclared_breaks(registry: PromptRegistry, template_id: str) -> tuple[str, ...]:
    """Versions of a template that break what used the one before though their number says that they do not, each with
    the reasons; pre-releases are left out.

    Raises:
        PromptError: One of the versions cannot be compiled.
    """
    released = [version for version in registry.versions(template_id) if parse_version(version).prerelease is None]
    found: list[str] = []
    for before, after in pairwise(released):
        reasons = () if is_breaking_allowed(before, after) else _reasons(registry, template_id, before, after)
        if reasons:
            found.append(told(before, after, reasons))
    return tuple(found)


def told(before: str, after: str, reasons: Sequence[str]) -> str:
    """A sentence about a version that breaks what used another."""
    return (
        f"{after} breaks what uses {before}: {'; '.join(reasons)}. Give a default, or make it a new major version, "
        f"{parse_version(before).bump_major()}."
    )


def _reasons(registry: PromptRegistry, template_id: str, before: str, after: str) -> tuple[str, ...]:
    old, new = (registry.program(registry.get(f"{template_id}@{version}")) for version in (before, after))
    return breaking_changes(old, new)
