"""The chains that deployments form by automations: which one runs after which."""

from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.events.actions import RunDeployment
from prefect.events.schemas.automations import Automation, EventTrigger

_DEPLOYMENT: Final = "prefect.deployment."
_PAGE: Final = 200
"""The most that the server gives at once."""


async def way(client: PrefectClient, start: UUID, end: UUID) -> tuple[str, ...]:
    """The names of the automations by which one deployment runs in the end after another; empty where it does not.

    Automations that are switched off count, too: somebody may switch them on.
    """
    edges = [edge for each in await _automations(client) for edge in _edges(each)]
    reached: dict[UUID, tuple[str, ...]] = {start: ()}
    ahead = [start]
    while ahead:
        place = ahead.pop()
        for first, name, then in edges:
            if first == place and then not in reached:
                reached[then] = (*reached[place], name)
                ahead.append(then)
    return reached.get(end, ())


async def _automations(client: PrefectClient) -> Sequence[Automation]:
    found: list[Automation] = []
    while len(found) % _PAGE == 0:
        page = await client.read_automations(limit=_PAGE, offset=len(found))
        if not page:
            break
        found += page
    return found


def _edges(automation: Automation) -> Iterator[tuple[UUID, str, UUID]]:
    """The deployments that an automation waits for, its name, and those that it runs."""
    trigger = automation.trigger
    if not isinstance(trigger, EventTrigger):
        return
    related: Any = trigger.match_related
    specifications: list[Any] = list(related) if isinstance(related, list) else [related]  # pyright: ignore[reportUnknownArgumentType]
    named: list[str | list[str]] = [each.root.get("prefect.resource.id", []) for each in specifications]
    ids = [each for one in named for each in ([one] if isinstance(one, str) else one)]
    for action in automation.actions:
        if isinstance(action, RunDeployment) and action.deployment_id is not None:
            for each in ids:
                if first := _id_in(each):
                    yield first, automation.name, action.deployment_id


def _id_in(resource: str) -> UUID | None:
    """The deployment that is meant; `None` for a resource of another kind, or a pattern."""
    try:
        return UUID(resource.removeprefix(_DEPLOYMENT)) if resource.startswith(_DEPLOYMENT) else None
    except ValueError:
        return None
