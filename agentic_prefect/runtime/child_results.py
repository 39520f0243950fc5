"""What the runs of deployments put out, read where they left it."""

from pickle import PickleError
from typing import Any, Final, cast

from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import MissingResult, PrefectException
from pydantic import ValidationError

from agentic_prefect.errors import AgenticError, DeploymentRunCrashed, DeploymentRunFailed, ResultUnreadable
from agentic_prefect.models.result import PlanResult
from agentic_prefect.runtime.deployments import Deployment
from agentic_prefect.runtime.links import run_url

UNREADABLE: Final = (
    *(OSError, ValueError, LookupError, TypeError, AttributeError, ImportError, RuntimeError),
    *(PickleError, PrefectException),
)
"""What a storage raises that does not have a result, or has one that means nothing here."""


async def plan_result(run: FlowRun, deployment: Deployment) -> PlanResult:
    """What became of the plan that a run of a deployment ran.

    Raises:
        DeploymentRunCrashed: Its process is gone.
        DeploymentRunFailed: It ended without a result.
        ResultUnreadable: It completed, and its result cannot be read here.
    """
    is_completed = run.state is not None and run.state.is_completed()
    if not is_completed and (run.state is None or run.state.data is None):
        raise failure_of(run, deployment)
    try:
        found = await _result(run)
        return found if isinstance(found, PlanResult) else PlanResult.model_validate(found)
    except (*UNREADABLE, ValidationError) as error:
        if is_completed:
            raise _unreadable(run, deployment, error) from error
        raise failure_of(run, deployment, "What it cost is not known here.") from error


async def value(run: FlowRun, deployment: Deployment) -> Any:
    """What the flow returned whose run completed.

    Raises:
        DeploymentRunFailed: It ended otherwise.
        ResultUnreadable: What it returned was not kept, or cannot be read here.
    """
    if run.state is None or not run.state.is_completed():
        raise failure_of(run, deployment)
    try:
        return await _result(run)
    except UNREADABLE as error:
        raise _unreadable(run, deployment, error) from error


def failure_of(run: FlowRun, deployment: Deployment, remark: str = "") -> AgenticError:
    """The error of a run that ended other than completed and left no result."""
    state = run.state
    name, said = (state.name, state.message) if state is not None else (None, None)
    told = f"{seen(run, deployment)} ended {name or 'without a state'}: {(said or 'no message').rstrip('.')}."
    message = " ".join(part for part in (told, remark, where(run)) if part)
    # Another run of a plan goes on where this one ended; that of any other flow would do everything again.
    if deployment.runs_plan and state is not None and state.type is StateType.CRASHED:
        return DeploymentRunCrashed(message)
    return DeploymentRunFailed(message)


def seen(run: FlowRun, deployment: Deployment) -> str:
    """The run as messages call it."""
    return f"The run {run.name!r} of deployment {deployment.name!r}"


def where(run: FlowRun) -> str:
    """Where a person looks at the run."""
    url = run_url(str(run.id))
    return f"See {url}" if url else f"Its id is {run.id}."


async def _result(run: FlowRun) -> Any:
    found = cast("object", await cast(Any, run.state).aresult(raise_on_failure=False))
    if isinstance(found, BaseException):
        raise MissingResult(str(found))
    return found


def _unreadable(run: FlowRun, deployment: Deployment, error: BaseException) -> ResultUnreadable:
    done = f"{seen(run, deployment)} completed, and"
    again = "Then do the task again: `agentic-prefect resume RUN --rerun-from TASK`."
    if run.state is not None and run.state.data is None:
        return ResultUnreadable(
            f"{done} what it returned was not kept. Give its flow `persist_result=True` and let it return JSON data. "
            f"{again} {where(run)}"
        )
    return ResultUnreadable(
        f"{done} what it put out cannot be read here ({type(error).__name__}: {error}). Results must lie where every "
        f"worker reaches them: a storage block (PREFECT_DEFAULT_RESULT_STORAGE_BLOCK) or a shared folder "
        f"(PREFECT_RESULTS_LOCAL_STORAGE_PATH). {again} {where(run)}"
    )
