"""Finds plans and reads them: files by name or path, and versions that the Prefect server holds."""

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from agentic_prefect.errors import ConnectionLost, PlanInvalid
from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.agents import undescribed_agents
from agentic_prefect.plans.document import MAX_CHARS
from agentic_prefect.plans.names import did_you_mean, listing
from agentic_prefect.plans.remainder import load_whole

STDIN: Final = "-"
SUFFIXES: Final = (".yaml", ".yml", ".json")
MAX_BYTES: Final = 4 * MAX_CHARS
"""A larger file is not read to its end; no text of the length that a plan may have takes more in UTF-8."""


STORED: Final = re.compile(r"([a-z0-9][a-z0-9_-]{0,99})@(latest|[1-9][0-9]{0,8})")
"""A version on the Prefect server: `research@3` or `research@latest`."""


@dataclass(frozen=True, slots=True)
class GivenPlan:
    """A plan that was found."""

    plan: Plan
    folder: Path | None = None
    """From where its relative paths are meant; `None` is the working folder."""
    version: int | None = None
    """Which one, if the server holds it in versions."""
    path: Path | None = None
    """The file that it was read from."""


class PlanNotFound(PlanInvalid, LookupError):
    """There is no plan of that name, and no file at that path."""

    def __init__(self, reference: str, known: tuple[str, ...]) -> None:
        super().__init__(reference, known)
        self.reference, self.known = reference, known

    def __str__(self) -> str:
        hint = did_you_mean(self.reference, self.known)
        return (
            f"There is no plan file {self.reference!r} and no stored plan of that name. {f'{hint} ' if hint else ''}"
            f"Stored plans: {listing(self.known)}. Give one of them, the path of a file, or `-` for standard input."
        )


class PlanUnreadable(PlanInvalid, OSError):
    """A plan's file is there and cannot be read."""

    def __init__(self, source: str, why: str) -> None:
        super().__init__(source, why)
        self.source, self.why = source, why

    def __str__(self) -> str:
        return f"The plan {self.source!r} cannot be read: {self.why}. Give a text file in YAML or JSON, in UTF-8."


class PlanOutOfReach(PlanInvalid):
    """A path that came with a run leads to a file that such a run may not read."""

    def __init__(self, reference: str, within: tuple[Path, ...]) -> None:
        super().__init__(reference, within)
        self.reference, self.within = reference, within

    def __str__(self) -> str:
        return (
            f"The plan {self.reference!r} lies outside of the folders that runs of deployments may read plans from: "
            f"{', '.join(map(str, self.within))}. Put it into one of them, name its folder in "
            f"PREFECT_INTEGRATIONS_AGENTIC_PLANS, or save it on the server with `agentic-prefect plans save`."
        )


def shipped_folder() -> Path:
    """The folder of the plans that come with the package: inside of it once installed, `flows/plans` in a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "_plans"
    return installed if installed.is_dir() else package.parent / "flows" / "plans"


def plan_folders(extra: Iterable[Path] = ()) -> tuple[Path, ...]:
    """Where stored plans lie, the first one first: the folders given, those of the settings, the shipped one."""
    # The settings are Prefect's and take a second to load; whoever names a file by its path does not need them.
    from agentic_prefect.settings import AgenticSettings

    return (*extra, *AgenticSettings().plans, shipped_folder())


def reachable_folders() -> tuple[Path, ...]:
    """Below which folders a path that comes with a run may lead: the working folder and those of stored plans."""
    return (Path.cwd(), *plan_folders())


def stored_plans(folders: Sequence[Path]) -> dict[str, Path]:
    """The files of all stored plans by name, in order of their names; an earlier folder hides a later one's."""
    found: dict[str, Path] = {}
    for folder in folders:
        if folder.is_dir():
            for path in sorted(folder.iterdir()):
                if path.suffix in SUFFIXES and path.is_file():
                    found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def find_plan(
    reference: str,
    *,
    base_dir: Path | None = None,
    folders: Sequence[Path] | None = None,
    within: Sequence[Path] | None = None,
) -> Path:
    """The file of a plan.

    Args:
        reference: A path, or the name of a stored plan. A file that is there goes before a stored plan.
        base_dir: From where a relative path is meant; `None` is the working folder.
        folders: Where stored plans lie; `None` is `plan_folders()`.
        within: Below which folders a path must lead, links followed; `None` is anywhere.

    Raises:
        PlanNotFound: Neither is there.
        PlanOutOfReach: The path leads elsewhere, whether a file is there or not.
    """
    path = (base_dir or Path()) / Path(reference).expanduser()
    if within is not None and not any(path.resolve().is_relative_to(each.resolve()) for each in within):
        raise PlanOutOfReach(reference, tuple(within))
    if path.is_file() or (path.is_dir() and path.suffix in SUFFIXES):
        return path
    known = stored_plans(plan_folders() if folders is None else folders)
    if reference in known:
        return known[reference]
    raise PlanNotFound(reference, tuple(known))


