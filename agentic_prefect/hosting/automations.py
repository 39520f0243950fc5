"""Automations that watch runs of plans on the server, so that they also act when the run's own process is gone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final, Literal, get_args
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ActionTypes, ChangeFlowRunState, RunDeployment, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.exceptions import ObjectNotFound

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.hosting.chains import way
from agentic_prefect.hosting.schedules import deployment_of
from agentic_prefect.models.base import Frozen
from agentic_prefect.plans.names import listing
from agentic_prefect.runtime.plan_flow import PLAN_FLOWS
from agentic_prefect.settings import AgenticSettings

PREFIX: Final = "agentic: "
"""What the names of our automations begin with; others are left alone."""
Alert = Literal["failed", "partial-failure", "dead-letter", "budget-exceeded", "waiting"]
ALERTS: Final[tuple[Alert, ...]] = get_args(Alert)
ZOMBIES: Final = "zombies"
HEARTBEAT: Final = "prefect.flow-run.heartbeat"
ZOMBIE_AFTER: Final = timedelta(minutes=10)
"""Three heartbeats of Prefect's 180 s may go missing; a minute is for the way."""
WAITING_FOR: Final = timedelta(hours=1)
SHORTEST: Final = timedelta(seconds=10)
"""The server looks for what did not happen no more often."""

_OF_PLANS: Final[Mapping[str, str | list[str]]] = {
    "prefect.resource.role": "flow",
    "prefect.resource.name": list(PLAN_FLOWS),
}
"""What events of runs of plans have among their related resources; runs of other flows have their own."""
_RUN: Final = (
    "{% if flow_run %}Run {{ flow_run.name }}{% if flow_run|ui_url %}: {{ flow_run|ui_url }}{% endif %}{% endif %}"
)
"""With a link where the server knows its own address (`PREFECT_UI_URL`)."""
_TEXTS: Final[Mapping[Alert, tuple[str, str]]] = {
    "failed": ("A plan failed", "{{ flow_run.name }} ended {{ flow_run.state.name }}: {{ flow_run.state.message }}"),
    "partial-failure": (
        "A plan ended with a partial failure",
        "{{ flow_run.name }} ended {{ flow_run.state.name }}: {{ flow_run.state.message }}",
    ),
    "dead-letter": (
        "A task has failed for good",
        "{{ event.resource['agentic.plan'] }}, task {{ event.resource['agentic.task'] }}: "
        "{{ event.payload.error.message }} See `agentic-prefect deadletters list`.",
    ),
    "budget-exceeded": (
        "A plan has used up its budget",
        "{{ event.resource['agentic.plan'] }}: {{ event.payload.reason }}",
    ),
    "waiting": (
        "A question waits for an answer",
        "{% if event %}{{ event.resource['agentic.plan'] }}, task {{ event.resource['agentic.task'] }}: "
        "{{ event.payload.question }} {{ event.payload.url }}{% else %}Nobody has answered a question.{% endif %}",
    ),
}


class Installed(Frozen):
    """An automation of ours as it is on the server."""

    name: str
    enabled: bool
    description: str


@dataclass(frozen=True, slots=True)
class Chain:
    """A deployment that runs whenever another one has completed."""

    first: str
    then: str
    parameters: Mapping[str, Any]


async def install_alerts(alerts: Sequence[Alert], *, notify: str, waiting_for: timedelta = WAITING_FOR) -> list[str]:
    """Have somebody told; the names of the automations.

    Args:
        alerts: What about.
        notify: The notification block that tells, as `TYPE/NAME`, such as `slack-webhook/team`.
        waiting_for: How long a question may wait before somebody is told.

    Raises:
        PlanInvalid: There is no such block, or the time is too short.
    """
    _require_length(waiting_for)
    async with get_client() as client:
        block = await _block(client, notify)
        return [await _install(client, _alert(alert, block, waiting_for)) for alert in alerts]


async def install_zombies(after: timedelta = ZOMBIE_AFTER, *, run_id: str = "") -> str:
    """Have runs of plans whose process is gone end Crashed; the automation's name.

    Args:
        after: How long nothing may be heard of a run.
        run_id: Watch this run alone; empty watches those of all plans.

    Raises:
        PlanInvalid: The time is too short.
    """
    _require_length(after)
    trigger = EventTrigger(
        after={HEARTBEAT},
        # Whatever else is heard of the run, its end above all, counts as a sign of life.
        expect={"prefect.flow-run.*"},
        match={"prefect.resource.id": f"prefect.flow-run.{run_id or '*'}"},
        match_related=dict(_OF_PLANS),
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        threshold=1,
        within=after,
    )
    crash = ChangeFlowRunState(
        name="Crashed",
        state=StateType.CRASHED,
        force=False,
        message=f"Nothing was heard of this run for {after}: its process is gone. Retry it to go on where it ended.",
    )
    name = f"{ZOMBIES} {run_id}" if run_id else ZOMBIES
    about = f"Runs of plans of which nothing is heard for {after} are Crashed."
    async with get_client() as client:
        return await _install(client, _automation(name, about, trigger, crash))


async def install_zombies_unless_there() -> str:
    """The same, unless the settings do without, or somebody has installed it, with a time of their own maybe.

    The automation's name; empty when none was installed.
    """
    if AgenticSettings().watch_runs and ZOMBIES not in {each.name for each in await installed()}:
        return await install_zombies()
    return ""


