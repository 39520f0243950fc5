"""What a store of the history refuses, and what keeps it from working."""

from agentic_prefect.errors import TerminalError


class AlreadyRecorded(TerminalError):
    """An entry was registered that is there already."""

    def __init__(self, kind: str, entry_id: str) -> None:
        super().__init__(kind, entry_id)
        self.kind, self.entry_id = kind, entry_id

    def __str__(self) -> str:
        return (
            f"The history has a {self.kind} {self.entry_id!r} already, and nothing was changed. "
            f"Use `update` for what is there, or another id for what is new."
        )


class NotRecorded(TerminalError, LookupError):
    """An entry was to be changed that was never registered."""

    def __init__(self, kind: str, entry_id: str) -> None:
        super().__init__(kind, entry_id)
        self.kind, self.entry_id = kind, entry_id

    def __str__(self) -> str:
        return (
            f"The history has no {self.kind} {self.entry_id!r}, and nothing was changed. "
            f"Use `register` for what is new."
        )


class UnknownCondition(TerminalError, ValueError):
    """A question asks for something that entries of this kind do not have."""

    def __init__(self, kind: str, asked: str, known: tuple[str, ...]) -> None:
        super().__init__(kind, asked, known)
        self.kind, self.asked, self.known = kind, asked, known

    def __str__(self) -> str:
        return f"A {self.kind} has no {self.asked!r}. It has: {', '.join(self.known)}."


class AmbiguousId(TerminalError, ValueError):
    """An id was given, and content to derive one from."""

    def __init__(self, given: str) -> None:
        super().__init__(given)
        self.given = given

    def __str__(self) -> str:
        return f"The id {self.given!r} was given, and content to derive an id from. Give one of the two, or neither."


class HistoryUnusable(TerminalError, OSError):
    """The store cannot be opened, read or written."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(where, why)
        self.where, self.why = where, why

    def __str__(self) -> str:
        return (
            f"The history at {self.where!r} cannot be used: {self.why}. Set "
            f"PREFECT_INTEGRATIONS_AGENTIC_HISTORY_URL to a database that can be, or "
            f"PREFECT_INTEGRATIONS_AGENTIC_HISTORY to false to keep none."
        )
