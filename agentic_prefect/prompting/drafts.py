"""Drafts: versions that nobody is given before a person has approved them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from semver import Version

from agentic_prefect.plans.names import listing
from agentic_prefect.prompting.changes import breaking_changes
from agentic_prefect.prompting.errors import PromptError
from agentic_prefect.prompting.lint import lint
from agentic_prefect.prompting.registry import PromptRegistry
from agentic_prefect.prompting.template import PromptTemplate
from agentic_prefect.prompting.trial import try_template
from agentic_prefect.prompting.versions import parse_version

MOST_DRAFTS: Final = 3
"""So many drafts of one version may wait for a person; then nothing is refined any more."""
MARK: Final = "draft"
_BROKEN: Final = frozenset({"syntax", "unknown-template"})
"""Rules of `lint` without which a template cannot even be compiled."""


def next_draft(template_id: str, versions: Sequence[str]) -> str:
    """The version of the next draft, such as 1.3.0-draft.2: of the minor version after the latest one.

    Raises:
        PromptError: So many wait for a person already that there may be no more.
    """
    parsed = [parse_version(version) for version in versions]
    latest = max((each for each in parsed if each.prerelease is None), default=Version(0))
    target = latest.bump_minor()
    waiting = [each for each in parsed if each.prerelease is not None and each.finalize_version() == target]
    if len(waiting) >= MOST_DRAFTS:
        raise PromptError(
            f"{template_id!r} has {len(waiting)} drafts that nobody has decided about: "
            f"{listing([str(each) for each in sorted(waiting)])}. Publish one with `agentic-prefect prompts approve`, "
            f"or remove their files."
        )
    numbers = [_number(each) for each in waiting]
    return str(target.replace(prerelease=f"{MARK}.{max(numbers, default=0) + 1}"))


def published(draft: PromptTemplate) -> PromptTemplate:
    """The template that a draft becomes.

    Raises:
        PromptError: It is no draft.
    """
    version = parse_version(draft.version)
    if version.prerelease is None:
        raise PromptError(
            f"{draft.reference} is no draft. It can be rolled out: `agentic-prefect prompts rollout {draft.id} "
            f"{draft.version} --percent 10`."
        )
    return draft.model_copy(update={"version": str(version.finalize_version()), "origin": ""})


def flaws(draft: PromptTemplate, before: PromptTemplate, registry: PromptRegistry) -> tuple[str, ...]:
    """What keeps a draft from taking the place of the template that it was made from; empty when nothing does.

    Args:
        draft: The draft; the registry does not have it.
        before: What it was made from.
        registry: Where the templates are that it extends and includes.
    """
    if draft.source.strip() == before.source.strip():
        return ("The text is the same as before.",)
    # What was wrong before is not the fault of whoever improves it.
    known = {each.message for each in lint(before, registry=registry)}
    errors = [each for each in lint(draft, registry=registry) if each.severity == "error" and each.message not in known]
    wrong = [f"Line {each.line}: {each.message}" for each in errors]
    if any(each.rule in _BROKEN for each in errors):
        return tuple(wrong)
    broken = breaking_changes(registry.program(before), registry.program(draft))
    trials = [trial for trial in try_template(draft, registry) if not trial.passed]
    return (
        *wrong,
        *(f"{reason}. Use the variables that there are." for reason in broken),
        *(f"The test {trial.name!r} fails: {'; '.join(trial.problems)}" for trial in trials),
    )


def template_path(folder: Path, template: PromptTemplate) -> Path:
    """The file of a version of a template: what stands before a dot in its id is a folder."""
    *folders, name = template.id.split(".")
    return folder.joinpath(*folders, f"{name}-{template.version}.md.j2")


def _number(draft: Version) -> int:
    last = (draft.prerelease or "").rpartition(".")[2]
    return int(last) if last.isdigit() else 0
