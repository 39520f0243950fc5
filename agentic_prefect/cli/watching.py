"""What `automations` does."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from agentic_prefect.cli.clear_text import require_no_keys
from agentic_prefect.cli.launching import require_lasting_server
from agentic_prefect.cli.run_input import given_inputs, require_complete
from agentic_prefect.cli.server import ask_server
from agentic_prefect.cli.usage import UsageError
from agentic_prefect.hosting.automations import (
    ALERTS,
    ZOMBIES,
    Alert,
    Chain,
    Installed,
    install_alerts,
    install_chain,
    install_zombies,
    installed,
    remove,
)
from agentic_prefect.hosting.schedules import inputs_of, plan_of
from agentic_prefect.plans.names import did_you_mean, listing
from agentic_prefect.plans.spans import span


def listed() -> Sequence[Installed]:
    """Our automations on the server."""
    require_lasting_server()
    return ask_server(installed())


def table(found: Sequence[Installed]) -> Table:
    """The automations, a row each."""
    page = Table("Automation", "State", "What it does", box=None, pad_edge=False)
    for each in found:
        page.add_row(each.name, "on" if each.enabled else "off", each.description)
    return page


def install(names: Sequence[str], notify: str, waiting_for: str, zombie_after: str) -> Sequence[str]:
    """Install automations; what there is to say about it.

    Raises:
        UsageError: Somebody is to be told, and not by which block.
    """
    alerts: list[Alert] = [alert for alert in ALERTS if alert in names or not names]
    if alerts and not notify and names:
        raise UsageError(
            f"{listing(alerts)} tell somebody, and no block says how. Make a notification block in the UI, and give it "
            f"with `--notify TYPE/NAME`, such as `--notify slack-webhook/team`."
        )
    times = span(waiting_for), span(zombie_after)
    require_lasting_server()
    done = list(ask_server(install_alerts(alerts, notify=notify, waiting_for=times[0]))) if notify else []
    if ZOMBIES in names or not names:
        done.append(ask_server(install_zombies(times[1])))
    lines = [f"Installed {name!r}." for name in done]
    left = [] if notify or names else [f"Left out, for want of `--notify TYPE/NAME`: {listing(alerts)}."]
    return [*lines, *left]


def link(first: str, then: str, pairs: Sequence[str]) -> str:
    """Run a deployment after another one; what there is to say about it.

    Raises:
        UsageError: An input is wrong, holds a key, or is missing.
        PlanInvalid: They would run after each other for ever, or one of them is not there.
    """
    require_lasting_server()
    plan = ask_server(plan_of(then))
    if plan is None and pairs:
        raise UsageError(f"Deployment {then!r} runs no plan, so that there are no inputs to give.")
    given = given_inputs(plan, pairs) if plan else dict[str, Any]()
    require_no_keys(given, "input")
    if plan:
        require_complete(plan, given or ask_server(inputs_of(then)), option="--input")
    name = ask_server(install_chain(Chain(first, then, {"inputs": dict(given)} if given else {})))
    return f"Installed {name!r}."


def take_away(name: str) -> None:
    """Remove an automation of ours.

    Raises:
        UsageError: There is none of that name.
    """
    require_lasting_server()
    if not ask_server(remove(name)):
        known = [each.name for each in listed()]
        raise UsageError(
            f"No automation {name!r} was installed from here. {did_you_mean(name, known)} There are: {listing(known)}."
        )