async def install_chain(chain: Chain) -> str:
    """Run a deployment whenever another one has completed; the automation's name.

    Raises:
        PlanInvalid: One of them is not there, or they would run after each other for ever.
    """
    async with get_client() as client:
        first, then = await deployment_of(client, chain.first), await deployment_of(client, chain.then)
        if first.id == then.id:
            raise PlanInvalid(
                f"Deployment {chain.first!r} would run for ever after itself. Give it a schedule instead."
            )
        if links := await way(client, then.id, first.id):
            names = [each.removeprefix(PREFIX) for each in links]
            raise PlanInvalid(
                f"Deployments {chain.first!r} and {chain.then!r} would run after each other for ever: there are "
                f"{listing(map(repr, names))} already. Remove one (`agentic-prefect automations remove "
                f"{names[0]!r}`), or give {chain.first!r} a schedule instead."
            )
        trigger = EventTrigger(
            expect={"prefect.flow-run.Completed"},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related={
                "prefect.resource.id": f"prefect.deployment.{first.id}",
                "prefect.resource.role": "deployment",
            },
            posture=Posture.Reactive,
            threshold=1,
        )
        run = RunDeployment(
            source="selected",
            deployment_id=then.id,
            parameters=dict(chain.parameters) or None,
            job_variables=None,
        )
        about = f"Runs {then.name} whenever {first.name} has completed."
        return await _install(client, _automation(f"{then.name} after {first.name}", about, trigger, run))


async def installed() -> Sequence[Installed]:
    """Our automations on the server, by name."""
    async with get_client() as client:
        found = await client.read_automations()
    ours = [each for each in found if each.name.startswith(PREFIX)]
    return [
        Installed(name=each.name.removeprefix(PREFIX), enabled=each.enabled, description=each.description)
        for each in sorted(ours, key=lambda each: each.name)
    ]


async def remove(name: str) -> int:
    """Remove the automations of that name; how many there were."""
    async with get_client() as client:
        found = await client.read_automations_by_name(f"{PREFIX}{name}")
        for each in found:
            await client.delete_automation(each.id)
    return len(found)


def _alert(alert: Alert, block: UUID, waiting_for: timedelta) -> AutomationCore:
    match alert:
        case "failed":
            about = "Tells of plans that failed."
            trigger = _when("prefect.flow-run.Failed", "prefect.flow-run.Crashed", related=_OF_PLANS)
        case "partial-failure":
            about = "Tells of plans that failed in part."
            trigger = _when("prefect.flow-run.PartialFailure", related=_OF_PLANS)
        case "dead-letter":
            about = "Tells of tasks that failed for good, with nothing standing in for them."
            trigger = _when("agentic.task.dead_lettered", resource="agentic.task.*")
        case "budget-exceeded":
            about = "Tells of plans whose budget stopped them."
            trigger = _when("agentic.plan.budget_exceeded", resource="agentic.plan.*")
        case "waiting":
            about = f"Tells of questions that nobody has answered for {waiting_for}."
            trigger = EventTrigger(
                after={"agentic.intervention.requested"},
                expect={"agentic.intervention.resolved", "agentic.intervention.expired"},
                match={"prefect.resource.id": "agentic.task.*"},
                for_each={"prefect.resource.id"},
                posture=Posture.Proactive,
                threshold=1,
                within=waiting_for,
            )
    subject, body = _TEXTS[alert]
    tell = SendNotification(block_document_id=block, subject=subject, body=f"{body}\n{_RUN}")
    return _automation(alert, about, trigger, tell)


def _when(
    *events: str, resource: str = "prefect.flow-run.*", related: Mapping[str, str | list[str]] = MappingProxyType({})
) -> EventTrigger:
    return EventTrigger(
        expect=set(events),
        match={"prefect.resource.id": resource},
        match_related=dict(related),
        posture=Posture.Reactive,
        threshold=1,
    )


def _automation(name: str, about: str, trigger: EventTrigger, action: ActionTypes) -> AutomationCore:
    return AutomationCore(
        name=f"{PREFIX}{name}", description=about, enabled=True, tags=["agentic"], trigger=trigger, actions=[action]
    )


async def _install(client: PrefectClient, wanted: AutomationCore) -> str:
    """Make the automation, or bring it up to date; one that somebody switched off stays off."""
    found = await client.read_automations_by_name(wanted.name)
    if found:
        await client.update_automation(found[0].id, wanted.model_copy(update={"enabled": found[0].enabled}))
    else:
        await client.create_automation(wanted)
    return wanted.name.removeprefix(PREFIX)


async def _block(client: PrefectClient, reference: str) -> UUID:
    kind, slash, name = reference.partition("/")
    try:
        if not slash:
            raise ObjectNotFound(http_exc=ValueError(reference))
        return (await client.read_block_document_by_name(name, kind, include_secrets=False)).id
    except ObjectNotFound:
        raise PlanInvalid(
            f"There is no notification block {reference!r}. Make one in the UI under Blocks (Slack, Teams, e-mail, a "
            f"webhook of your own), and give it as TYPE/NAME, such as slack-webhook/team."
        ) from None


def _require_length(length: timedelta) -> None:
    if length < SHORTEST:
        raise PlanInvalid(f"{length} is too short: the server looks every few seconds. Give at least 10s.")
