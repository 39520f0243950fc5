"""The entries of one run on their way into a store."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from agentic_prefect.models.history import AnyEntry, DeadLetterEntry, EntryT, HistoryQuery, RunEntry, TaskEntry
from agentic_prefect.models.usage import Usage
from agentic_prefect.ports import HistoryStore

_Place = tuple[type[AnyEntry], str]


class Pages:
    """Holds the entries of one run, and writes those that changed.

    Args:
        open_store: Gives the store, when it is needed first.
        run_id: The run that is looked for there: one that is run again (Retry in the UI) goes on with what it finds.
            Empty for what is no run of a plan.
        lineage: The work whose dead letters are looked for there.
    """

    def __init__(self, open_store: Callable[[], HistoryStore], run_id: str, lineage: str = "") -> None:
        self._open_store, self._run_id, self._lineage = open_store, run_id, lineage
        self._entries: dict[_Place, AnyEntry] = {}
        self._stored: set[_Place] = set()
        self._unsaved: dict[_Place, None] = {}
        self._earlier: dict[str, TaskEntry] = {}
        self._is_known = not run_id
        self.spent_before = Usage()
        """What earlier passes of the run have consumed."""

    def get(self, kind: type[EntryT], entry_id: str) -> EntryT | None:
        """The entry as it is now."""
        found = self._entries.get((kind, entry_id))
        return found if isinstance(found, kind) else None

    def earlier(self, entry_id: str) -> TaskEntry | None:
        """What became of a task in an earlier pass of the run."""
        return self._earlier.get(entry_id)

    def letters(self) -> Sequence[DeadLetterEntry]:
        """The dead letters of this work, as they are now."""
        return [entry for entry in self._entries.values() if isinstance(entry, DeadLetterEntry)]

    def put(self, entry: AnyEntry, at: datetime, **changes: Any) -> None:
        """Note an entry with its changes, to be written with the next `save`."""
        place = (type(entry), entry.id)
        self._entries[place] = entry.model_copy(update={**changes, "updated_at": at})
        self._unsaved[place] = None

    def look_back(self) -> None:
        """Read what an earlier pass of the same run has left; once.

        Raises:
            HistoryUnusable: The store cannot be read.
        """
        if self._is_known:
            return
        store = self._open_store()
        run = store.get(RunEntry, self._run_id)
        tasks = store.find(TaskEntry, HistoryQuery(run_id=self._run_id, rehearsals=True))
        letters = store.find(DeadLetterEntry, HistoryQuery(lineage=self._lineage, rehearsals=True))
        self._earlier = {task.id: task for task in tasks}
        found: tuple[AnyEntry, ...] = (*tasks, *letters, *([run] if run else []))
        self._entries = {(type(entry), entry.id): entry for entry in found}
        self._stored = set(self._entries)
        self.spent_before = run.usage if run else Usage()
        self._is_known = True

    def save(self) -> None:
        """Write what has changed.

        Raises:
            HistoryUnusable: It cannot be written; it is tried again with the next call.
        """
        new = [place for place in self._unsaved if place not in self._stored]
        changed = [place for place in self._unsaved if place in self._stored]
        if new:
            self._open_store().register(*self._at(new))
            self._stored.update(new)
            for place in new:
                del self._unsaved[place]
        if changed:
            self._open_store().update(*self._at(changed))
        self._unsaved.clear()

    def _at(self, places: Iterable[_Place]) -> list[AnyEntry]:
        return [self._entries[place] for place in places]
