"""The command line's table of contents, and its one way in and out."""

import os
import sys
from collections.abc import Callable, Sequence
from types import ModuleType, TracebackType
from typing import Final, NoReturn

from cyclopts import App, CycloptsError, Group

from agentic_prefect.cli.exit_codes import ExitCode
from agentic_prefect.cli.terminal import stderr, stdout, wants_traceback

PLANS: Final = Group("Plans", sort_key=1)
SETUP: Final = Group("Setting up", sort_key=2)

COMMANDS: Final = (
    # Name, module, group and the line for the overview; a command's module is loaded when it is called.
    ("run", "run:run", PLANS, "Run a plan and show how it goes."),
    ("rehearse", "rehearse:rehearse", PLANS, "Run a plan without a model: answers are made up from the schemas."),
    ("validate", "validate:validate", PLANS, "Check a plan and report every problem in it."),
    ("graph", "graph:graph", PLANS, "Draw a plan."),
    ("explain", "explain:explain", PLANS, "Show what holds for a task, or why a run went as it did."),
    ("resume", "resume:resume", PLANS, "Go on from a run that has ended: only what is unfinished or changed is paid."),
    ("rerun", "resume:rerun", PLANS, "Do one task of a run again, and everything that comes after it."),
    ("interventions", "interventions:app", PLANS, "See the questions that wait for people, and answer them."),
    ("deadletters", "deadletters:app", PLANS, "See the tasks that failed for good, and do them again."),
    ("history", "history:app", PLANS, "Look at earlier runs, and at what went wrong in them."),
    ("failures", "failure_counts:failures", PLANS, "Count the failed attempts of earlier runs."),
    ("deploy", "deploy:deploy", PLANS, "Deploy a plan, with a form of its own, and on a schedule if you like."),
    ("serve", "serve:serve", PLANS, "Deploy plans and run a worker for them in this terminal."),
    ("schedule", "schedule:app", PLANS, "See and change when deployments run by themselves."),
    ("runs", "runs:app", PLANS, "See the runs of plans on the server, and cancel them."),
    ("automations", "automations:app", PLANS, "Have the server act on what happens in runs of plans."),
    ("plans", "plans:app", PLANS, "Keep plans on the Prefect server, in versions."),
    ("prompts", "prompts:app", PLANS, "See, write, check and try prompt templates."),
    ("prune", "prune:prune", SETUP, "Remove what old runs left behind: results, artifacts, history."),
    (
        "limits",
        "limits:app",
        SETUP,
        "Limit the requests and tokens per minute of a connection, for all workers together.",
    ),
    ("init", "init:init", SETUP, "Write a plan, a flow and a deployment to begin with."),
    ("settings", "settings:settings", SETUP, "Show every setting that holds here, and where it was set."),
    ("doctor", "doctor:doctor", SETUP, "Check versions, server, keys, local model and limits."),
    ("local", "local:app", SETUP, "Fetch, start and stop a small model on this machine."),
    ("demo", "demo:demo", SETUP, "Watch a plan run with a small model on this machine; no key needed."),
    ("dev", "dev:dev", SETUP, "Start a local Prefect server and a worker, and deploy the flows."),
    ("version", "version:show_version", SETUP, "Show the versions of this program and of what it stands on."),
)

EPILOGUE: Final = (
    "Exit codes: 0 completed, 2 bad plan or usage, 3 partial failure, 4 failed, 5 key or connection missing, "
    "130 cancelled."
)


def make_app() -> App:
    """The command line with all of its subcommands, none of them loaded."""
    app = App(
        name="agentic-prefect",
        help="Run plans of LLM agent tasks as Prefect flows.",
        help_epilogue=EPILOGUE,
        help_format="plaintext",
        version=_version,
        console=stdout(),
        error_console=stderr(),
        suppress_keyboard_interrupt=False,
    )
    for name, target, group, line in COMMANDS:
        app.command(f"agentic_prefect.cli.{target}", name=name, group=group, help=line)
    return app


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave the process with its exit code.

    Args:
        arguments: What stands after the program's name; `None` takes the process's own.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    with_traceback = wants_traceback(given)
    sys.excepthook = _last_words(with_traceback)
    try:
        answer = make_app()(given, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
    except CycloptsError as error:
        code = _failures().report_usage(error)
    except KeyboardInterrupt:
        code = ExitCode.CANCELLED
    except BrokenPipeError:
        _write_no_more()
        code = ExitCode.UNREAD
    # Evaluated only when something was raised, so that an overview does not load what errors are made of.
    except _failures().AgenticError as error:
        code = _failures().report_error(error, with_traceback=with_traceback)
    else:
        code = answer if isinstance(answer, int) else ExitCode.COMPLETED
    sys.exit(code)


def _last_words(with_traceback: bool) -> Callable[[type[BaseException], BaseException, TracebackType | None], None]:
    """A hook for errors that nobody expected; Python ends with exit code 1 after it."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        _failures().report_unexpected(error, with_traceback=with_traceback)

    return hook


def _write_no_more() -> None:
    """Have what Python still writes as it ends go nowhere: whoever read it has gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())


def _failures() -> ModuleType:
    # Errors are pydantic data, a fifth of a second that `--help` does not need.
    from agentic_prefect.cli import failures

    return failures


def _version() -> str:
    # Reading the metadata of packages takes longer than all the rest of `--help`.
    from importlib.metadata import version

    return version("agentic-prefect")
