"""The options that `run` and `rehearse` share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Group, Parameter, validators

from agentic_prefect.cli.arguments import HYPHEN, INPUTS
from agentic_prefect.cli.formats import Format

RESULT: Final = Group("Result", sort_key=2)
LIMITS: Final = Group("Limits", sort_key=3)

PolicyFlags = Annotated[tuple[str, ...], Parameter(group=LIMITS, negative=(), show_default=False)]
"""What tasks, agents and plans do that say nothing else, as `explain` names it, or files that hold it."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class RunFlags:
    """What a run takes besides its plan."""

    inputs: Annotated[
        tuple[str, ...], Parameter(name=("--input", "-i"), group=INPUTS, negative=(), show_default=False)
    ] = ()
    """A value for one of the plan's inputs, as NAME=VALUE; again for each further one."""
    inputs_file: Annotated[Path | None, Parameter(group=INPUTS)] = None
    """A YAML or JSON file with values for the inputs; `--input` goes before it."""
    output: Annotated[
        tuple[str, ...], HYPHEN, Parameter(name=("--output", "-o"), group=RESULT, negative=(), show_default=False)
    ] = ()
    """Where to write the result: a .json, .yaml, .md, .html or .txt file, or `-` for standard output."""
    format: Annotated[Format | None, Parameter(group=RESULT)] = None
    """The form of the result, in place of what the file's name says."""
    stream: Annotated[str | None, Parameter(group=RESULT)] = None
    """Write every event as a line: jsonl:FILE, or jsonl:- for standard output."""
    max_concurrency: Annotated[int | None, Parameter(group=LIMITS, validator=validators.Number(gte=1))] = None
    """At most this many tasks at once, in place of the plan's own limit."""
    ask_later: Annotated[bool, Parameter(negative=())] = False
    """Wait for nobody: what people are to decide is left open, and `resume` asks."""
    budget: Annotated[tuple[str, ...], Parameter(group=LIMITS, negative=(), show_default=False)] = ()
    """A limit for the whole run, in place of the plan's own: usd=0.50, tokens=20000, calls=60 or wall_s=600; again
    for each."""
    policy: PolicyFlags = ()
    """What holds where the plan says nothing, as FIELD=VALUE with the fields that `explain` shows, such as retries=1,
    on_failure=continue or failure_policy.rate_limit.retry=6, or a YAML file of them; again for each."""


NO_FLAGS: Final = RunFlags()
