"""What is relied on, or worked around, of deployments and their schedules."""

import uuid
from datetime import timedelta

import httpx
import pytest
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.states import Cancelling

pytestmark = pytest.mark.prefect


async def test_a_change_of_a_schedule_that_names_no_parameters_forgets_them(prefect_server: str) -> None:
    """Pausing a schedule as the UI does loses its parameters; `schedule pause` therefore sends them along."""
    async with get_client() as client:
        flow_id = await client.create_flow_from_name("facts")
        deployment = await client.create_deployment(flow_id, f"facts-{uuid.uuid4().hex[:8]}")
        schedule = IntervalSchedule(interval=timedelta(days=1))
        (made,) = await client.create_deployment_schedules(deployment, [(schedule, True)], parameters={"a": 1})
        url = f"{prefect_server}/deployments/{deployment}/schedules/{made.id}"
        async with httpx.AsyncClient(timeout=60) as browser:
            (await browser.patch(url, json={"active": False})).raise_for_status()
        (found,) = await client.read_deployment_schedules(deployment)

    assert (made.parameters, found.parameters) == ({"a": 1}, {})


async def test_deploying_again_replaces_all_schedules(prefect_server: str) -> None:
    """What is not given again is gone; `deploy` therefore gives those that somebody else added."""
    async with get_client() as client:
        flow_id = await client.create_flow_from_name("facts")
        name = f"facts-{uuid.uuid4().hex[:8]}"
        deployment = await client.create_deployment(flow_id, name)
        await client.create_deployment_schedules(deployment, [(IntervalSchedule(interval=timedelta(days=1)), True)])
        again = await client.create_deployment(flow_id, name)
        found = await client.read_deployment_schedules(deployment)

    assert again == deployment
    assert found == []


@flow(name="facts")
def around() -> None:
    """Stands for a run that makes another one."""


@task
def stand_in() -> None:
    """Stands for the run that was made."""


async def test_a_run_that_has_not_begun_is_cancelled_at_once_and_its_stand_in_with_it(prefect_server: str) -> None:
    """Nobody has to take up a run that is told to end, and the task run that stands for it follows its states."""
    async with get_client() as client:
        outer = await client.create_flow_run(around)
        shown = await client.create_task_run(stand_in, outer.id, dynamic_key="one")
        deployment = await client.create_deployment(outer.flow_id, f"facts-{uuid.uuid4().hex[:8]}")
        run = await client.create_flow_run_from_deployment(deployment, parent_task_run_id=shown.id)
        begun = await client.read_task_run(shown.id)
        answer = await client.set_flow_run_state(run.id, Cancelling())
        ended = await client.read_task_run(shown.id)

    assert answer.state is not None
    assert (begun.state_name, answer.state.name, ended.state_name) == ("Scheduled", "Cancelled", "Cancelled")


async def test_a_deployment_that_holds_runs_to_its_form_takes_parameters_beside_it(prefect_server: str) -> None:
    """So a run of a plan can be told which one it goes on from, although its form does not ask for that."""
    schema = {"type": "object", "properties": {"inputs": {"type": "object"}}}
    async with get_client() as client:
        flow_id = await client.create_flow_from_name("facts")
        name = f"facts-{uuid.uuid4().hex[:8]}"
        deployment = await client.create_deployment(
            flow_id, name, parameter_openapi_schema=schema, enforce_parameter_schema=True
        )
        run = await client.create_flow_run_from_deployment(deployment, parameters={"inputs": {}, "resume": "x"})

    assert run.parameters == {"inputs": {}, "resume": "x"}
