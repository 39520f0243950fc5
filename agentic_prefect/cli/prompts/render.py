"""`agentic-prefect prompts render`."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from agentic_prefect.bootstrap.prompts import open_prompts
from agentic_prefect.cli.arguments import HYPHEN
from agentic_prefect.cli.prompt_text import write_messages, write_prompt
from agentic_prefect.cli.run_input import inputs_of, mapping_in, texts
from agentic_prefect.cli.usage import UsageError
from agentic_prefect.models.prompt import PromptRecord, RenderedPrompt
from agentic_prefect.prompting.program import Program
from agentic_prefect.prompting.variables import read_variable

Pairs = Annotated[tuple[str, ...], Parameter(name=("--input", "-i"), negative=(), show_default=False)]


def render(
    template: str,
    /,
    *,
    inputs: Pairs = (),
    data: Path | None = None,
    plan: Annotated[str, HYPHEN] = "",
    task: str = "",
    format: Annotated[Literal["text", "json"], Parameter(name=("--format", "-f"))] = "text",
) -> None:
    """Make a prompt from a template and data. Nothing is sent to a model.

    Args:
        template: A template's id, with `@version` or `@range` after it if a certain one is meant.
        inputs: A value for one of the template's variables, as NAME=VALUE; with a plan, for one of its inputs.
        data: A YAML or JSON file with values for the variables, or for the plan's inputs.
        plan: Take the data from a task of this plan, as its first attempt would.
        task: The task's id.
        format: Text for people, or JSON for programs.
    """
    if bool(plan) != bool(task):
        raise UsageError("A task is named by both: `--plan PLAN --task ID`.")
    if plan:
        write_prompt(_prompt_of_task(template, plan, task, inputs, data), format)
        return
    registry = open_prompts(Path())
    found = registry.get(template)
    program = registry.program(found)
    messages = program.render(_values(program, inputs, data))
    if format == "json":
        text = "\n\n".join(message.content for message in messages)
        record = PromptRecord(id=found.id, version=found.version, hash=program.hash, text=text)
        sys.stdout.write(RenderedPrompt(messages=messages, record=record).model_dump_json(indent=2) + "\n")
    else:
        write_messages(f"# Template {found.id} {found.version}, hash {program.hash[:12]}", messages)


def _values(program: Program, pairs: tuple[str, ...], file: Path | None) -> dict[str, Any]:
    values = dict(mapping_in(file)) if file is not None else dict[str, Any]()
    for name, text in texts(pairs).items():
        variable = program.variables.get(name)
        values[name] = read_variable(text, variable.type if variable else "any")
    return values


def _prompt_of_task(template: str, plan: str, task: str, pairs: tuple[str, ...], file: Path | None) -> RenderedPrompt:
    # Prefect takes a second, and here alone it is needed.
    from agentic_prefect.bootstrap import RunOptions, prompt_of
    from agentic_prefect.stored_plans import find_given

    given = find_given(plan)
    read = given.plan
    tasks = tuple(each.model_copy(update={"prompt": template}) if each.id == task else each for each in read.tasks)
    return prompt_of(
        read.model_copy(update={"tasks": tasks}),
        task,
        inputs_of(read, pairs, file),
        RunOptions(base_dir=given.folder),
    )
