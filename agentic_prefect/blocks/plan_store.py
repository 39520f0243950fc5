"""Plans on the Prefect server: saved in versions, and read by name from wherever a worker is.

Everything here blocks; within an event loop it belongs in a thread.
"""

import hashlib
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, Literal

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import BlockDocumentCreate
from prefect.client.schemas.objects import BlockDocument
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.settings import PREFECT_API_URL

from agentic_prefect.blocks.refusal import refusal
from agentic_prefect.blocks.stored_plan import StoredPlan
from agentic_prefect.errors import ConnectionLost, PlanInvalid
from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.fingerprint import plan_hash
from agentic_prefect.plans.load import dump_plan
from agentic_prefect.plans.names import did_you_mean, listing

SLUG: Final = "agentic-stored-plan"
MOST_VERSIONS: Final = 10_000
"""How many documents are looked through."""
NOT_FOUND: Final = 404
_PAGE: Final = 200
_TRIES: Final = 5
"""How often a save is tried when others save the same plan at the same time."""
Version = int | Literal["latest"]


class NoSuchStoredPlan(PlanInvalid, LookupError):
    """The server holds no plan of that name, or not that version of it."""

    def __init__(self, name: str, version: Version, known: tuple[str, ...]) -> None:
        super().__init__(name, version, known)
        self.name, self.version, self.known = name, version, known

    def __str__(self) -> str:
        what = "no plan" if self.version == "latest" else f"no version {self.version} of a plan"
        hint = did_you_mean(self.name, sorted({each.partition("@")[0] for each in self.known}))
        return (
            f"The Prefect server holds {what} {self.name!r}. {f'{hint} ' if hint else ''}"
            f"It holds: {listing(self.known)}. Save one with `agentic-prefect plans save FILE`."
        )


def is_there() -> bool:
    """Whether a server is set that could hold plans."""
    return bool(PREFECT_API_URL.value())


def stored_versions(name: str = "") -> Sequence[StoredPlan]:
    """What the server holds, by name and version.

    Args:
        name: Only the versions of this plan; empty is every plan.

    Raises:
        ConnectionLost: No server is set, or it does not answer.
    """
    with _server() as client:
        found = [_plan_in(document) for document in _documents(client)]
    wanted = [each for each in found if not name or each.plan_name == name]
    return sorted(wanted, key=lambda each: (each.plan_name, each.plan_version))


def read_stored(name: str, version: Version = "latest") -> StoredPlan:
    """One version of a plan.

    Raises:
        NoSuchStoredPlan: The server does not hold it.
        ConnectionLost: No server is set, or it does not answer.
    """
    if version != "latest":
        with _server() as client:
            try:
                found = _plan_in(client.read_block_document_by_name(_document_name(name, version), SLUG))
            except ObjectNotFound:
                found = None
        if found is not None and found.plan_name == name:
            return found
    versions = stored_versions()
    own = [each for each in versions if each.plan_name == name]
    if version == "latest" and own:
        return own[-1]
    raise NoSuchStoredPlan(name, version, _known(own, versions))


def save_plan(plan: Plan, *, note: str = "") -> tuple[StoredPlan, bool]:
    """Save a plan as a new version; what was saved last is given back when nothing has changed since.

    Returns:
        The version, and whether it is new.

    Raises:
        ConnectionLost: No server is set, or it does not answer.
        PlanInvalid: The plan cannot be written down, or others keep saving it at the same time.
    """
    text, content = dump_plan(plan), plan_hash(plan)
    for _ in range(_TRIES):
        versions = stored_versions(plan.name)
        if versions and versions[-1].plan_hash == content:
            return versions[-1], False
        stored = StoredPlan(
            plan_name=plan.name,
            plan_version=versions[-1].plan_version + 1 if versions else 1,
            plan_hash=content,
            text=text,
            saved_at=datetime.now(UTC).isoformat(timespec="seconds"),
            note=note,
        )
        with _server() as client:
            try:
                client.create_block_document(_document_of(stored))
            except ObjectAlreadyExists:
                continue
        return stored, True
    raise PlanInvalid(f"Plan {plan.name!r} is being saved by others at the same time. Try again.")


def delete_stored(name: str, version: int | None = None) -> int:
    """Delete one version of a plan, or all of them; how many there were.

    Raises:
        NoSuchStoredPlan: There is none.
        ConnectionLost: No server is set, or it does not answer.
    """
    with _server() as client:
        documents = [(_plan_in(document), document) for document in _documents(client)]
        doomed = [
            document
            for stored, document in documents
            if stored.plan_name == name and version in (None, stored.plan_version)
        ]
        if not doomed:
            every = [stored for stored, _ in documents]
            raise NoSuchStoredPlan(name, version or "latest", _known([s for s in every if s.plan_name == name], every))
        for document in doomed:
            client.delete_block_document(document.id)
    return len(doomed)


def _known(own: Sequence[StoredPlan], versions: Sequence[StoredPlan]) -> tuple[str, ...]:
    """What to tell of what there is: the plan's other versions, or the names of the others."""
    return tuple(each.reference for each in own) or tuple(sorted({each.plan_name for each in versions}))


def _documents(client: SyncPrefectClient) -> list[BlockDocument]:
    found: list[BlockDocument] = []
    for offset in range(0, MOST_VERSIONS, _PAGE):
        try:
            page = client.read_block_documents_by_type(SLUG, offset=offset, limit=_PAGE)
        except ObjectNotFound:  # nobody has saved a plan yet
            return found
        except httpx.HTTPStatusError as error:
            if error.response.status_code == NOT_FOUND:
                return found
            raise
        found += page
        if len(page) < _PAGE:
            break
    return found


def _plan_in(document: BlockDocument) -> StoredPlan:
    return StoredPlan.model_validate({name: document.data[name] for name in _FIELDS if name in document.data})


def _document_of(stored: StoredPlan) -> BlockDocumentCreate:
    kind: Any = StoredPlan
    kind.register_type_and_schema(_sync=True)
    return BlockDocumentCreate(
        name=_document_name(stored.plan_name, stored.plan_version),
        data={name: getattr(stored, name) for name in _FIELDS},
        block_schema_id=kind._block_schema_id,
        block_type_id=kind._block_type_id,
    )


def _document_name(name: str, version: int) -> str:
    """What the block is called: without underscores, so that a name with one gets something else to tell it by."""
    plain = re.sub(r"[^a-z0-9-]", "-", name)
    mark = f"-{hashlib.sha256(name.encode()).hexdigest()[:8]}" if plain != name else ""
    return f"{plain}{mark}-v{version}"


@contextmanager
def _server() -> Generator[SyncPrefectClient]:
    url = PREFECT_API_URL.value()
    if not url:
        raise ConnectionLost(
            "Stored plans lie on a Prefect server, and none is set. Set PREFECT_API_URL, or give the path of a file."
        )
    try:
        with get_client(sync_client=True) as client:
            yield client
    except httpx.HTTPStatusError as error:
        raise refusal(error) from error
    except httpx.TransportError as error:
        why = str(error) or type(error).__name__
        raise ConnectionLost(
            f"The Prefect server at {url!r}, which holds the stored plans, cannot be reached: {why}. Start it, or "
            f"correct PREFECT_API_URL."
        ) from error


_FIELDS: Final = tuple(name for name in StoredPlan.model_fields)
