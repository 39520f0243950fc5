"""A model is asked for a better version of a prompt template, and people whether it may be published."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from agentic_prefect.bootstrap.options import RunOptions
from agentic_prefect.bootstrap.prompt_releases import PromptReleases
from agentic_prefect.bootstrap.prompts import prompt_folders
from agentic_prefect.errors import ErrorCode, TerminalError
from agentic_prefect.models.asking import Asking
from agentic_prefect.models.outcomes import VersionOutcomes
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.result import PlanResult
from agentic_prefect.prompting.changes import diff
from agentic_prefect.prompting.drafts import flaws, next_draft, published, template_path
from agentic_prefect.prompting.errors import PromptError
from agentic_prefect.prompting.evidence import suggestions
from agentic_prefect.prompting.front_matter import written_template
from agentic_prefect.prompting.template import PromptTemplate

ROUNDS: Final = 3
"""How often a model is asked for a text that can be used."""
LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)

Run = Callable[[Plan, dict[str, Any], RunOptions], PlanResult]
"""Runs a plan to its end."""

_TEXT: Final[dict[str, Any]] = {"type": "string", "default": ""}
_ANSWER: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "source": {"type": "string", "description": "The whole text of the better template"},
        "notes": {"type": "string", "description": "What was changed and why, in a sentence or two"},
    },
    "required": ["source", "notes"],
    "additionalProperties": False,
}


class NotImproved(TerminalError):
    """A model was asked for a better version of a template, and none came of it."""

    code = ErrorCode.INVALID_OUTPUT


@dataclass(frozen=True, slots=True)
class Approval:
    """What is to be decided about a draft."""

    draft: PromptTemplate
    before: PromptTemplate
    """The version in use."""
    final: PromptTemplate
    """What the draft becomes."""
    diff: str


def improve(
    reference: str, run: Run, *, wish: str = "", options: RunOptions | None = None, base_dir: Path = Path()
) -> tuple[PromptTemplate, Path]:
    """A better version of a template, written by a model, as a draft in the project's folder; and its file.

    The model is told how the version has done. What it writes must compile, need no more data, and pass the template's
    own tests; else it is asked again, with what is wrong, up to three times.

    Args:
        reference: The template.
        run: Runs the plan that asks the model.
        wish: What else is to be better.
        options: Of the run, such as which model.
        base_dir: The project's folder.

    Raises:
        PromptError: There is no such template, or too many drafts of it wait.
        NotImproved: The model gave nothing that can be used.
    """
    releases = PromptReleases(base_dir)
    before = releases.registry.get(reference)
    version = next_draft(before.id, releases.registry.versions(before.id))
    folder = _folder(base_dir)
    given = {"template": before.source, "figures": _figures(releases, before), "wish": wish, "flaws": ""}
    found: tuple[str, ...] = ()
    for _ in range(ROUNDS):
        result = run(_plan(before), given, options or RunOptions(base_dir=base_dir))
        if not result.successful:
            raise NotImproved(f"The model gave no better version of {before.reference}: {result.reason}.")
        answer: dict[str, Any] = result.output
        draft = before.model_copy(
            update={
                "version": version,
                "source": answer["source"].strip("\n") + "\n",
                "author": f"model {result.results['improve'].model}",
                "notes": answer["notes"].strip(),
                "parent": before.reference,
                "origin": "",
                "first_line": 1,
            }
        )
        found = flaws(draft, before, PromptReleases(base_dir).registry)
        if not found:
            return draft, _write(draft, folder)
        given = {**given, "flaws": f"{answer['source']}\n\nWhat is wrong with it:\n\n" + "\n".join(found)}
    raise NotImproved(
        f"The model gave no better version of {before.reference} that can be used, {ROUNDS} times. The last one: "
        f"{'; '.join(found)}"
    )


def approval_of(reference: str, *, base_dir: Path = Path()) -> Approval:
    """What is to be decided about a draft.

    Raises:
        PromptError: There is no such draft, or what it would become is there already.
    """
    releases = PromptReleases(base_dir)
    draft = releases.registry.get(reference)
    final = published(draft)
    if final.version in releases.registry.versions(draft.id):
        raise PromptError(f"{final.reference} is there already; the draft {draft.reference} came too late. Remove it.")
    before = releases.registry.get(draft.id)
    return Approval(draft, before, final, diff(before, final))


def publish(approval: Approval, *, percent: float, author: str = "", note: str = "", base_dir: Path = Path()) -> Path:
    """Make a version of a draft that has been approved, and give it to a share of the work; its file.

    Args:
        approval: What was approved.
        percent: The share, 0 to 100.
        author: Who approved it.
        note: Why.
        base_dir: The project's folder.
    """
    releases, final = PromptReleases(base_dir), approval.final
    if approval.before.version != approval.draft.version:
        # First this: a version that is merely the latest would be everybody's.
        releases.begin(final.id, final.version, percent, author=author, note=note)
    folder = Path(approval.draft.origin).parent if approval.draft.origin else _folder(base_dir)
    path = _write(final, folder, near=approval.draft.origin)
    if approval.draft.origin:
        Path(approval.draft.origin).unlink(missing_ok=True)
    return path


def question(approval: Approval, percent: float, asking: Asking) -> tuple[Plan, dict[str, Any]]:
    """The plan that asks people whether a draft may be published, and its inputs."""
    plan = Plan.model_validate(
        {
            "name": "approve-prompt",
            "description": "Ask people whether a draft of a prompt may be published.",
            "inputs": {"what": _TEXT, "diff": _TEXT, "notes": _TEXT},
            "tasks": [
                {
                    "id": "approve",
                    "kind": "human",
                    "description": "{{ inputs.what }}",
                    "context": ["{{ inputs.notes }}", "{{ inputs.diff }}"],
                    "ask": asking.model_dump(mode="json", exclude_unset=True),
                }
            ],
            "result": "{{ tasks.approve.output }}",
        }
    )
    what = (
        f"Is {approval.draft.reference} to be published as {approval.final.version}, for {percent:g} % of the work, "
        f"beside {approval.before.version}?"
    )
    fence = "```"
    while fence in approval.diff:
        fence += "`"
    notes = f"{approval.draft.author or 'Its author'}: {approval.draft.notes or 'no notes'}"
    return plan, {"what": what, "notes": notes, "diff": f"{fence}diff\n{approval.diff}{fence}"}


def _plan(template: PromptTemplate) -> Plan:
    names = ("template", "figures", "wish", "flaws")
    return Plan.model_validate(
        {
            "name": "improve-prompt",
            "description": "Ask a model for a better version of a prompt template.",
            "inputs": dict.fromkeys(names, _TEXT),
            "agents": {"prompt-engineer": {"role": "prompt engineer", "purpose": "make prompts that work"}},
            "tasks": [
                {
                    "id": "improve",
                    "agent": "prompt-engineer",
                    "prompt": "prompt.improve",
                    "description": f"Write a better version of the prompt template {template.id}.",
                    # What looks like an expression in a template stays text: it comes in as data.
                    "input": {name: f"{{{{ inputs.{name} }}}}" for name in names},
                    "output": _ANSWER,
                }
            ],
            "result": "{{ tasks.improve.output }}",
        }
    )


def _figures(releases: PromptReleases, template: PromptTemplate) -> str:
    report = releases.outcomes(template.id, since=LONG_AGO)
    found = next((each for each in report.versions if each.version == template.version), None)
    if found is None:
        return ""
    return "\n".join([_share(found), *(f"- {one.count} attempts failed: {one.advice}" for one in suggestions(found))])


def _share(found: VersionOutcomes) -> str:
    return f"{found.succeeded} of {found.samples} tasks succeeded."


def _folder(base_dir: Path) -> Path:
    folders = prompt_folders(base_dir)
    return folders[-1] if folders else base_dir / "prompts"


def _write(template: PromptTemplate, folder: Path, *, near: str = "") -> Path:
    path = template_path(folder, template)
    if near:
        path = Path(near).with_name(path.name)
    if path.exists():
        raise PromptError(f"The file {str(path)!r} is there already. Move it out of the way.")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(written_template(template), "utf-8")
    return path
