"""A history in memory, for tests of what reads or writes one."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from agentic_prefect.models.history import (
    ANY,
    NONE,
    AnyEntry,
    DeadLetterEntry,
    EntryT,
    FailureEntry,
    HistoryQuery,
    Metric,
    PromptEntry,
    ReportEntry,
    RunEntry,
    RunPart,
    Summary,
    TaskEntry,
    conditions,
    group,
)
from agentic_prefect.models.history_errors import AlreadyRecorded, NotRecorded

_NAMES: Mapping[type[AnyEntry], str] = {
    RunEntry: "run",
    TaskEntry: "task",
    FailureEntry: "failure",
    DeadLetterEntry: "dead letter",
    PromptEntry: "prompt",
    ReportEntry: "report",
}


class MemoryHistory:
    """A `HistoryStore` that ends with the process."""

    def __init__(self) -> None:
        self._entries: dict[tuple[type[AnyEntry], str], AnyEntry] = {}

    def register(self, *entries: AnyEntry) -> None:
        """Add entries; all of them or none."""
        added: dict[tuple[type[AnyEntry], str], AnyEntry] = {}
        for entry in entries:
            place = (type(entry), entry.id)
            if place in self._entries or place in added:
                raise AlreadyRecorded(_NAMES[type(entry)], entry.id)
            added[place] = entry
        self._entries |= added

    def update(self, *entries: AnyEntry) -> None:
        """Put entries in the place of those with their ids; all of them or none."""
        for entry in entries:
            if (type(entry), entry.id) not in self._entries:
                raise NotRecorded(_NAMES[type(entry)], entry.id)
        self._entries |= {(type(entry), entry.id): entry for entry in entries}

    def get(self, kind: type[EntryT], entry_id: str) -> EntryT | None:
        """The entry with an id, if there is one."""
        found = self._entries.get((kind, entry_id))
        return found if isinstance(found, kind) else None

    def find(self, kind: type[EntryT], query: HistoryQuery = ANY) -> Sequence[EntryT]:
        """The entries that are meant, the latest first."""
        wanted = conditions(kind, query)
        found = [entry for entry in self._entries.values() if isinstance(entry, kind) and _fits(entry, wanted, query)]
        found.sort(key=lambda entry: (entry.at, entry.id), reverse=True)
        return found[: query.latest]

    def count(self, kind: type[EntryT], by: str, query: HistoryQuery = ANY) -> Mapping[str, int]:
        """How many entries there are for each value of a field, the most frequent first."""
        name = group(kind, by)
        counted = Counter(_value(entry, name) for entry in self.find(kind, query))
        return dict(sorted(counted.items(), key=lambda each: (-each[1], each[0])))

    def summarise(self, metric: Metric, by: str, query: HistoryQuery = ANY) -> Mapping[str, Summary]:
        """A metric over tasks for each value of a field."""
        name = group(TaskEntry, by)
        groups: defaultdict[str, list[float | None]] = defaultdict(list)
        for entry in self.find(TaskEntry, query):
            if not entry.composite:
                groups[_value(entry, name)].append(_measured(entry, metric))
        return {key: _summary(groups[key]) for key in sorted(groups)}

    def prune(self, before: datetime) -> int:
        """Remove the runs in which nothing has changed since `before`, with all that belongs to them."""
        kept = {
            entry.run_id
            for entry in self._entries.values()
            if isinstance(entry, RunEntry | TaskEntry) and entry.updated_at >= before
        }
        old = [place for place, entry in self._entries.items() if _is_old(entry, before, kept)]
        for place in old:
            del self._entries[place]
        return len(old)


def _is_old(entry: AnyEntry, before: datetime, kept: set[str]) -> bool:
    match entry:
        case DeadLetterEntry():
            return entry.updated_at < before and entry.status != "open"
        case RunPart():
            return entry.updated_at < before and entry.run_id not in kept
        case _:
            return entry.at < before


def _fits(entry: AnyEntry, wanted: Mapping[str, str], query: HistoryQuery) -> bool:
    return (
        all(getattr(entry, name) == value for name, value in wanted.items())
        and (query.since is None or entry.at >= query.since)
        and (query.until is None or entry.at < query.until)
        and (query.rehearsals or not getattr(entry, "rehearsal", False))
    )


def _value(entry: AnyEntry, name: str) -> str:
    value = getattr(entry, name)
    if value is None:
        return NONE
    return f"{value.id}@{value.version}" if name == "prompt" else str(value)


def _measured(entry: TaskEntry, metric: Metric) -> float | None:
    match metric:
        case "duration_s" | "attempts":
            value = getattr(entry, metric)
        case "tokens":
            value = entry.usage.total_tokens
        case "calls" | "cost_usd":
            value = getattr(entry.usage, metric)
    return None if value is None else float(value)


def _summary(values: Sequence[float | None]) -> Summary:
    known = [value for value in values if value is not None]
    if not known:
        return Summary(count=len(values), known=0)
    total = sum(known)
    return Summary(
        count=len(values), known=len(known), total=total, mean=total / len(known), least=min(known), most=max(known)
    )
