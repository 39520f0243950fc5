"""`agentic-prefect prompts test`."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.text import Text

from agentic_prefect.cli.exit_codes import ExitCode
from agentic_prefect.cli.prompts.chosen import chosen_files
from agentic_prefect.cli.terminal import stderr, stdout
from agentic_prefect.prompting.front_matter import read_template
from agentic_prefect.prompting.sources import file_text
from agentic_prefect.prompting.trial import Trial, try_template


def run_tests(
    *templates: str,
    update: Annotated[bool, Parameter(negative=())] = False,
    format: Annotated[Literal["text", "json"], Parameter(name=("--format", "-f"))] = "text",
) -> ExitCode:
    """Run the tests that templates carry. Nothing is sent to a model.

    Args:
        templates: Files, folders or ids; without any, the project's templates.
        update: Write snapshots anew instead of comparing with them.
        format: Text for people, or JSON for programs.
    """
    files, registry = chosen_files(templates)
    trials = [
        trial
        for path in files
        for trial in try_template(read_template(file_text(path), origin=str(path)), registry, update=update)
    ]
    if format == "json":
        data = [{**asdict(each), "passed": each.passed} for each in trials]
        sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")
    else:
        _print(trials)
    return ExitCode.COMPLETED if all(each.passed for each in trials) else ExitCode.FAILED


def _print(trials: Sequence[Trial]) -> None:
    for each in trials:
        if each.updated:
            stdout().print(f"Written: {each.updated}", soft_wrap=True)
        for problem in each.problems:
            said = Text.assemble(("Failed: ", "bold red"), f"{each.template}, {each.name}: {problem}")
            stderr().print(said, soft_wrap=True)
    failed = sum(not each.passed for each in trials)
    count = f"{len(trials)} test{'' if len(trials) == 1 else 's'}"
    stdout().print(f"{count}, {failed} failed." if failed else f"{count}, all passed." if trials else "No tests.")
