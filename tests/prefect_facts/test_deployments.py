"""What is relied on, or worked around, of deployments and their schedules."""

import uuid
from datetime import timedelta

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.schedules import IntervalSchedule

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
