"""What `resume` and `rerun` do: find the run, see whether it can be gone on from, and go on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentic_prefect.bootstrap import RunOptions
from agentic_prefect.bootstrap.recorded import RecordedRun, bury, find, start_deployed
from agentic_prefect.cli.engine import keep_prefects_log_aside
from agentic_prefect.cli.exit_codes import ExitCode
from agentic_prefect.cli.run_flags import RunFlags
from agentic_prefect.cli.run_input import budget_of, inputs_of, policy_of
from agentic_prefect.cli.running import Destinations, run_and_show
from agentic_prefect.cli.server import ask_server
from agentic_prefect.cli.terminal import Verbosity, stderr, stdout
from agentic_prefect.cli.usage import UsageError
from agentic_prefect.models.agent import PolicyFields
from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.graph import build_graph
from agentic_prefect.plans.lineage import require_point
from agentic_prefect.plans.load import dump_plan
from agentic_prefect.policies.effective import effective_plan
from agentic_prefect.runtime.links import run_url
from agentic_prefect.stored_plans import GivenPlan, find_given


@dataclass(frozen=True, slots=True)
class Request:
    """What was typed."""

    run: str
    flags: RunFlags
    verbosity: Verbosity
    plan: str = ""
    model: str | None = None
    here: bool = False
    abandoned: bool = False
    point: str = ""
    """The task from which everything is done again; empty does only what is unfinished or changed."""


def execute(request: Request) -> ExitCode:
    """Go on from a run.

    Raises:
        AgenticError: There is no such run, it cannot be gone on from, or something keeps the plan from running.
    """
    destinations, budget = Destinations.of(request.flags), budget_of(request.flags.budget)
    policy = policy_of(request.flags.policy, request.model)
    if request.verbosity.verbose == 0:
        keep_prefects_log_aside(stderr())
    earlier = ask_server(find(request.run))
    given = find_given(request.plan) if request.plan else _as_it_was(earlier)
    if given.path is not None:
        destinations.require_apart(given.path)
    plan = given.plan
    if request.point:
        require_point(request.point, build_graph(effective_plan(plan)))
    _require_ended(earlier, request)
    inputs = _inputs(earlier, plan, request.flags)
    if earlier.deployed_plan and earlier.deployment_id is not None and not request.here:
        return _on_its_deployment(earlier, request, inputs, given, policy)
    record = earlier.record
    options = RunOptions(
        policy=_on_top(policy, record.policy),
        max_concurrency=request.flags.max_concurrency,
        ask_later=request.flags.ask_later,
        budget=budget,
        rehearse=record.rehearse,
        base_dir=given.folder,
        plan_version=given.version,
        run_name=earlier.name,
        resume=earlier.run_id,
        rerun_from=request.point,
    )
    if not request.verbosity.quiet:
        stderr().print(f"Going on from run {earlier.run_id} of plan {plan.name!r}.", soft_wrap=True)
    return run_and_show(plan, inputs, options, destinations, request.verbosity)


def _on_top(given: PolicyFields, earlier: PolicyFields) -> PolicyFields:
    """What was given for this run, and for the rest what the earlier run had been given."""
    return PolicyFields.model_validate(
        {name: getattr(fields, name) for fields in (earlier, given) for name in fields.model_fields_set}
    )


def _require_ended(earlier: RecordedRun, request: Request) -> None:
    """Make sure that a run does not go on by itself, and that there is something to do."""
    state = earlier.state
    name = f"Run {earlier.name!r} ({earlier.run_id})"
    if earlier.has_ended:
        flags = request.flags
        changed = request.plan or request.point or request.model or flags.policy or flags.inputs or flags.inputs_file
        if state is not None and state.is_completed() and not changed:
            raise UsageError(
                f"{name} is completed; nothing is left to do. Do a part of it again with `agentic-prefect rerun "
                f"{earlier.run_id} --from TASK`, or give an edited plan with `--plan`."
            )
        return
    if request.abandoned or earlier.process.is_gone:
        ask_server(bury(earlier, "another run goes on from here"))
        return
    what = (state.name or state.type.value).lower() if state is not None else "not known"
    waits = " It waits for people: see `agentic-prefect interventions list`." if state and state.is_paused() else ""
    raise UsageError(
        f"{name} has not ended: the server says that it is {what}.{waits} Cancel it first; if its process is gone, "
        f"add `--abandoned`."
    )


def _inputs(earlier: RecordedRun, plan: Plan, flags: RunFlags) -> Mapping[str, Any]:
    """The run's inputs with those that are given now in their place; an edited plan may have fewer of them."""
    kept = {name: value for name, value in earlier.inputs.items() if name in plan.inputs}
    return inputs_of(plan, flags.inputs, flags.inputs_file, kept)


def _on_its_deployment(
    earlier: RecordedRun, request: Request, inputs: Mapping[str, Any], given: GivenPlan, policy: PolicyFields
) -> ExitCode:
    flags = request.flags
    if flags.output or flags.stream:
        raise UsageError(
            "A run of a deployment goes on at its workers, where `--output` and `--stream` do not reach. "
            "Leave them out, or add `--here` to go on in this process."
        )
    budget = budget_of(flags.budget)
    parameters: dict[str, Any] = {
        "inputs": dict(inputs),
        "resume": earlier.run_id,
        "rerun_from": request.point,
        **({"plan": _for_workers(given)} if request.plan else {}),
        **({"model": request.model} if request.model else {}),
        **({"policy": fields} if (fields := policy.model_dump(mode="json", exclude_unset=True)) else {}),
        **({"max_concurrency": flags.max_concurrency} if flags.max_concurrency else {}),
        **({"budget": budget.model_dump(exclude_none=True)} if budget else {}),
    }
    started = ask_server(start_deployed(earlier, parameters))
    stdout().print(f"Run {started.id} goes on from {earlier.run_id} at the deployment's workers.", soft_wrap=True)
    if url := run_url(str(started.id)):
        stdout().print(url, soft_wrap=True)
    return ExitCode.COMPLETED


def _as_it_was(earlier: RecordedRun) -> GivenPlan:
    record = earlier.record
    return GivenPlan(earlier.plan(), Path(record.base_dir) if record.base_dir else None, record.plan_version)


def _for_workers(given: GivenPlan) -> str:
    """What a parameter says of a plan: its version on the server, or all of it."""
    return dump_plan(given.plan) if given.version is None else f"{given.plan.name}@{given.version}"
