"""Keeps artifacts of one flow run up to date: each is made once, then changed in place."""

import asyncio
import json
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey, FlowRunFilter, FlowRunFilterId

from agentic_prefect.policies.disclosure import Disclosure

MAX_AT_ONCE = 4
ON_RECORD = "plan-questions"
"""Tells of people's decisions, and is changed by nobody but the process that made it."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """An artifact as it should be."""

    key: str
    """Lowercase letters, digits and dashes. Constant, so that Prefect shows its history over all runs."""
    type: Literal["markdown", "table", "progress"]
    data: str | float
    description: str = ""
    """Markdown; it is what the artifact's card shows."""
    task_run_id: UUID | None = None
    """The task run that it belongs to besides the flow run; `None` for those of the whole plan."""
    subject: str = ""
    """What it is about, where several have the same key."""


_Place = tuple[str, str]
_Written = tuple[UUID, Sheet | None]


class ArtifactWriter:
    """Writes sheets, and only those that changed.

    A flow run that is run again (Retry in the UI) finds the artifacts of its first run and changes those, too, but for
    what was asked and decided then, which stays.

    Args:
        flow_run_id: The flow run that the artifacts belong to.
        disclosure: What of a sheet may be written.
        is_new: Whether the flow run can have no artifacts yet.
    """

    def __init__(self, flow_run_id: UUID, disclosure: Disclosure | None = None, *, is_new: bool = False) -> None:
        self._flow_run_id, self._disclosure = flow_run_id, disclosure or Disclosure()
        self._written: dict[_Place, _Written] = {}
        """By key and subject: the artifact's id and what it holds, `None` when that is not known."""
        self._is_known = is_new
        """Whether `_written` holds every artifact that the server has of this flow run."""
        self._places = asyncio.Semaphore(MAX_AT_ONCE)

    async def write(self, sheets: list[Sheet], *, client: PrefectClient) -> None:
        """Bring the server's artifacts to the state of `sheets`.

        Raises:
            httpx.HTTPError: The server could not be reached or refused; what was written before stays written.
        """
        if not self._is_known:
            self._written = {**await self._existing(client), **self._written}
        # Until all went well, an artifact may have been made without its id reaching us.
        self._is_known = False
        clean = [self._without_secrets(sheet) for sheet in sheets]
        outcomes = await asyncio.gather(*(self._put(sheet, client) for sheet in clean), return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome
        self._is_known = True

    def _without_secrets(self, sheet: Sheet) -> Sheet:
        text, redacted, data = self._disclosure.text, self._disclosure.redacted, sheet.data
        if isinstance(data, str):
            # In a table a mask must not reach beyond its cell.
            data = json.dumps(redacted(json.loads(data))) if sheet.type == "table" else text(data)
        return replace(sheet, data=data, description=text(sheet.description))

    async def _existing(self, client: PrefectClient) -> dict[_Place, _Written]:
        found = await client.read_artifacts(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[self._flow_run_id])),
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(like_="plan-")),
        )
        return {
            (each.key, ""): (each.id, None)
            for each in found
            if each.key and each.key != ON_RECORD and each.task_run_id is None
        }

    async def _put(self, sheet: Sheet, client: PrefectClient) -> None:
        place = (sheet.key, sheet.subject)
        artifact_id, old = self._written.get(place, (None, None))
        if old == sheet:
            return
        async with self._places:
            if artifact_id is not None:
                change = ArtifactUpdate(data=sheet.data, description=sheet.description)
                await client.update_artifact(artifact_id, change)
            else:
                made = await client.create_artifact(
                    ArtifactCreate(
                        key=sheet.key,
                        type=sheet.type,
                        data=sheet.data,
                        description=sheet.description,
                        flow_run_id=self._flow_run_id,
                        task_run_id=sheet.task_run_id,
                    )
                )
                artifact_id = made.id
        self._written[place] = (artifact_id, sheet)
