"""From an error to one message and an exit code: the only place of the command line that does it."""

import traceback
from typing import Final, assert_never

from cyclopts import CycloptsError
from rich.console import Console
from rich.text import Text

from agentic_prefect.cli.exit_codes import ExitCode
from agentic_prefect.cli.terminal import stderr
from agentic_prefect.errors import AgenticError, ErrorCode
from agentic_prefect.models.status import PlanStatus

REPORT: Final = "This is a fault of agentic-prefect. Run the command again with -vv for the traceback."


def report_error(error: AgenticError, *, with_traceback: bool) -> ExitCode:
    """Write what went wrong to standard error; the exit code that belongs to it."""
    console = stderr()
    if with_traceback:
        _print_traceback(console, error)
    print_error(console, str(error))
    return code_of_error(error)


def report_usage(error: CycloptsError) -> ExitCode:
    """Write what is wrong with the command line, and where to read how it should be."""
    command = " ".join(("agentic-prefect", *(error.command_chain or ())))
    error.verbose = False
    message = str(error).strip()
    print_error(stderr(), f"{message}{'' if message.endswith(('.', '?')) else '.'} See `{command} --help`.")
    return ExitCode.BAD_PLAN_OR_USAGE


def report_unexpected(error: BaseException, *, with_traceback: bool) -> None:
    """Write one line about an error that nobody expected, and its traceback only if that was asked for."""
    console = stderr()
    if with_traceback:
        _print_traceback(console, error)
    print_error(console, f"{type(error).__name__}: {error}\n{'' if with_traceback else REPORT}".rstrip())


def print_error(console: Console, message: str) -> None:
    """Write an error message, whole and unwrapped."""
    console.print(Text.assemble(("Error: ", "bold red"), message), soft_wrap=True)


def code_of_status(status: PlanStatus) -> ExitCode:
    """The exit code for a plan that ended so."""
    match status:
        case PlanStatus.COMPLETED:
            return ExitCode.COMPLETED
        case PlanStatus.PARTIAL_FAILURE:
            return ExitCode.PARTIAL_FAILURE
        case PlanStatus.FAILED:
            return ExitCode.FAILED
        case PlanStatus.CANCELLED:
            return ExitCode.CANCELLED
        case _:
            assert_never(status)


def code_of_error(error: AgenticError) -> ExitCode:
    """The exit code for an error that kept a command from doing what it was asked."""
    match error.code:
        case ErrorCode.PLAN_INVALID:
            return ExitCode.BAD_PLAN_OR_USAGE
        case ErrorCode.AUTHENTICATION | ErrorCode.PERMISSION | ErrorCode.CONNECTION | ErrorCode.TIMEOUT:
            return ExitCode.NO_CONNECTION
        case _:
            # An error about a file is about one that the user named.
            return ExitCode.BAD_PLAN_OR_USAGE if isinstance(error, OSError) else ExitCode.FAILED


def _print_traceback(console: Console, error: BaseException) -> None:
    console.print("".join(traceback.format_exception(error)), soft_wrap=True, end="")
