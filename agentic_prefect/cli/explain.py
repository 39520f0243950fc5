"""`agentic-prefect explain`."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from pydantic_core import to_jsonable_python
from rich.table import Table
from rich.text import Text

from agentic_prefect.cli.arguments import INPUTS, PlanReference
from agentic_prefect.cli.prompt_text import write_prompt
from agentic_prefect.cli.run_flags import PolicyFlags
from agentic_prefect.cli.run_input import inputs_of, policy_of
from agentic_prefect.cli.terminal import stdout
from agentic_prefect.cli.usage import UsageError
from agentic_prefect.errors import AgenticError
from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.deployment_name import deployment_name
from agentic_prefect.plans.names import did_you_mean, listing
from agentic_prefect.policies.effective import Explained, effective_plan, explain_task
from agentic_prefect.stored_plans import find_given


def explain(
    plan: PlanReference,
    task: str = "",
    *,
    prompt: Annotated[bool, Parameter(negative=())] = False,
    model: Annotated[str | None, Parameter(name=("--model", "-m"))] = None,
    policy: PolicyFlags = (),
    inputs: Annotated[
        tuple[str, ...], Parameter(name=("--input", "-i"), group=INPUTS, negative=(), show_default=False)
    ] = (),
    inputs_file: Annotated[Path | None, Parameter(group=INPUTS)] = None,
    format: Annotated[Literal["text", "json"], Parameter(name=("--format", "-f"))] = "text",
) -> None:
    """Show what holds for a task, or why a run went as it did. Nothing is sent to a model.

    Args:
        plan: A plan's file, the name of a stored plan, or `-` for standard input. Without a task: the id of a run, or
            the beginning of it, to see why each of its tasks ran, was skipped, or stood in for another.
        task: The task's id; each field is shown with its value and where that was set.
        prompt: Show the prompt that the task's first attempt would send.
        model: As if the plan was run with this model.
        policy: As if the plan was run with this policy: FIELD=VALUE, or a YAML file of fields; again for each.
        inputs: A value for one of the plan's inputs, as NAME=VALUE; they show in the prompt.
        inputs_file: A YAML or JSON file with values for the inputs.
        format: Text for people, or JSON for programs.
    """
    if not task:
        _explain_run(plan, format)
        return
    given = find_given(plan)
    read = given.plan
    names = [each.id for each in read.tasks]
    if task not in names:
        raise UsageError(
            f"The plan {read.name!r} has no task {task!r}. {did_you_mean(task, names)} It has: {listing(names)}."
        )
    wanted = policy_of(policy, model)
    values = inputs_of(read, inputs, inputs_file) if prompt else dict[str, Any]()

    # Prefect takes more than a second to load; a plan that cannot be read is said at once.
    from agentic_prefect.bootstrap import RunOptions, default_model_name, prompt_of
    from agentic_prefect.settings import AgenticSettings

    options = RunOptions(policy=wanted, base_dir=given.folder)
    if prompt:
        write_prompt(prompt_of(read, task, values, options), format)
        return
    rows = explain_task(read, task, run=options.policy, settings=AgenticSettings().policy())
    answered_by = _done_elsewhere(read, task)
    if answered_by is None:
        answered_by = next((row.value for row in rows if row.field == "model" and row.value), None)
    if answered_by is None:
        try:
            answered_by = default_model_name(read, options)
        except AgenticError as error:
            answered_by = f"nobody: {error}"
    if format == "json":
        _write_json(read.name, task, rows, answered_by)
    else:
        _write_table(read.name, task, rows, answered_by)


def _done_elsewhere(plan: Plan, task_id: str) -> str | None:
    """Who does a task whose work is a run of a deployment; `None` for any other."""
    task = effective_plan(plan).task(task_id)
    if task.kind != "deployment" or not task.call:
        return None
    return f"a run of deployment {deployment_name(task.call)!r}"


def _explain_run(reference: str, format: Literal["text", "json"]) -> None:
    """Show why a run went as it did.

    Raises:
        UsageError: A plan is named, and no task of it.
    """
    if reference == "-" or Path(reference).is_file():
        names = [each.id for each in find_given(reference).plan.tasks]
        raise UsageError(f"Name a task of the plan. It has: {listing(names)}. To look at a run, give its id.")
    # Prefect takes more than a second to load, and what is said of a plan needs none of this.
    from agentic_prefect.cli.run_reasons import write

    write(reference, format)


def _write_json(plan: str, task: str, rows: Sequence[Explained], answered_by: str | None) -> None:
    fields = [{"field": row.field, "value": to_jsonable_python(row.value), "set_by": row.origin} for row in rows]
    found = {"plan": plan, "task": task, "answered_by": answered_by, "fields": fields}
    sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")


def _write_table(plan: str, task: str, rows: Sequence[Explained], answered_by: str | None) -> None:
    console = stdout()
    console.print(Text.assemble("Task ", (task, "bold"), f" of plan {plan}"))
    console.print(f"Answered by {answered_by or 'no model'}", soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Field", no_wrap=True)
    table.add_column("Value", overflow="fold")
    table.add_column("Set by", no_wrap=True)
    for row in rows:
        table.add_row(Text(row.field), Text(_shown(row.value)), Text(row.origin, style="dim"))
    console.print(table)


def _shown(value: Any) -> str:
    """A value on one line; an empty cell for what nobody set."""
    plain = to_jsonable_python(value)
    return "" if plain is None else plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)
