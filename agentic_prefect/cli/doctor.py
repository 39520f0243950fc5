"""`agentic-prefect doctor`."""

import json
import sys
from typing import Annotated, Final, Literal

from cyclopts import Parameter
from rich.text import Text

from agentic_prefect.cli.exit_codes import ExitCode
from agentic_prefect.cli.terminal import stdout

MARKS: Final = {"good": ("ok", "green"), "note": ("note", "cyan"), "bad": ("WRONG", "bold red")}


def doctor(*, format: Annotated[Literal["text", "json"], Parameter(name=("--format", "-f"))] = "text") -> ExitCode:
    """Check versions, server, keys, local model and limits. No key is ever printed.

    The exit code is 0 when a plan can run here, 5 when the server does not answer or no model would, and 4 when a
    package has a version that does not work.

    Args:
        format: Text for people, or JSON for programs.
    """
    # Loaded here, so that the help does not wait for what is looked at.
    from agentic_prefect.cli.examination import examine

    findings = examine()
    if format == "json":
        sys.stdout.write(json.dumps([finding.model_dump() for finding in findings], indent=2) + "\n")
    else:
        console = stdout()
        for finding in findings:
            word, style = MARKS[finding.verdict]
            line = Text.assemble((f"{word:<5}", style), f"  {finding.subject}: {finding.fact}")
            if finding.remedy:
                line.append(f". {finding.remedy}.")
            console.print(line, soft_wrap=True)
    wrong = [finding.code for finding in findings if finding.verdict == "bad"]
    return ExitCode(max(wrong, default=ExitCode.COMPLETED))
