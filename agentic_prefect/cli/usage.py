"""Errors about what a command was asked to do."""

from typing import ClassVar, Self

from agentic_prefect.errors import ErrorCode, TerminalError


class UsageError(TerminalError):
    """A command cannot do what it was asked for, as it was asked."""

    code: ClassVar[ErrorCode] = ErrorCode.PLAN_INVALID


class OutputUnwritable(UsageError, OSError):
    """A file cannot be written."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, why)
        self.path, self.why = path, why

    @classmethod
    def because(cls, path: str, error: OSError) -> Self:
        """The error with the system's own reason."""
        return cls(path, (error.strerror or str(error)).lower())

    def __str__(self) -> str:
        return (
            f"{self.path!r} cannot be written: {self.why}. Give a file in a folder that exists and may be written to."
        )


class InputsUnreadable(UsageError, OSError):
    """The file with values for the inputs cannot be read."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, why)
        self.path, self.why = path, why

    def __str__(self) -> str:
        return f"The inputs {self.path!r} cannot be read: {self.why}. Give a YAML or JSON file with a value per input."
