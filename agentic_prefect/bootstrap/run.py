"""The ways to run something: a plan on its own, a plan inside of a flow, a function as an agent task."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, ParamSpec, TypeVar

from agentic_prefect.blocks.named import with_profiles
from agentic_prefect.bootstrap.assembly import Assembly
from agentic_prefect.bootstrap.functions import require_usable
from agentic_prefect.bootstrap.options import RunOptions
from agentic_prefect.bootstrap.recorded import record_for
from agentic_prefect.errors import WrongTaskType
from agentic_prefect.models.agent import AgentSpec
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.result import PlanResult
from agentic_prefect.runtime import decorator
from agentic_prefect.runtime.decorator import AgentFunction
from agentic_prefect.runtime.plan_flow import result_in, run_here, start
from agentic_prefect.runtime.services import Services, using
from agentic_prefect.runtime.stop import StopSignal
from agentic_prefect.settings import this_process

P = ParamSpec("P")
OutputT = TypeVar("OutputT")


async def run_plan(
    plan: Plan,
    inputs: Mapping[str, Any] | None = None,
    *,
    options: RunOptions | None = None,
    stop: StopSignal | None = None,
) -> PlanResult:
    """Run a plan as a Prefect flow run and give back what became of it; a failure is in the result, not raised.

    Args:
        plan: The plan.
        inputs: Values for its inputs; those left out take their defaults.
        options: What this run sets itself.
        stop: A way to stop it from outside; the result then has the status `cancelled` and what was finished.

    Raises:
        WrongTaskType: Something else than a plan was given; nothing was started.
        PlanInvalid: The inputs do not fit, the plan cannot run, or there is no earlier run to go on from.
    """
    _require_plan(plan)
    plan = await asyncio.to_thread(with_profiles, plan)
    assembly = Assembly(options, stop=stop)
    require_usable(plan, assembly.functions)
    warming = asyncio.create_task(asyncio.to_thread(assembly.warm_up, plan))
    try:
        options = assembly.options
        record = await record_for(plan, options, process=this_process())
        with using(assembly.services):
            state = await start(options.applied_to(plan), inputs or {}, run_name=options.run_name, record=record)
            return await result_in(state)
    finally:
        await warming
        await assembly.aclose()


async def run_plan_here(
    plan: Plan, inputs: Mapping[str, Any] | None = None, *, options: RunOptions | None = None
) -> PlanResult:
    """Run a plan inside of the flow run that is going on, whose state is the caller's to set.

    Raises:
        PlanInvalid: The inputs do not fit, the plan cannot run, or no flow run is going on.
    """
    _require_plan(plan)
    plan = await asyncio.to_thread(with_profiles, plan)
    assembly = Assembly(options)
    require_usable(plan, assembly.functions)
    try:
        record = await record_for(plan, assembly.options)
        with using(assembly.services):
            return await run_here(assembly.options.applied_to(plan), inputs or {}, assembly.services, record)
    finally:
        await assembly.aclose()


def services(options: RunOptions | None = None) -> Services:
    """What a flow of one's own needs to run agent tasks; hand it to `use` to have it for the whole flow."""
    return Assembly(options).services


def agent_task(
    *, agent: AgentSpec | str = "assistant", **fields: Any
) -> Callable[[Callable[P, Awaitable[OutputT]]], AgentFunction[P, OutputT]]:
    """Make an agent task of an async function: its signature gives the types, its docstring is the prompt.

    Args:
        agent: Who does it; a name alone is an agent whose role is that name.
        fields: Any field of `AgentTask`, such as `model`, `retries`, `timeout_s`, `failure_policy`, `prompt`.
    """
    return decorator.agent_task(agent=agent, services=_for_one_call, **fields)


@asynccontextmanager
async def _for_one_call() -> AsyncGenerator[Services]:
    assembly = Assembly()
    try:
        yield assembly.services
    finally:
        await assembly.disconnect()


def _require_plan(plan: object) -> None:
    if not isinstance(plan, Plan):
        raise WrongTaskType(type(plan).__name__)
