"""Suspends the run of a plan that waits for people alone, and finds out what they said when it goes on."""

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, cast
from uuid import UUID, uuid4

from prefect.client.schemas.objects import FlowRun
from prefect.flow_runs import asuspend_flow_run
from prefect.input.actions import acreate_flow_run_input, afilter_flow_run_input

from agentic_prefect.interventions.desk import Recalled
from agentic_prefect.interventions.forms import answers_in, form_for_all
from agentic_prefect.models.intervention import Intervention
from agentic_prefect.models.suspension import Suspension

PREFIX = "agentic-"
"""How the keys of suspensions begin; Prefect keeps forms and answers under them, and we what the run needs to go on."""
MOST = 100
"""How often one run may be suspended."""
RECORD = "-record"


async def suspend(suspension: Suspension, *, run: FlowRun) -> NoReturn:
    """Suspend the flow run that is going on: its process ends, and an answer has another one started.

    Raises:
        Pause: Always; Prefect takes it as the sign to leave.
    """
    key = f"{PREFIX}{uuid4().hex[:12]}"
    record = suspension.model_copy(update={"run_count": run.run_count}).model_dump(mode="json", exclude_defaults=True)
    await cast(Any, acreate_flow_run_input)(key=_record(key), value=record, flow_run_id=run.id)
    await asuspend_flow_run(wait_for_input=form_for_all(suspension.questions), key=key)
    raise RuntimeError("Prefect went on with a run that it had suspended.")


async def recall(run: FlowRun) -> Recalled:
    """What a flow run knows from before it was suspended; nothing when it was not, or was retried since."""
    keys = {key for key in run.empirical_policy.pause_keys or () if key.startswith(PREFIX)}
    if not keys:
        return Recalled()
    found = await _inputs(run.id, PREFIX)
    key = [each for each in found if each.removesuffix(RECORD) in keys][-1]
    suspension = Suspension.model_validate(found[key])
    if suspension.run_count != run.run_count:
        return Recalled()
    response = await _inputs(run.id, f"suspended-{key.removesuffix(RECORD)}-response")
    said: Mapping[str, Any] = next(iter(response.values())) if response else {}
    return Recalled(suspension, answers_in(suspension.questions, said))


async def asked_by(run: FlowRun) -> Sequence[Intervention]:
    """What a suspended flow run asks; nothing when it was suspended by somebody else."""
    key = run.state.state_details.pause_key if run.state is not None else None
    if key is None or not key.startswith(PREFIX):
        return ()
    found = await _inputs(run.id, _record(key))
    return Suspension.model_validate(found[_record(key)]).questions if found else ()


def _record(key: str) -> str:
    return f"{key}{RECORD}"


async def _inputs(run_id: UUID, prefix: str) -> dict[str, Any]:
    found = await cast(Any, afilter_flow_run_input)(key_prefix=prefix, limit=2 * MOST, flow_run_id=run_id)
    return {each.key: each.decoded_value for each in found}
