"""`agentic-prefect prompts diff`."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from agentic_prefect.bootstrap.prompt_releases import PromptReleases
from agentic_prefect.cli.terminal import stderr, stdout
from agentic_prefect.cli.usage import UsageError
from agentic_prefect.prompting import changes
from agentic_prefect.prompting.registry import PromptRegistry
from agentic_prefect.prompting.template import PromptTemplate
from agentic_prefect.prompting.versions import parse_version


def diff(
    template: str,
    other: str = "",
    /,
    *,
    context: Annotated[int, Parameter(validator=validators.Number(gte=0))] = 3,
) -> None:
    """Show what changed from one version of a template to another.

    What breaks those who use the template is told on standard error.

    Args:
        template: A template's id, with `@version` after it if a certain one is meant; without `other` the newer one of
            the two, the version before it the older one.
        other: The newer template, or a version of the same one.
        context: How many lines around each change are shown.
    """
    releases = PromptReleases(Path())
    before, after = _pair(releases.registry, template, other)
    text = changes.diff(before, after, context_lines=context)
    if not text:
        stdout().print(f"{before.reference} and {after.reference} are the same.")
        return
    sys.stdout.write(text)
    broken = changes.breaking_changes(releases.registry.program(before), releases.registry.program(after))
    if broken and before.id == after.id:
        is_told = changes.is_breaking_allowed(before.version, after.version)
        kind = "Breaking, as its version says" if is_told else "Breaking, though its version does not say so"
        stderr().print(f"{kind}: {'; '.join(broken)}.", soft_wrap=True)


def _pair(registry: PromptRegistry, template: str, other: str) -> tuple[PromptTemplate, PromptTemplate]:
    if other:
        before = registry.get(template)
        is_version = other[:1].isdigit() and other not in {each.id for each in registry}
        return before, registry.get(f"{before.id}@{other}" if is_version else other)
    template_id, _, wanted = template.partition("@")
    versions = registry.versions(template_id)
    after = registry.get(template if wanted or not versions else f"{template_id}@{versions[-1]}")
    older = [each for each in versions if parse_version(each) < parse_version(after.version)]
    if not older:
        raise UsageError(
            f"There is no version of {template_id!r} before {after.version}. Name two: `prompts diff A B`."
        )
    return registry.get(f"{template_id}@{older[-1]}"), after
