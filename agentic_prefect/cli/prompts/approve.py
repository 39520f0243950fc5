"""`agentic-prefect prompts approve`."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter, validators

from agentic_prefect.bootstrap.options import RunOptions
from agentic_prefect.bootstrap.prompt_drafts import Approval, approval_of, publish, question
from agentic_prefect.cli.exit_codes import ExitCode
from agentic_prefect.cli.prompts.asking import run_to_result
from agentic_prefect.cli.terminal import stdout
from agentic_prefect.models.asking import Asking
from agentic_prefect.models.result import PlanResult
from agentic_prefect.settings import user_name


def approve(
    draft: str,
    /,
    *,
    percent: Annotated[float, Parameter(validator=validators.Number(gte=0, lte=100))] = 10.0,
    ask: Annotated[bool, Parameter(negative=())] = False,
    within_s: Annotated[float | None, Parameter(validator=validators.Number(gt=0))] = None,
    author: str = "",
    note: str = "",
) -> ExitCode:
    """Publish a draft for a share of the work, or ask people whether it may be.

    The draft becomes a version without `-draft`, which is tried beside the one in use. `prompts rollout --promote`
    makes it the one in use once it has done well enough.

    Args:
        draft: A draft, such as `summary.short@1.2.0-draft.1`.
        percent: The share of the work that it gets, 0 to 100.
        ask: Ask in the Prefect UI, with what has changed, and wait for the answer.
        within_s: With `--ask`: how many seconds people may take; then it counts as rejected.
        author: Who approves it; the name of the user, unless it is given.
        note: Why.
    """
    base_dir = Path()
    approval = approval_of(draft, base_dir=base_dir)
    if ask:
        given: dict[str, Any] = {"default": "reject", **({"deadline_s": within_s} if within_s else {})}
        plan, inputs = question(approval, percent, Asking.model_validate(given))
        result = run_to_result(plan, inputs, RunOptions(base_dir=base_dir))
        if not result.successful:
            stdout().print(f"{draft} stays a draft: {_why(result)}", soft_wrap=True)
            return ExitCode.FAILED
        author, note = author or str(result.output["by"]), note or str(result.output["comment"])
    path = publish(approval, percent=percent, author=author or user_name(), note=note, base_dir=base_dir)
    stdout().print(f"{_told(approval, percent)} Written: {path}.", soft_wrap=True)
    return ExitCode.COMPLETED


def _told(approval: Approval, percent: float) -> str:
    final = approval.final
    if approval.before.version == approval.draft.version:
        return f"{final.reference} is published, and in use."
    return f"{final.reference} is published: for {percent:g} % of the work, {approval.before.version} for the rest."


def _why(result: PlanResult) -> str:
    error = result.results["approve"].error if "approve" in result.results else None
    return error.message if error else result.reason
