"""What `run` and `rehearse` do: read, look at everything that can be wrong, run, show, write."""

import gc
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from agentic_prefect.cli.exit_codes import ExitCode
from agentic_prefect.cli.failures import code_of_status, print_error
from agentic_prefect.cli.outputs import STDOUT, Output, prepare, require_apart, require_writable
from agentic_prefect.cli.progress import Progress, showing
from agentic_prefect.cli.run_flags import RunFlags
from agentic_prefect.cli.run_input import budget_of, inputs_of, policy_of, stream_target
from agentic_prefect.cli.terminal import Verbosity, is_attended, stderr, stdout
from agentic_prefect.cli.usage import UsageError
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.result import PlanResult
from agentic_prefect.observers.jsonl import JsonlObserver
from agentic_prefect.plans.problems import Problem
from agentic_prefect.ports import Observer
from agentic_prefect.reports import console as terminal_report
from agentic_prefect.reports.model import PlanReport, report_of
from agentic_prefect.stored_plans import find_given

if TYPE_CHECKING:
    from agentic_prefect.bootstrap import RunOptions


@dataclass(frozen=True, slots=True)
class Request:
    """What was typed."""

    plan: str
    flags: RunFlags
    verbosity: Verbosity
    model: str | None = None
    rehearse: bool = False
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Destinations:
    """Where what a run gives is to go."""

    outputs: Sequence[Output]
    stream: str | None
    """The file, or `-`, that the events are written to."""

    @classmethod
    def of(cls, flags: RunFlags) -> "Destinations":
        """What the options say, with files that can be written.

        Raises:
            AgenticError: They are malformed, get into each other's way, or cannot be written.
        """
        outputs, stream = prepare(flags.output, flags.format), stream_target(flags.stream)
        if stream == STDOUT and any(output.is_stdout for output in outputs):
            raise UsageError("Result and events cannot both go to standard output. Give a file for one of them.")
        if stream is not None and stream != STDOUT:
            require_writable(Path(stream))
        found = cls(outputs, stream)
        given = [flags.inputs_file, *(Path(text) for text in flags.policy if "=" not in text)]
        found.require_apart(*(path for path in given if path is not None))
        return found

    def require_apart(self, *read: Path) -> None:
        """Make sure that nothing that is written is written twice, or is one of the files `read`.

        Raises:
            UsageError: It is.
        """
        stream = () if self.stream is None else (self.stream,)
        require_apart([*(output.path for output in self.outputs), *stream], read)


def execute(request: Request) -> ExitCode:
    """Run a plan as it was asked for, and write what came of it.

    Raises:
        AgenticError: Something kept the plan from running; nothing was sent to a model.
    """
    flags = request.flags
    given = find_given(request.plan)
    plan = given.plan
    destinations = Destinations.of(flags)
    if given.path is not None:
        destinations.require_apart(given.path)
    inputs = inputs_of(plan, flags.inputs, flags.inputs_file)
    budget, policy = budget_of(flags.budget), policy_of(flags.policy, request.model)

    with no_collections():
        # Prefect takes more than a second to load; what is said above this line is said at once.
        from agentic_prefect.bootstrap import RunOptions

    options = RunOptions(
        policy=policy,
        max_concurrency=flags.max_concurrency,
        ask_later=flags.ask_later,
        budget=budget,
        rehearse=request.rehearse,
        faults=request.faults,
        base_dir=given.folder,
        plan_version=given.version,
    )
    return run_and_show(plan, inputs, options, destinations, request.verbosity)


def run_and_show(
    plan: Plan, inputs: Mapping[str, Any], options: "RunOptions", destinations: Destinations, verbosity: Verbosity
) -> ExitCode:
    """Run a plan, show how it goes, and write what came of it.

    Raises:
        AgenticError: Something kept the plan from running; nothing was sent to a model.
    """
    with no_collections():
        # Prefect takes more than a second to load, and a mistake in a plan is told before.
        from agentic_prefect.cli import engine
        from agentic_prefect.cli.server import has_server

    console, quiet, verbose = stderr(), verbosity.quiet, verbosity.verbose > 0
    options = replace(options, attended=is_attended() and not quiet)
    with ExitStack() as stack:
        if not verbose:
            engine.keep_prefects_log_aside(console)
        warnings = engine.require_runnable(plan, options)
        if not quiet:
            _announce(console, warnings, has_server=has_server())
        progress = stack.enter_context(showing(plan, console, quiet=quiet, verbose=verbose, rehearsal=options.rehearse))
        observers: list[Observer] = [progress]
        if destinations.stream is not None:
            observers.append(stack.enter_context(JsonlObserver(destinations.stream)))
        options = replace(options, observers=observers)
        with engine.run_to_the_end(plan, inputs, options, progress, console) as result:
            progress.close()
            _finish(plan, result, progress, destinations, quiet=quiet)
    return code_of_status(result.status)


@contextmanager
def no_collections() -> Generator[None]:
    """Look for no garbage while the body loads modules: there is hardly any, and looking takes a tenth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _announce(console: Console, warnings: Sequence[Problem], *, has_server: bool) -> None:
    for problem in warnings:
        console.print(f"Warning: {problem}", style="yellow", soft_wrap=True)
    if not has_server:
        console.print("No Prefect server is set (PREFECT_API_URL), so one is started for this run alone.")


def _finish(plan: Plan, result: PlanResult, progress: Progress, destinations: Destinations, *, quiet: bool) -> None:
    """Write the result where it is wanted, and say how it went where there is room for it."""
    page = report_of(plan, result, live=progress.live)
    for output in destinations.outputs:
        output.write(result, page)
    files = ", ".join(output.path for output in destinations.outputs if not output.is_stdout) or None
    is_stdout_taken = destinations.stream == STDOUT or any(output.is_stdout for output in destinations.outputs)
    if quiet:
        if result.failed:
            print_error(stderr(), f"plan {result.plan!r} ended with {result.status}: {result.reason}.")
        return
    _show(stderr() if is_stdout_taken else stdout(), page, files)
    if not result.successful:
        stderr().print(
            f"To go on from here without paying again for what is done: agentic-prefect resume {result.run_id}",
            soft_wrap=True,
        )


def _show(console: Console, page: PlanReport, saved_to: str | None) -> None:
    if console.is_terminal:
        console.print(terminal_report.summary(page, saved_to=saved_to))
    else:
        console.print(terminal_report.text(page, saved_to=saved_to), soft_wrap=True, end="")