def find_given(
    reference: str,
    *,
    base_dir: Path | None = None,
    folders: Sequence[Path] | None = None,
    within: Sequence[Path] | None = None,
) -> GivenPlan:
    """The plan in a file, of a stored name, in a version on the server, or on standard input (`-`).

    A name without a version is looked up among files first; then the latest version on the server counts.

    Args:
        reference: Any of these.
        base_dir: From where a relative path is meant; `None` is the working folder.
        folders: Where stored plans lie; `None` is `plan_folders()`.
        within: Below which folders a path must lead, links followed; `None` is anywhere.

    Raises:
        PlanNotFound: There is none.
        PlanOutOfReach: The path leads elsewhere.
        PlanUnreadable: Its file cannot be read.
        PlanInvalid: What it says is no plan; all problems at once.
        ConnectionLost: It would be on a server that does not answer.
    """
    return with_agents_of_server(read_given(reference, base_dir=base_dir, folders=folders, within=within))


def with_agents_of_server(given: GivenPlan) -> GivenPlan:
    """The plan with the agents that it does not describe and the server does.

    Raises:
        ConnectionLost: The server does not answer.
    """
    if not undescribed_agents(given.plan):
        return given
    # Prefect takes a second to load, and a plan that describes its agents needs nothing of it.
    from agentic_prefect.blocks.named import with_profiles

    return replace(given, plan=with_profiles(given.plan))


def read_given(
    reference: str,
    *,
    base_dir: Path | None = None,
    folders: Sequence[Path] | None = None,
    within: Sequence[Path] | None = None,
) -> GivenPlan:
    """The plan as it is written, without agents that only the server knows; everything else as for `find_given`."""
    if reference == STDIN:
        text = _text(sys.stdin.buffer.read(MAX_BYTES + 1), "standard input")
        return GivenPlan(load_whole(text, source="standard input"))
    if STORED.fullmatch(reference):
        return _from_server(reference)
    try:
        path = find_plan(reference, base_dir=base_dir, folders=folders, within=within)
    except PlanNotFound as nowhere:
        return _latest_on_server(reference, nowhere)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PlanUnreadable(str(path), (error.strerror or str(error)).lower()) from error
    return GivenPlan(load_whole(_text(content, str(path)), source=str(path)), path.parent, path=path)


def read_plan(
    reference: str,
    *,
    base_dir: Path | None = None,
    folders: Sequence[Path] | None = None,
    within: Sequence[Path] | None = None,
) -> Plan:
    """The plan alone; everything as for `find_given`."""
    return find_given(reference, base_dir=base_dir, folders=folders, within=within).plan


def plan_given(text: str) -> GivenPlan:
    """The plan that a form's field gives.

    Args:
        text: A stored plan's name, with or without a version, the path of a file below `reachable_folders()`, or a
            whole plan as YAML or JSON text.

    Raises:
        PlanInvalid: It is none of them, or not a plan; all problems at once.
        ConnectionLost: It would be on a server that does not answer.
    """
    if is_plan_text(text):
        return GivenPlan(load_whole(text, source="the plan given as text"))
    if text in ("", STDIN):
        raise PlanInvalid("No plan is named. Give a stored plan's name, a file's path, or a whole plan as text.")
    return find_given(text, within=reachable_folders())


def _from_server(reference: str) -> GivenPlan:
    # Prefect takes a second to load, and files need nothing of it.
    from agentic_prefect.blocks.plan_store import read_stored

    name, _, version = reference.partition("@")
    stored = read_stored(name, "latest" if version == "latest" else int(version))
    return GivenPlan(stored.plan(), version=stored.plan_version)


def _latest_on_server(reference: str, nowhere: PlanNotFound) -> GivenPlan:
    """The plan of that name on the server; otherwise the complaint that no file has it."""
    # Prefect takes a second to load, and files need nothing of it.
    from agentic_prefect.blocks.plan_store import NoSuchStoredPlan, is_there

    if not STORED.fullmatch(f"{reference}@latest") or not is_there():
        raise nowhere
    try:
        return _from_server(f"{reference}@latest")
    except NoSuchStoredPlan as none:
        raise PlanNotFound(reference, tuple(sorted({*nowhere.known, *none.known}))) from None
    except ConnectionLost:
        raise nowhere from None


def is_plan_text(text: str) -> bool:
    """Whether this is a whole plan, and not where to find one."""
    return "\n" in text.strip() or text.lstrip().startswith("{")


def _text(content: bytes, source: str) -> str:
    if len(content) > MAX_BYTES:
        raise PlanUnreadable(source, f"it is larger than {MAX_BYTES:,} bytes, and no plan is")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PlanUnreadable(source, f"byte {error.start} is not UTF-8") from error
