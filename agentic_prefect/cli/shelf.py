"""Plans that can be run by name: listed, shown, saved, compared, deleted."""

import difflib
from collections.abc import Sequence

from rich.table import Table

from agentic_prefect.blocks.plan_store import delete_stored, is_there, read_stored, save_plan, stored_versions
from agentic_prefect.blocks.stored_plan import StoredPlan
from agentic_prefect.bootstrap.keeping import plan_to_keep
from agentic_prefect.cli.server import ask_server, require_server
from agentic_prefect.cli.usage import UsageError
from agentic_prefect.hosting.schedules import users_of
from agentic_prefect.models.base import Frozen
from agentic_prefect.plans.load import dump_plan
from agentic_prefect.plans.names import did_you_mean, listing
from agentic_prefect.reports.wording import one_line
from agentic_prefect.stored_plans import STORED, find_given, plan_folders, stored_plans


class Listed(Frozen):
    """A plan that can be run by name."""

    name: str
    version: int | None = None
    """On the server; `None` for a file."""
    where: str
    """`server`, or the path of a file."""
    saved_at: str = ""
    plan_hash: str = ""
    note: str = ""


def listed(name: str) -> Sequence[Listed]:
    """All plans, the latest version of each; or all versions of one.

    Raises:
        UsageError: The server holds no such plan.
    """
    on_server = list(stored_versions(name)) if name or is_there() else []
    if name and not on_server:
        known = sorted({each.plan_name for each in stored_versions()})
        raise UsageError(f"The server holds no plan {name!r}. {did_you_mean(name, known)} It holds: {listing(known)}.")
    latest = on_server if name else list({each.plan_name: each for each in on_server}.values())
    kept = [
        Listed(
            name=each.plan_name,
            version=each.plan_version,
            where="server",
            saved_at=each.saved_at,
            plan_hash=each.plan_hash,
            note=each.note,
        )
        for each in latest
    ]
    files = [Listed(name=key, where=str(path)) for key, path in stored_plans(plan_folders()).items()]
    return [*kept, *([] if name else files)]


def table(found: Sequence[Listed]) -> Table:
    """The plans, a row each."""
    page = Table("Plan", "Version", "Saved", "Content", "Where", "Note", box=None, pad_edge=False)
    for each in found:
        version = "" if each.version is None else str(each.version)
        saved = each.saved_at[:16].replace("T", " ")
        page.add_row(each.name, version, saved, each.plan_hash[:12], each.where, one_line(each.note, 40))
    return page


def text_of(reference: str) -> str:
    """A plan as YAML."""
    return dump_plan(find_given(reference).plan)


def keep(reference: str, note: str) -> str:
    """Save a plan; what there is to say about it."""
    plan = plan_to_keep(reference)
    require_server()
    stored, is_new = save_plan(plan, note=note)
    if not is_new:
        return f"{stored.reference} says the same; nothing was saved."
    said = f"Saved {stored.reference} ({stored.plan_hash[:12]})."
    path = stored_plans(plan_folders()).get(plan.name)
    hidden = f" The file {str(path)!r} has the same name and goes before it: say {plan.name}@latest to run this one."
    return said + (hidden if path else "")


def difference(before: str, after: str) -> str:
    """What differs between two plans, both in the same form."""
    first = find_given(before)
    name = after or f"{before.partition('@')[0] if STORED.fullmatch(before) else first.plan.name}@latest"
    second = find_given(name)
    lines = (dump_plan(each.plan).splitlines(keepends=True) for each in (first, second))
    return "".join(difflib.unified_diff(*lines, fromfile=before, tofile=name))


def forget(reference: str, *, all_versions: bool) -> str:
    """Delete a version, or all of them.

    Raises:
        UsageError: It does not say which, or a deployment runs it.
    """
    match = STORED.fullmatch(reference)
    if all_versions == bool(match):
        raise UsageError(
            f"{reference!r} does not say what to delete. Give a version, such as {reference.partition('@')[0]}@2, or "
            f"the name alone with `--all`."
        )
    require_server()
    if match is None:
        _require_unused(reference, stored_versions(reference))
        count = delete_stored(reference)
        return f"Deleted {count} {'version' if count == 1 else 'versions'} of {reference}."
    stored = read_stored(match[1], "latest" if match[2] == "latest" else int(match[2]))
    _require_unused(stored.plan_name, [stored])
    delete_stored(stored.plan_name, stored.plan_version)
    return f"Deleted {stored.reference}."


def _require_unused(name: str, doomed: Sequence[StoredPlan]) -> None:
    users = ask_server(users_of({each.reference for each in doomed}))
    if users:
        raise UsageError(
            f"{name!r} cannot be deleted: the deployments {', '.join(users)} run it. Deploy another version there, or "
            f"delete them first (`prefect deployment delete run-plan/{users[0]}`)."
        )
