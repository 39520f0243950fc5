"""Deployments on the Prefect server, found by name.

Everything here blocks; within an event loop it belongs in a thread, unless it is to happen once.
"""

from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, cast
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterId
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.plans.deployment_name import deployment_name, is_of_plan
from agentic_prefect.plans.names import did_you_mean, listing

TIMEOUT_S: Final = 10.0
_PAGE: Final = 200


class NoSuchDeployment(PlanInvalid, LookupError):
    """A task names a deployment that the server does not have."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(name, known)
        self.name, self.known = name, known

    def __str__(self) -> str:
        hint = did_you_mean(self.name, self.known) or f"There are: {listing(self.known)}."
        return (
            f"There is no deployment {self.name!r}. {hint} Make one with `agentic-prefect deploy PLAN` or "
            f"`prefect deploy`."
        )


@dataclass(frozen=True, slots=True)
class Deployment:
    """What has to be known of a deployment to run it."""

    id: UUID
    name: str
    """`FLOW/DEPLOYMENT`."""
    pool: str | None
    """The work pool; `None` when the process that serves it takes up its runs."""
    version: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What each run is given unless it says otherwise."""
    runs_plan: bool = False
    """Whether it runs a plan, so that its runs take the plan's inputs and put out a plan's result."""

    @property
    def short_name(self) -> str:
        """Its name without its flow's."""
        return self.name.partition("/")[2]


def require_server(name: str) -> None:
    """Make sure that a server is set that could have a deployment.

    Raises:
        PlanInvalid: None is.
    """
    if not PREFECT_API_URL.value():
        raise PlanInvalid(
            f"The deployment {name!r} is one of a Prefect server that stays, and none is set. Set PREFECT_API_URL."
        )


def find_deployment(name: str) -> Deployment:
    """The deployment of that name; one without a flow's name is one of plans.

    Raises:
        NoSuchDeployment: The server has none.
        PlanInvalid: No server is set that could have one.
        httpx.HTTPError: The server does not answer, or refuses.
    """
    require_server(name)
    full = deployment_name(name)
    with _asked_once() as client:
        try:
            found = client.read_deployment_by_name(full)
        except ObjectNotFound:
            raise NoSuchDeployment(full, tuple(sorted(_all_names(client)))) from None
    schema = cast("Mapping[str, Any]", found.parameter_openapi_schema or {})
    return Deployment(
        id=found.id,
        name=full,
        pool=found.work_pool_name,
        version=found.version or "",
        parameters=found.parameters or {},
        runs_plan=is_of_plan(full) and "inputs" in schema.get("properties", {}),
    )


def known_deployments(wanted: Collection[str]) -> frozenset[str] | None:
    """The names of deployments on the server, as far as they matter to a plan that names `wanted`.

    Returns:
        Those that are wanted and there, as `FLOW/DEPLOYMENT`; all of them when one is missing; `None` when no server
        can be asked.
    """
    if not wanted or not PREFECT_API_URL.value():
        return None
    try:
        with _asked_once() as client:
            found = {name for name in map(deployment_name, wanted) if _is_there(client, name)}
            missing = {*map(deployment_name, wanted)} - found
            return frozenset(found | _all_names(client) if missing else found)
    except httpx.HTTPError:
        return None


@contextmanager
def _asked_once() -> Generator[SyncPrefectClient]:
    """A client that does not ask again: whoever may wait does that, and an event loop must not be held up."""
    with (
        temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
        get_client(sync_client=True, httpx_settings={"timeout": TIMEOUT_S}) as client,
    ):
        yield client


def _is_there(client: SyncPrefectClient, name: str) -> bool:
    try:
        client.read_deployment_by_name(name)
    except ObjectNotFound:
        return False
    return True


def _all_names(client: SyncPrefectClient) -> set[str]:
    """All deployments, or the first `_PAGE` of them: enough to see what was meant."""
    found = client.read_deployments(limit=_PAGE)
    flows = client.read_flows(
        flow_filter=FlowFilter(id=FlowFilterId(any_=list({each.flow_id for each in found}))), limit=_PAGE
    )
    names = {each.id: each.name for each in flows}
    return {f"{names[each.flow_id]}/{each.name}" for each in found if each.flow_id in names}
